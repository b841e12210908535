//! What a publisher sends: how the body of a message is read and written. One file for each form of body, and for each sort of
//! envelope around one.

pub mod bare;
pub mod cloud_event;
mod envelope;
pub mod identity;
pub mod malformed;
pub mod origin;

use std::fmt;

use serde_json::{Map, Value, json};

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::malformed::{MAX_BODY, Malformed, json_type};
use crate::domain::message::origin::Origin;

/// A message that could be read: not yet accepted, and in no ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Message {
    /// What happened to the event.
    pub kind: Kind,
    /// The event.
    pub event_id: EventId,
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
    /// The body of this message in the bare form, which [`Message::decode`] reads.
    #[must_use]
    pub fn encode(self) -> String {
        json!({"type": self.kind.as_str(), "event_id": self.event_id}).to_string()
    }

    /// Reads a message body such as `{"type":"UPDATED","event_id":123}`, or one in an envelope, for an application whose events have
    /// such keys. Unknown fields are ignored, so that publishers may add their own.
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
        let (kind, event_id) = bare::read(&fields, keys)?;
        Ok(Decoded { message: Self { kind, event_id }, origin })
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
