//! The message that a route makes of what a publisher says: whom it is for, and what its mails show. Finding the route is left to
//! `decoder`.

use std::slice;

use serde_json::Value;

use crate::domain::event_key_type::EventKeyType;
use crate::domain::message::Message;
use crate::domain::message::details::Routed;
use crate::domain::message::malformed::{Malformed, json_type};
use crate::domain::message::recipient::{GivenRecipient, each_once, kept};
use crate::domain::message::routed::{self, RoutedSource};
use crate::routes::field::{FieldPath, Said};
use crate::routes::text_template::TextTemplate;
use crate::routes::{MessageRoute, RouteAudience};

impl MessageRoute {
    /// The message that it makes of what was said with this routing key.
    ///
    /// # Errors
    /// Which field of the message is missing or wrong, in one sentence.
    pub(super) fn message(
        &self,
        routing_key: &str,
        said: Said,
        keys: EventKeyType,
    ) -> Result<Message, String> {
        let (event_id, recipients) = match &self.target {
            RouteAudience::Event(path) => {
                let value = required("event", path, &said)?;
                let event_id =
                    routed::event_id(value, keys).map_err(|reason| wrong("event", path, &reason))?;
                (Some(event_id), None)
            }
            RouteAudience::Users(path) => (None, Some(users(path, &said)?.into())),
            RouteAudience::Addresses(path) => (None, Some(self.addresses(path, &said)?.into())),
        };
        let source = Some(RoutedSource::new(routing_key, &said.payload, &said.meta));
        let Said { payload, meta } = said;
        let meta = routed::with_routing_key(meta, routing_key);
        let details = routed::details(self.kind(), Routed { template: self.template.clone(), payload, meta });
        let details =
            details.map_err(|reason| format!("for the built-in template {}, {reason}", self.template))?;
        let (kind, priority) = (self.kind(), details.priority());
        Ok(Message { kind, event_id, recipients, details: details.to_json(), source, priority })
    }

    /// With the name and the locale of the route, where the message gives an address alone.
    fn addresses(&self, path: &FieldPath, said: &Said) -> Result<Vec<GivenRecipient>, String> {
        let person = |value: &Value| match value {
            Value::String(email) if email.trim().is_empty() => Err("is empty".to_owned()),
            Value::String(_) | Value::Object(_) => {
                GivenRecipient::person(value).map_err(|reason| reason.to_string())
            }
            other => Err(format!(
                "is {}; expected an address, an object with an email, or a list of these",
                json_type(other)
            )),
        };
        let people = several("to", path, said, person)?;
        let [name, locale] = [("name", &self.recipient_name), ("locale", &self.locale)]
            .map(|(key, template)| rendered(key, template.as_ref(), said));
        let (name, locale) = (name?, locale?);
        let complete = |one: GivenRecipient| GivenRecipient {
            name: one.name.or_else(|| name.clone()),
            locale: one.locale.or_else(|| locale.clone()),
            ..one
        };
        Ok(people.into_iter().map(complete).collect())
    }
}

fn users(path: &FieldPath, said: &Said) -> Result<Vec<GivenRecipient>, String> {
    several("user", path, said, |value| match value {
        Value::Number(_) | Value::String(_) => {
            GivenRecipient::user("user", value).map_err(|reason| reason.to_string())
        }
        other => Err(format!("is {}; expected the id of a user, or a list of ids", json_type(other))),
    })
}

/// Those whom the field names, each once: one, or a list. An empty address in a list is skipped when the mails are sent.
fn several(
    key: &str,
    path: &FieldPath,
    said: &Said,
    read: impl Fn(&Value) -> Result<GivenRecipient, String>,
) -> Result<Vec<GivenRecipient>, String> {
    let value = required(key, path, said)?;
    let is_list = value.is_array();
    let values = value.as_array().map_or(slice::from_ref(value), Vec::as_slice);
    if values.is_empty() {
        return Err(format!("{key} is {path}, which is an empty list"));
    }
    let one = |(number, value): (usize, &Value)| match value {
        Value::String(email) if is_list && key == "to" && email.trim().is_empty() => {
            Ok(GivenRecipient::default())
        }
        _ if is_list => {
            read(value).map_err(|why| format!("{key} is {path}, whose entry {} {why}", number + 1))
        }
        _ => read(value).map_err(|why| format!("{key} is {path}, which {why}")),
    };
    let all = values.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?;
    each_once(all).map_err(|reason| wrong(key, path, &reason))
}

fn rendered(key: &str, template: Option<&TextTemplate>, said: &Said) -> Result<Option<String>, String> {
    let Some(template) = template else { return Ok(None) };
    let text = template.render(said).map_err(|why| format!("{key} cannot be filled in: {why}"))?;
    Ok(text.as_deref().map(kept))
}

fn required<'a>(key: &str, path: &FieldPath, said: &'a Said) -> Result<&'a Value, String> {
    path.find(said).ok_or_else(|| format!("{key} is {path}, which is missing or null"))
}

fn wrong(key: &str, path: &FieldPath, reason: &Malformed) -> String {
    format!("{key} is {path}: {reason}")
}
