//! Envelopes around a message body: `{"payload": {…}, "_meta": {"id", "timestamp", …}}`. What is in the payload is left to the form
//! of the message.

use serde_json::{Map, Value};

use crate::domain::message::malformed::{Malformed, json_type};
use crate::domain::message::origin::{Origin, read_id, read_time, read_traceparent};

/// An envelope that was opened.
pub(super) struct OpenedEnvelope {
    /// What it says about the message.
    pub origin: Origin,
    /// The rest of it.
    pub meta: Map<String, Value>,
    /// What is in it.
    pub fields: Map<String, Value>,
}

/// Whether the fields are those of an envelope. A bare message may have fields `payload` and `_meta` of its own.
pub(super) fn is_envelope(fields: &Map<String, Value>) -> bool {
    let has = |name| fields.contains_key(name);
    has("payload") && !(has("type") && has("event_id")) && (has("_meta") || !has("type"))
}

/// What the envelope says, and the fields of its payload.
///
/// # Errors
/// When the payload is no object.
pub(super) fn open(mut fields: Map<String, Value>) -> Result<OpenedEnvelope, Malformed> {
    let (origin, meta) = match fields.remove("_meta") {
        None | Some(Value::Null) => (Origin::default(), Map::new()),
        Some(Value::Object(meta)) => {
            let id = read_id("_meta.id", meta.get("id"));
            let published_at = read_time("_meta.timestamp", meta.get("timestamp"));
            (Origin { id, published_at, traceparent: read_traceparent(&meta) }, meta)
        }
        Some(other) => {
            let reason = Malformed::WrongType("_meta", "an object", json_type(&other));
            (Origin { id: Err(reason.clone()), published_at: Err(reason), traceparent: None }, Map::new())
        }
    };
    match fields.remove("payload") {
        Some(Value::Object(fields)) => Ok(OpenedEnvelope { origin, meta, fields }),
        Some(other) => Err(Malformed::WrongType("payload", "an object", json_type(&other))),
        None => Err(Malformed::Missing("payload")),
    }
}
