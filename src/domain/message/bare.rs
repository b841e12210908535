//! The bare form of a message body: `{"type":"UPDATED","event_id":123}`. Unknown fields are ignored, so that publishers
//! may add their own.

use serde_json::{Map, Value};

use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::malformed::{Malformed, json_type};
use crate::text::clean::cut;

/// How much of an unknown `type` an error shows, in characters.
const TYPE_SHOWN: usize = 40;

/// Kind and event of the fields of a body.
///
/// # Errors
/// When a field is missing, or its value is none that the form allows.
pub(super) fn read(fields: &Map<String, Value>) -> Result<(Kind, EventId), Malformed> {
    let kind = match fields.get("type") {
        None => return Err(Malformed::Missing("type")),
        Some(Value::String(word)) => {
            Kind::from_word(word).ok_or_else(|| Malformed::UnknownType(cut(word, TYPE_SHOWN)))?
        }
        Some(other) => return Err(Malformed::WrongType("type", "a string", json_type(other))),
    };
    let event_id = match fields.get("event_id") {
        None => return Err(Malformed::Missing("event_id")),
        Some(Value::Number(number)) => {
            number.as_i64().map(EventId).ok_or_else(|| Malformed::BadEventId(number.to_string()))?
        }
        Some(other) => {
            return Err(Malformed::WrongType("event_id", "a whole number", json_type(other)));
        }
    };
    Ok((kind, event_id))
}
