//! The JSON of replies and events, as `docs/schema` describes it. None of it has an address of a recipient.

use serde::Serialize;

use crate::domain::audience::Audience;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::outcome::Tally;
use crate::store::ledger::failures::Failure;
use crate::store::ledger::row::NotificationRecord;
use crate::text::mask::mask;
use crate::text::timestamp::rfc3339;

/// The routing key of the event that a notification is completed.
pub(super) const COMPLETED: &str = "notification.completed";
/// The routing key of the event that a mail has failed.
pub(super) const FAILED: &str = "delivery.failed";

/// How many people a notification was for, and what became of their mails.
#[derive(Serialize)]
struct Numbers {
    participants: u64,
    sent: u64,
    /// Those of `sent` that are of dry-run mode.
    dry_run: u64,
    /// Mails that were sent and have come back already.
    bounced: u64,
    complained: u64,
    failed: u64,
    skipped: u64,
    deferred: u64,
    pending: u64,
}

#[derive(Serialize)]
struct Reply<'a> {
    notification: NotificationId,
    message_id: Option<&'a str>,
    state: &'static str,
    superseded_by: Option<NotificationId>,
    #[serde(flatten)]
    numbers: Numbers,
}

/// Which notification an event is about.
#[derive(Serialize)]
struct Of<'a> {
    notification: NotificationId,
    kind: &'static str,
    event_id: Option<EventId>,
    message_id: Option<&'a str>,
}

#[derive(Serialize)]
struct CompletedEvent<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    superseded_by: Option<NotificationId>,
    #[serde(flatten)]
    numbers: Numbers,
    completed_at: Option<String>,
}

#[derive(Serialize)]
struct FailedEvent<'a> {
    #[serde(flatten)]
    of: Of<'a>,
    participant: Option<Key<'a>>,
    code: Option<i32>,
    reason: String,
    permanent: bool,
    attempts: i32,
    failed_at: String,
}

/// A key of the application.
#[derive(Serialize)]
#[serde(untagged)]
enum Key<'a> {
    Number(ParticipantId),
    Text(&'a str),
}

/// The reply to a message whose notification has ended or is set aside.
pub(super) fn reply(record: &NotificationRecord, tally: &Tally) -> Vec<u8> {
    to_json(&Reply {
        notification: record.notification.id,
        message_id: record.message_key.as_deref(),
        state: record.state.as_str(),
        superseded_by: record.superseded_by,
        numbers: tally.into(),
    })
}

pub(super) fn completed(record: &NotificationRecord, tally: &Tally) -> Vec<u8> {
    let completed_at = record.completed_at.map(|time| rfc3339(time.and_utc()));
    let superseded_by = record.superseded_by;
    to_json(&CompletedEvent { of: record.into(), superseded_by, numbers: tally.into(), completed_at })
}

/// `key`: of someone who is listed in the ledger, the application's key.
pub(super) fn failed(record: &NotificationRecord, failure: &Failure, key: Option<&str>) -> Vec<u8> {
    let participant = match (key, record.notification.audience) {
        (Some(key), _) => Some(Key::Text(key)),
        (None, Audience::Event { .. }) => Some(Key::Number(failure.participant_id)),
        // Someone whom a notice names by the address.
        (None, _) => None,
    };
    to_json(&FailedEvent {
        of: record.into(),
        participant,
        code: failure.code,
        reason: mask(failure.detail.as_deref().unwrap_or_default()),
        permanent: failure.permanent,
        attempts: failure.attempts,
        failed_at: rfc3339(failure.decided_at.and_utc()),
    })
}

impl From<&Tally> for Numbers {
    fn from(tally: &Tally) -> Self {
        let Tally {
            participants,
            sent,
            dry_run,
            bounced,
            complained,
            failed,
            skipped,
            deferred,
            pending,
            ..
        } = *tally;
        Self { participants, sent, dry_run, bounced, complained, failed, skipped, deferred, pending }
    }
}

impl<'a> From<&'a NotificationRecord> for Of<'a> {
    fn from(record: &'a NotificationRecord) -> Self {
        Self {
            notification: record.notification.id,
            kind: record.notification.kind.as_str(),
            event_id: record.notification.event_id,
            message_id: record.message_key.as_deref(),
        }
    }
}

fn to_json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).unwrap_or_else(|error| {
        log::error!("JSON cannot be written (a bug in fanmail): {error}");
        b"{}".to_vec()
    })
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDateTime;
    use serde_json::{Value, from_slice};

    use super::*;
    use crate::domain::channel::ChannelName;
    use crate::domain::ids::Epoch;
    use crate::domain::kind::Kind;
    use crate::domain::notification::Notification;
    use crate::domain::priority::Priority;
    use crate::store::ledger::row::NotificationState;

    fn record(event_id: Option<EventId>, audience: Audience) -> NotificationRecord {
        let (id, kind, priority) = (NotificationId(7), Kind::Updated, Priority::Medium);
        NotificationRecord {
            notification: Notification { id, kind, event_id, audience, priority },
            details: None,
            channel: ChannelName::Email,
            message_key: Some("m-1".to_owned()),
            state: NotificationState::Completed,
            received_at: NaiveDateTime::default(),
            completed_at: Some(NaiveDateTime::default()),
            acked_at: None,
            epoch: Epoch(1),
            holder: None,
            broker_session: None,
            reason: None,
            not_before: None,
            superseded_by: None,
            coalescing_since: None,
        }
    }

    fn of_event() -> NotificationRecord {
        let id = EventId::Number(123);
        record(Some(id), Audience::Event { id, up_to: ParticipantId(9) })
    }

    fn failure() -> Failure {
        Failure {
            participant_id: ParticipantId(4),
            permanent: true,
            attempts: 1,
            code: Some(550),
            detail: Some("550 5.1.1 <ann@example.com>: no such user".to_owned()),
            decided_at: NaiveDateTime::default(),
        }
    }

    /// The fields of a body are those of the first example of its schema, which `tests/schemas.rs` holds against the schema.
    #[track_caller]
    fn is_as_described(body: &[u8], schema: &str) {
        let schema: Value = serde_json::from_str(schema).unwrap();
        let fields = |value: &Value| {
            let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            names.sort();
            names
        };
        assert_eq!(fields(&from_slice(body).unwrap()), fields(&schema["examples"][0]));
    }

    #[test]
    fn bodies_have_the_fields_that_the_schemas_describe() {
        let tally = Tally { participants: 3, sent: 2, failed: 1, ..Tally::default() };
        is_as_described(&reply(&of_event(), &tally), include_str!("../../../docs/schema/reply.json"));
        is_as_described(
            &completed(&of_event(), &tally),
            include_str!("../../../docs/schema/notification-completed.json"),
        );
        is_as_described(
            &failed(&of_event(), &failure(), None),
            include_str!("../../../docs/schema/delivery-failed.json"),
        );
    }

    #[test]
    fn what_supersedes_a_notification_is_named() {
        let superseded_by = Some(NotificationId(12));
        let record = NotificationRecord { superseded_by, ..of_event() };
        for body in [reply(&record, &Tally::default()), completed(&record, &Tally::default())] {
            assert_eq!(from_slice::<Value>(&body).unwrap()["superseded_by"], 12);
        }
    }

    #[test]
    fn a_failure_has_the_key_of_the_application_and_no_address() {
        let participant = |record: &NotificationRecord, key| {
            let body: Value = from_slice(&failed(record, &failure(), key)).unwrap();
            assert_eq!(body["reason"], "550 5.1.1 <a***@example.com>: no such user");
            body["participant"].clone()
        };
        assert_eq!(participant(&of_event(), None), 4);
        let id = EventId::Number(123);
        assert_eq!(participant(&record(Some(id), Audience::Recipients { id }), Some("p-4")), "p-4");
        let notice = record(None, Audience::Given { count: 9 });
        assert_eq!(participant(&notice, Some("7")), "7");
        assert_eq!(participant(&notice, None), Value::Null);
    }
}
