//! The bare form of a message body: `{"type":"UPDATED","event_id":123}`, or with a text as the key. Unknown fields are ignored,
//! so that publishers may add their own.

use serde_json::{Map, Value};

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::malformed::{Malformed, json_type};
use crate::text::clean::cut;

/// How much of an unknown `type` an error shows, in characters.
const TYPE_SHOWN: usize = 40;

/// How much of an `event_id` that cannot be a key an error shows, in characters.
const KEY_SHOWN: usize = 40;

/// Kind and event of the fields of a body, for an application with such keys.
///
/// # Errors
/// When a field is missing, or its value is none that the form allows.
pub(super) fn read(fields: &Map<String, Value>, keys: EventKeyType) -> Result<(Kind, EventId), Malformed> {
    let kind = match fields.get("type") {
        None => return Err(Malformed::Missing("type")),
        Some(Value::String(word)) => {
            Kind::from_word(word).ok_or_else(|| Malformed::UnknownType(cut(word, TYPE_SHOWN)))?
        }
        Some(other) => return Err(Malformed::WrongType("type", "a string", json_type(other))),
    };
    let value = fields.get("event_id").ok_or(Malformed::Missing("event_id"))?;
    Ok((kind, read_event_id(value, keys)?))
}

/// A number is the text of a number where keys are text. Where they are numbers, a text is none: the publisher has mixed
/// something up.
fn read_event_id(value: &Value, keys: EventKeyType) -> Result<EventId, Malformed> {
    let key = match (value, keys) {
        (Value::Number(number), _) => {
            let key = number.as_i64().map(EventId::Number);
            key.ok_or_else(|| match keys {
                EventKeyType::Number => Malformed::BadEventId(number.to_string()),
                _ => Malformed::NotString(number.to_string(), keys),
            })?
        }
        (Value::String(text), EventKeyType::Text | EventKeyType::TextUpTo(_) | EventKeyType::Uuid) => {
            EventId::from_text(text).map_err(|reason| Malformed::BadEventKey(shown(text), reason))?
        }
        (other, EventKeyType::Number) => {
            return Err(Malformed::WrongType("event_id", "a whole number", json_type(other)));
        }
        (other, _) => return Err(Malformed::WrongType("event_id", "a string", json_type(other))),
    };
    keys.accept(key).map_err(|reason| Malformed::BadEventKey(key.to_string(), reason))
}

/// In quotes and with escapes.
fn shown(text: &str) -> String {
    cut(format!("{:?}", cut(text, KEY_SHOWN)), KEY_SHOWN)
}
