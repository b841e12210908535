//! `CloudEvents` 1.0 (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>) around a message body: in the structured
//! JSON mode, in which the body is the whole event, and in the binary mode, in which AMQP headers hold its attributes.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value};

use crate::domain::message::envelope::OpenedEnvelope;
use crate::domain::message::malformed::{Malformed, json_type};
use crate::domain::message::origin::{Origin, checked_id, read_time, read_traceparent};
use crate::domain::traceparent::TraceParent;
use crate::text::clean::cut;

/// How much of a content type that is not JSON an error shows, in characters.
const TYPE_SHOWN: usize = 40;

/// The attributes of an event in binary mode, as its AMQP headers have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `id`
    pub id: Option<String>,
    /// `source`
    pub source: Option<String>,
    /// `time`
    pub time: Option<String>,
    /// The others, such as `type`, by their names.
    pub others: BTreeMap<String, String>,
}

impl Attributes {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = [("id", &self.id), ("source", &self.source), ("time", &self.time)];
        let named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        named.chain(self.others.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// What they say about the message.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let time = self.time.clone().map(Value::from);
        let id = identify(self.id.as_deref(), self.source.as_deref());
        let traceparent = self.others.get("traceparent").and_then(|text| TraceParent::parse(text));
        Origin { id: id.map(Some), published_at: read_time("time", time.as_ref()), traceparent }
    }
}

/// Whether the fields are those of an event in structured mode. A bare message may have a field `specversion` of its own.
pub(super) fn is_cloud_event(fields: &Map<String, Value>) -> bool {
    fields.contains_key("specversion") && !fields.contains_key("event_id")
}

/// What the event says, and the fields of its data.
///
/// # Errors
/// When the data is no JSON object.
pub(super) fn open(mut fields: Map<String, Value>) -> Result<OpenedEnvelope, Malformed> {
    let text = |name: &'static str| match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(other) => Err(Malformed::WrongType(name, "a string", json_type(other))),
    };
    let id = text("id").and_then(|id| identify(id, text("source")?));
    let (published_at, traceparent) = (read_time("time", fields.get("time")), read_traceparent(&fields));
    let origin = Origin { id: id.map(Some), published_at, traceparent };
    if let Some(content_type) = text("datacontenttype")?.filter(|content_type| !is_json(content_type)) {
        return Err(Malformed::NotJsonData(cut(content_type, TYPE_SHOWN)));
    }
    let data = match (fields.remove("data"), fields.remove("data_base64")) {
        (Some(data), _) => data,
        (None, Some(Value::String(encoded))) => decode_data(&encoded)?,
        (None, Some(other)) => {
            return Err(Malformed::WrongType("data_base64", "a string", json_type(&other)));
        }
        (None, None) => return Err(Malformed::Missing("data")),
    };
    match data {
        Value::Object(data) => Ok(OpenedEnvelope { origin, meta: fields, fields: data }),
        other => Err(Malformed::WrongType("data", "an object", json_type(&other))),
    }
}

/// An event is identified by `source` and `id` together (section Required Attributes).
///
/// # Errors
/// When one is missing, or they are too long.
fn identify(id: Option<&str>, source: Option<&str>) -> Result<String, Malformed> {
    let required = |name, text: Option<&str>| match text {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(Malformed::CloudEventWithout(name)),
    };
    let (id, source) = (required("id", id)?, required("source", source)?);
    checked_id("id", &format!("{source} {id}"))
}

/// Whether it is a media type of JSON, such as `application/json; charset=utf-8` or `application/vnd.acme+json`.
fn is_json(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media_type.ends_with("/json") || media_type.ends_with("+json")
}

fn decode_data(encoded: &str) -> Result<Value, Malformed> {
    let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| Malformed::NotBase64)?;
    serde_json::from_slice(&bytes).map_err(|error| Malformed::NotBase64OfJson(error.to_string()))
}
