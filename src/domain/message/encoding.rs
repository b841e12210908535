//! How the body of a message is written, in the form that it has: what decoding reads as the same message. The only place that does
//! it.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::message::details::{BadDetails, DetailsJson, EventFacts, MessageDetails};
use crate::domain::message::recipient::GivenRecipient;

/// A message has no body that could be written.
#[derive(Debug, thiserror::Error)]
pub enum NoBody {
    /// Another program has written its details into the ledger.
    #[error(transparent)]
    Details(#[from] BadDetails),
    /// It has no form of fanmail's own.
    #[error("a route has made it of a message that only its publisher has")]
    Routed,
}

impl Message {
    /// The body of this message, which [`Message::decode`] reads. It may be longer than a body may be.
    ///
    /// # Errors
    /// When it has none.
    pub fn encode(&self) -> Result<String, NoBody> {
        if self.source.is_some() || self.kind == Kind::Routed {
            return Err(NoBody::Routed);
        }
        let details = MessageDetails::read(self.details.as_ref())?;
        let body = match self.recipients.as_deref() {
            None => self.about_an_event(details),
            Some(recipients) if details.notice.is_some() => Value::Object(notice(details, recipients)),
            Some(recipients) => batch(recipients)?,
        };
        Ok(body.to_string())
    }

    fn about_an_event(&self, details: MessageDetails) -> Value {
        let mut fields = Map::new();
        if let Some(event) = details.event {
            fields.insert("type".into(), format!("event_{}", self.kind.as_str().to_ascii_lowercase()).into());
            fields.insert("event".into(), facts(json!(self.event_id), event));
        } else {
            fields.insert("type".into(), self.kind.as_str().into());
            fields.insert("event_id".into(), json!(self.event_id));
        }
        insert(&mut fields, "note", details.note);
        insert(&mut fields, "reason", details.reason);
        insert(&mut fields, "priority", self.priority.map(|priority| priority.as_str().to_owned()));
        insert_metadata(&mut fields, details.metadata);
        Value::Object(fields)
    }
}

fn facts(event_id: Value, event: EventFacts) -> Value {
    let mut fields = Map::new();
    fields.insert("event_id".into(), event_id);
    fields.insert("event_name".into(), event.title.into());
    insert(&mut fields, "description", event.description);
    insert(&mut fields, "location", event.location);
    insert(&mut fields, "start_time", event.starts_at);
    insert(&mut fields, "end_time", event.ends_at);
    insert(&mut fields, "timezone", event.timezone);
    insert(&mut fields, "url", event.url);
    Value::Object(fields)
}

/// A notice to these recipients, who are users first and then people with addresses.
fn notice(details: MessageDetails, recipients: &[GivenRecipient]) -> Map<String, Value> {
    let mut fields = Map::new();
    let ids: Vec<Value> = recipients.iter().filter_map(|one| one.user_key.as_deref().map(user_id)).collect();
    let people: Vec<Value> = recipients.iter().filter(|one| one.user_key.is_none()).map(person).collect();
    match <[Value; 1]>::try_from(ids) {
        Ok([id]) => drop(fields.insert("recipient_user_id".into(), id)),
        Err(ids) if ids.is_empty() => {}
        Err(ids) => drop(fields.insert("recipient_user_ids".into(), ids.into())),
    }
    if !people.is_empty() {
        fields.insert("recipients".into(), people.into());
    }
    let notice = details.notice.unwrap_or_default();
    insert(&mut fields, "message", Some(notice.message));
    insert(&mut fields, "title", notice.title);
    insert(&mut fields, "url", notice.url);
    insert(&mut fields, "notification_type", notice.notification_type);
    insert(&mut fields, "priority", notice.priority);
    insert_metadata(&mut fields, details.metadata);
    fields
}

/// A number is shorter than its text.
fn user_id(key: &str) -> Value {
    match key.parse::<i64>() {
        Ok(number) if number.to_string() == key => number.into(),
        _ => key.into(),
    }
}

/// An address alone is shorter than an object with nothing else.
fn person(one: &GivenRecipient) -> Value {
    let mut fields = Map::new();
    insert(&mut fields, "name", one.name.clone());
    insert(&mut fields, "locale", one.locale.clone());
    match &one.email {
        Some(email) if fields.is_empty() => email.clone().into(),
        email => {
            insert(&mut fields, "email", email.clone());
            Value::Object(fields)
        }
    }
}

/// A notice for each group of recipients who are told the same.
fn batch(recipients: &[GivenRecipient]) -> Result<Value, BadDetails> {
    let mut notices = Vec::new();
    for group in groups(recipients) {
        let details = MessageDetails::read(group.first().and_then(|one| one.details.as_ref()))?;
        notices.push(Value::Object(notice(details, group)));
    }
    Ok(notices.into())
}

/// Neighbours whom one notice may name: each of them once, and users in front of addresses.
fn groups(recipients: &[GivenRecipient]) -> Vec<&[GivenRecipient]> {
    let mut groups = Vec::new();
    let mut rest = recipients;
    while !rest.is_empty() {
        let (group, behind) = rest.split_at(length_of_group(rest));
        groups.push(group);
        rest = behind;
    }
    groups
}

fn length_of_group(recipients: &[GivenRecipient]) -> usize {
    let mut seen = HashSet::new();
    let mut last: Option<&GivenRecipient> = None;
    for one in recipients {
        let goes_on = last.is_none_or(|last| {
            told(one) == told(last) && (last.user_key.is_some() || one.user_key.is_none())
        });
        if !goes_on || !seen.insert(one) {
            break;
        }
        last = Some(one);
    }
    seen.len()
}

fn told(one: &GivenRecipient) -> Option<&str> {
    one.details.as_ref().map(DetailsJson::as_str)
}

fn insert(fields: &mut Map<String, Value>, name: &str, value: Option<String>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

fn insert_metadata(fields: &mut Map<String, Value>, metadata: Map<String, Value>) {
    if !metadata.is_empty() {
        fields.insert("metadata".to_owned(), metadata.into());
    }
}
