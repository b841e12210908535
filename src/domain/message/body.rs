//! A body as JSON, taken out of its envelope. Which form of message it has is left to the forms, and to the routes.

use serde_json::{Map, Value};

use crate::domain::message::envelope::OpenedEnvelope;
use crate::domain::message::malformed::{MAX_BODY, Malformed, json_type};
use crate::domain::message::origin::Origin;
use crate::domain::message::{cloud_event, envelope, event_form, notice};

/// A body that is JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Body {
    /// What its envelope says about it.
    pub origin: Origin,
    /// The rest of its envelope; empty without one.
    pub meta: Map<String, Value>,
    /// What is in it.
    pub content: BodyContent,
    is_enveloped: bool,
}

/// What is in a body.
#[derive(Debug, Clone, PartialEq)]
pub enum BodyContent {
    /// The fields of an object.
    Fields(Map<String, Value>),
    /// Several objects.
    Batch(Vec<Value>),
}

impl Body {
    /// Reads JSON, and opens an envelope around it.
    ///
    /// # Errors
    /// When it is none, or the envelope is not as it should be.
    pub fn parse(body: &[u8]) -> Result<Self, Malformed> {
        if body.len() > MAX_BODY {
            return Err(Malformed::TooLarge(body.len()));
        }
        let or = |reason| Malformed::of_first_bytes(body).unwrap_or(reason);
        let text = std::str::from_utf8(body).map_err(|_| or(Malformed::NotUtf8))?;
        if text.trim().is_empty() {
            return Err(Malformed::Empty);
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| or(Malformed::NotJson(error.to_string())))?;
        let (origin, meta, is_enveloped) = (Origin::default(), Map::new(), false);
        let fields = match value {
            Value::Object(fields) => fields,
            Value::Array(all) if all.iter().any(Value::is_object) => {
                return Ok(Self { origin, meta, content: BodyContent::Batch(all), is_enveloped });
            }
            other => return Err(Malformed::NotAnObject(json_type(&other))),
        };
        if !is_enveloped_in(&fields) {
            return Ok(Self { origin, meta, content: BodyContent::Fields(fields), is_enveloped });
        }
        let opened = if cloud_event::is_cloud_event(&fields) {
            cloud_event::open(fields)?
        } else {
            envelope::open(fields)?
        };
        let OpenedEnvelope { origin, meta, fields } = opened;
        Ok(Self { origin, meta, content: BodyContent::Fields(fields), is_enveloped: true })
    }

    /// # Errors
    /// When there is an envelope in the envelope.
    pub(super) fn check_single_envelope(&self) -> Result<(), Malformed> {
        match &self.content {
            BodyContent::Fields(fields) if self.is_enveloped && is_enveloped_in(fields) => {
                Err(Malformed::Nested)
            }
            _ => Ok(()),
        }
    }

    /// Whether it has the fields by which one knows a form of message, although their values may be wrong.
    #[must_use]
    pub fn has_known_form(&self) -> bool {
        match &self.content {
            BodyContent::Batch(all) => all.iter().filter_map(Value::as_object).any(notice::is_notice),
            BodyContent::Fields(fields) => {
                (notice::is_notice(fields) && fields.contains_key("message"))
                    || event_form::names_kind_and_event(fields)
            }
        }
    }
}

fn is_enveloped_in(fields: &Map<String, Value>) -> bool {
    cloud_event::is_cloud_event(fields) || envelope::is_envelope(fields)
}
