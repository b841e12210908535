//! Fields that several forms of a message body have.

use serde_json::{Map, Value};

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::message::malformed::{MAX_METADATA, Malformed, json_type};
use crate::text::clean::cut;

/// How much of an unknown `type` an error shows, in characters.
const TYPE_SHOWN: usize = 40;

/// How much of an `event_id` that cannot be a key an error shows, in characters.
const KEY_SHOWN: usize = 40;

/// The word of `type`.
///
/// # Errors
/// When there is none.
pub(super) fn type_word(fields: &Map<String, Value>) -> Result<&str, Malformed> {
    match fields.get("type") {
        None => Err(Malformed::Missing("type")),
        Some(Value::String(word)) => Ok(word),
        Some(other) => Err(Malformed::WrongType("type", "a string", json_type(other))),
    }
}

/// The reason for a `type` that no form has.
pub(super) fn unknown_type(word: &str) -> Malformed {
    Malformed::UnknownType(cut(word, TYPE_SHOWN))
}

/// The key of an event. A number is the text of a number where keys are text. Where they are numbers, a text is none: the publisher has mixed
/// something up.
///
/// # Errors
/// When the value is no key. `field` is its name.
pub(super) fn event_id(field: &'static str, value: &Value, keys: EventKeyType) -> Result<EventId, Malformed> {
    let key = match (value, keys) {
        (Value::Number(number), _) => {
            let key = number.as_i64().map(EventId::Number);
            key.ok_or_else(|| match keys {
                EventKeyType::Number => Malformed::BadEventId(number.to_string()),
                _ => Malformed::NotString(number.to_string(), keys),
            })?
        }
        (Value::String(text), keys) if keys != EventKeyType::Number => {
            EventId::from_text(text).map_err(|reason| Malformed::BadEventKey(shown(text), reason))?
        }
        (other, EventKeyType::Number) => {
            return Err(Malformed::WrongType(field, "a whole number", json_type(other)));
        }
        (other, _) => return Err(Malformed::WrongType(field, "a string", json_type(other))),
    };
    keys.accept(key).map_err(|reason| Malformed::BadEventKey(key.to_string(), reason))
}

/// In quotes and with escapes.
fn shown(text: &str) -> String {
    cut(format!("{:?}", cut(text, KEY_SHOWN)), KEY_SHOWN)
}

/// A text, or nothing. Blanks around it are cut off, and an empty one is none.
///
/// # Errors
/// When the value is something else. `field` is its name.
pub(super) fn optional_text(field: &'static str, value: Option<&Value>) -> Result<Option<String>, Malformed> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(other) => Err(Malformed::WrongType(field, "a string", json_type(other))),
    }
}

/// The publisher's own fields.
///
/// # Errors
/// When it is no object, or is too large.
pub(super) fn metadata(value: Option<&Value>) -> Result<Map<String, Value>, Malformed> {
    let metadata = match value {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(metadata)) => metadata,
        Some(other) => return Err(Malformed::WrongType("metadata", "an object", json_type(other))),
    };
    match serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len()) {
        ..=MAX_METADATA => Ok(metadata.clone()),
        length => Err(Malformed::MetadataTooLarge(length)),
    }
}
