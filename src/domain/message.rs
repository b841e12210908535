//! What a publisher sends: how the body of a message is read and written. One file for each form of body, and for each sort of
//! envelope around one.

mod bare;
pub mod cloud_event;
pub mod details;
mod envelope;
mod event_form;
mod fields;
pub mod identity;
pub mod malformed;
pub mod origin;

use std::fmt;

use serde_json::{Map, Value, json};

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::details::{DetailsJson, MessageDetails};
use crate::domain::message::malformed::{MAX_BODY, Malformed, json_type};
use crate::domain::message::origin::Origin;

/// A message that could be read: not yet accepted, and in no ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Message {
    /// What happened to the event.
    pub kind: Kind,
    /// The event.
    pub event_id: EventId,
    /// What it carries beyond that. The ledger has it in the column `content`.
    pub details: Option<DetailsJson>,
}

/// A body that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The message.
    pub message: Message,
    /// What its envelope says about it.
    pub origin: Origin,
}

impl Message {
    /// A message that carries nothing more.
    #[must_use]
    pub const fn new(kind: Kind, event_id: EventId) -> Self {
        Self { kind, event_id, details: None }
    }

    /// Whether another message with the same id asks for the same notification. What it carries may be written differently when it is
    /// published again.
    #[must_use]
    pub fn asks_for_same(&self, other: &Self) -> bool {
        (self.kind, self.event_id) == (other.kind, other.event_id)
    }

    /// The body of this message in the bare form, without what it carries, which [`Message::decode`] reads.
    #[must_use]
    pub fn encode(&self) -> String {
        json!({"type": self.kind.as_str(), "event_id": self.event_id}).to_string()
    }

    /// Reads a message body such as `{"type":"UPDATED","event_id":123}`, or in another form, perhaps in an envelope, for an
    /// application whose events have such keys. Unknown fields are ignored, so that publishers may add their own.
    ///
    /// # Errors
    /// One sentence for the person who finds the dead letter: why the body cannot be read.
    pub fn decode(body: &[u8], keys: EventKeyType) -> Result<Decoded, Malformed> {
        if body.len() > MAX_BODY {
            return Err(Malformed::TooLarge(body.len()));
        }
        let or = |reason| Malformed::of_first_bytes(body).unwrap_or(reason);
        let text = std::str::from_utf8(body).map_err(|_| or(Malformed::NotUtf8))?;
        let value: Value =
            serde_json::from_str(text).map_err(|error| or(Malformed::NotJson(error.to_string())))?;
        let Value::Object(fields) = value else {
            return Err(Malformed::NotAnObject(json_type(&value)));
        };
        let (origin, fields) = open_envelope(fields)?;
        let (kind, event_id, event) = if event_form::carries_event(&fields) {
            let (kind, event_id, event) = event_form::read(&fields, keys)?;
            (kind, event_id, Some(event))
        } else {
            let (kind, event_id) = bare::read(&fields, keys)?;
            (kind, event_id, None)
        };
        let details = MessageDetails {
            note: fields::optional_text("note", fields.get("note"))?,
            reason: fields::optional_text("reason", fields.get("reason"))?,
            metadata: fields::metadata(fields.get("metadata"))?,
            event,
        };
        Ok(Decoded { message: Self { kind, event_id, details: details.to_json() }, origin })
    }
}

/// What the envelope says, if there is one, and the fields of the message.
fn open_envelope(fields: Map<String, Value>) -> Result<(Origin, Map<String, Value>), Malformed> {
    let is_enveloped = |fields: &_| cloud_event::is_cloud_event(fields) || envelope::is_envelope(fields);
    if !is_enveloped(&fields) {
        return Ok((Origin::default(), fields));
    }
    let opened = if cloud_event::is_cloud_event(&fields) {
        cloud_event::open(fields)?
    } else {
        envelope::open(fields)?
    };
    if is_enveloped(&opened.1) { Err(Malformed::Nested) } else { Ok(opened) }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of event {}", self.kind, self.event_id)
    }
}

#[cfg(test)]
mod tests;
