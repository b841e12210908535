//! The form of a message body that carries its event: `{"type":"event_updated","event":{"event_id":…,"event_name":…,…}}`. The mail
//! shows these facts, and the participants come from the database.

use serde_json::{Map, Value};

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::details::EventFacts;
use crate::domain::message::fields::{event_id, optional_text, type_word, unknown_type};
use crate::domain::message::malformed::{Malformed, json_type};
use crate::domain::times;
use crate::text::clean::cut;

/// How much of a time that cannot be read an error shows, in characters.
const TIME_SHOWN: usize = 40;

/// Whether the fields are those of a message that carries its event. A bare message may have a field `event` of its own.
pub(super) fn carries_event(fields: &Map<String, Value>) -> bool {
    fields.contains_key("event") && !fields.contains_key("event_id")
}

/// Whether the fields name one of the kinds and an event, in this form or in the bare one.
pub(super) fn names_kind_and_event(fields: &Map<String, Value>) -> bool {
    let has_event = fields.contains_key("event_id") || fields.contains_key("event");
    has_event && type_word(fields).is_ok_and(|word| kind(word).is_some())
}

/// Kind, key and facts of the event, for an application with such keys. The fields may also have the names of columns of `events`.
///
/// # Errors
/// When a field is missing, or its value is none that the form allows.
pub(super) fn read(
    fields: &Map<String, Value>,
    keys: EventKeyType,
) -> Result<(Kind, EventId, EventFacts), Malformed> {
    let word = type_word(fields)?;
    let kind = kind(word).ok_or_else(|| unknown_type(word))?;
    let event = match fields.get("event") {
        Some(Value::Object(event)) => event,
        Some(other) => return Err(Malformed::WrongType("event", "an object", json_type(other))),
        None => return Err(Malformed::Missing("event")),
    };
    let either = |name: &str, column: &str| event.get(name).or_else(|| event.get(column));
    let id = either("event_id", "id").ok_or(Malformed::Missing("event.event_id"))?;
    let title = optional_text("event.event_name", either("event_name", "title"))?;
    let facts = EventFacts {
        title: title.ok_or(Malformed::Missing("event.event_name"))?,
        description: optional_text("event.description", event.get("description"))?,
        location: optional_text("event.location", event.get("location"))?,
        starts_at: optional_time("event.start_time", either("start_time", "starts_at"))?,
        ends_at: optional_time("event.end_time", either("end_time", "ends_at"))?,
        timezone: optional_text("event.timezone", event.get("timezone"))?,
        url: optional_text("event.url", event.get("url"))?,
    };
    Ok((kind, event_id("event.event_id", id, keys)?, facts))
}

/// `event_updated`, or `UPDATED` as in the bare form.
fn kind(word: &str) -> Option<Kind> {
    match word.strip_prefix("event_") {
        Some(lower) => Kind::OF_EVENTS.into_iter().find(|kind| kind.as_str().to_ascii_lowercase() == lower),
        None => Kind::of_event(word),
    }
}

/// The text of a time that can be read.
fn optional_time(field: &'static str, value: Option<&Value>) -> Result<Option<String>, Malformed> {
    let text = match value {
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(Value::String(text)) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        None | Some(Value::Null) => None,
        Some(other) => return Err(Malformed::WrongType(field, "a time", json_type(other))),
    };
    match text {
        Some(text) if times::parse(&text).is_none() => {
            Err(Malformed::BadTime(field, cut(format!("{text:?}"), TIME_SHOWN)))
        }
        text => Ok(text),
    }
}
