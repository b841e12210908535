//! The bare form of a message body: `{"type":"UPDATED","event_id":123}`, or with a text as the key. Unknown fields are ignored,
//! so that publishers may add their own.

use serde_json::{Map, Value};

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::fields::{event_id, type_word, unknown_type};
use crate::domain::message::malformed::Malformed;

/// Kind and event of the fields of a body, for an application with such keys.
///
/// # Errors
/// When a field is missing, or its value is none that the form allows.
pub(super) fn read(fields: &Map<String, Value>, keys: EventKeyType) -> Result<(Kind, EventId), Malformed> {
    let word = type_word(fields)?;
    let kind = Kind::of_event(word).ok_or_else(|| unknown_type(word))?;
    let value = fields.get("event_id").ok_or(Malformed::Missing("event_id"))?;
    Ok((kind, event_id("event_id", value, keys)?))
}
