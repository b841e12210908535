//! The fields of what `fanmail person export` prints (docs/personal-data.md). Of texts that others can read, too, only what is about the person
//! is shown: an answer to one person must not tell of another one.

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};

use crate::domain::written_address::WrittenAddress;
use crate::store::person::entries::{
    DeferralEntry, Entry, NotificationEntry, OutcomeEntry, RecipientEntry, SoftBounce,
};
use crate::store::person::mentions::Mention;
use crate::store::person::outbox_rows::OutboxEntry;
use crate::store::person::{AppRow, Person};
use crate::store::suppressions::Suppression;
use crate::text::timestamp::rfc3339;

/// The format of the document. It grows by new fields; another number is for other changes.
const SCHEMA_VERSION: u32 = 1;

/// Before the lists: what the document is about, and by what it was found.
pub(super) fn head(person: &Person, now: DateTime<Utc>) -> [(&'static str, Value); 6] {
    let rows = |rows: &[AppRow]| rows.iter().map(app_row).collect::<Vec<Value>>();
    [
        ("schema_version", json!(SCHEMA_VERSION)),
        ("exported_at", json!(rfc3339(now))),
        ("address", json!(person.address.as_str())),
        ("address_hash", json!(person.hash.to_string())),
        (
            "rows_of_application",
            json!({"participants": rows(&person.participants), "users": rows(&person.users)}),
        ),
        ("keys", json!({"participants": person.keys.participants, "users": person.keys.users})),
    ]
}

fn app_row(AppRow { event_id, key, email, name, locale }: &AppRow) -> Value {
    let event_id = event_id.map(|id| id.to_string());
    json!({"event_id": event_id, "key": key, "email": email, "name": name, "locale": locale})
}

/// A mail to the person, sent or not.
pub(super) fn mail(entry: &Entry) -> Value {
    json!({
        "notification_id": entry.place.notification_id,
        "participant_id": entry.place.participant_id,
        "notification": entry.notification.as_ref().map(notification),
        "recipient": entry.recipient.as_ref().map(recipient),
        "outcome": entry.outcome.as_ref().map(outcome),
        "deferral": entry.deferral.as_ref().map(deferral),
    })
}

fn notification(one: &NotificationEntry) -> Value {
    json!({
        "kind": one.kind,
        "event_id": one.event_id.map(|id| id.to_string()).or_else(|| one.event_key.clone()),
        "state": one.state,
        "message_id": one.message_key,
        "received_at": time(one.received_at),
        "completed_at": one.completed_at.map(time),
        "message": one.content.as_deref().map(as_json),
    })
}

fn recipient(RecipientEntry { user_key, email, name, locale, data }: &RecipientEntry) -> Value {
    let data = data.as_deref().map(as_json);
    json!({"key": user_key, "email": email, "name": name, "locale": locale, "data": data})
}

fn outcome(one: &OutcomeEntry) -> Value {
    json!({
        "status": one.status,
        "attempts": one.attempts,
        "permanent": one.permanent,
        "smtp_code": one.smtp_code,
        "detail": one.detail,
        "decided_at": time(one.decided_at),
        "reported_code": one.reported_code,
        "reported_at": one.reported_at.map(time),
    })
}

fn deferral(DeferralEntry { tries, next_try_at, smtp_code, detail }: &DeferralEntry) -> Value {
    json!({"tries": tries, "next_try_at": time(*next_try_at), "smtp_code": smtp_code, "detail": detail})
}

/// A text of the ledger with the address in it.
pub(super) fn mention(one: &Mention, address: &WrittenAddress) -> Value {
    json!({
        "table": one.table.name(),
        "column": one.column.name(),
        "notification_id": one.notification_id,
        "participant_id": one.participant_id,
        "texts": about(&as_json(&one.text), address),
    })
}

/// The same on the list of recipients, beside the name or the data of another recipient.
pub(super) fn mention_in_recipient(entry: &Entry, address: &WrittenAddress) -> Option<Value> {
    let row = entry.recipient.as_ref()?;
    let texts = json!([row.name, row.data.as_deref().map(as_json)]);
    Some(json!({
        "table": "recipients",
        "column": if row.data.as_deref().is_some_and(|data| address.is_in_json(data)) { "data" } else { "name" },
        "notification_id": entry.place.notification_id,
        "participant_id": entry.place.participant_id,
        "texts": about(&texts, address),
    }))
}

/// A row of the outbox.
pub(super) fn outbox_row(row: &OutboxEntry, address: &WrittenAddress) -> Value {
    json!({
        "id": row.id,
        "message_id": row.message_id,
        "taken": row.is_taken,
        "texts": about(&as_json(&row.body), address),
    })
}

pub(super) fn suppression(row: &Suppression) -> Value {
    json!({
        "scope": row.scope,
        "reason": row.reason,
        "source": row.source,
        "address": row.address,
        "created_at": time(row.created_at),
    })
}

pub(super) fn soft_bounce(SoftBounce { place, reported_at }: &SoftBounce) -> Value {
    json!({
        "notification_id": place.notification_id,
        "participant_id": place.participant_id,
        "reported_at": time(*reported_at),
    })
}

/// The objects and texts with the address in them, each the smallest one, without the objects and lists in those.
fn about(value: &Value, address: &WrittenAddress) -> Vec<Value> {
    match value {
        Value::String(text) if address.is_in(text) => vec![value.clone()],
        Value::Array(values) => values.iter().flat_map(|value| about(value, address)).collect(),
        Value::Object(fields) => {
            let is_here = fields.iter().any(|(name, value)| {
                address.is_in(name) || value.as_str().is_some_and(|text| address.is_in(text))
            });
            let inner = fields.values().filter(|value| value.is_array() || value.is_object());
            let mut found: Vec<Value> = inner.flat_map(|value| about(value, address)).collect();
            if is_here {
                let plain = fields.iter().filter(|(_, value)| !value.is_array() && !value.is_object());
                found.insert(0, plain.map(|(name, value)| (name.clone(), value.clone())).collect());
            }
            found
        }
        _ => Vec::new(),
    }
}

/// JSON as it is; another text as a text.
fn as_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn time(time: NaiveDateTime) -> String {
    rfc3339(time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_message_only_what_is_about_the_person_is_shown() {
        let address = WrittenAddress::new("ada@example.org");
        let message = json!({
            "type": "NOTICE",
            "text": "Dear all",
            "to": [{"address": "Ada@Example.org", "name": "Ada", "data": {"seat": 1}}, {"address": "bob@example.org"}],
            "cc": ["bob@example.org", "Ada <ada@example.org>"],
        });
        let texts = json!(["Ada <ada@example.org>", {"address": "Ada@Example.org", "name": "Ada"}]);
        let mut found = about(&message, &address);
        found.sort_by_key(Value::is_object);
        assert_eq!(json!(found), texts);
        let to_her = json!({"to": "ada@example.org", "text": "Hello", "bcc": ["bob@example.org"]});
        assert_eq!(about(&to_her, &address), [json!({"to": "ada@example.org", "text": "Hello"})]);
        assert_eq!(about(&as_json("550 <ada@example.org>"), &address), ["550 <ada@example.org>"]);
        assert!(about(&json!({"to": "bob@example.org"}), &address).is_empty());
    }
}
