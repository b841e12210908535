//! Reads the body of a message: by the route of its routing key, if there is one, else in one of fanmail's own forms. What is in a body is
//! left to `domain::message`, what a route makes of it to `message`.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::event_key_type::EventKeyType;
use crate::domain::message::body::{Body, BodyContent};
use crate::domain::message::cloud_event::Attributes;
use crate::domain::message::details::ROUTING_KEY;
use crate::domain::message::malformed::Malformed;
use crate::domain::message::{Decoded, Message};
use crate::routes::field::Said;
use crate::routes::{MessageRoute, OnUnmatched, Routes};

/// Reads the bodies of messages. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Decoder {
    /// Which keys the application's events have.
    keys: EventKeyType,
    routes: Option<Arc<Routes>>,
}

/// What is known of a message beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside<'a> {
    /// The routing key with which it came over an exchange, or that its row of the outbox has.
    pub routing_key: Option<&'a str>,
    /// The queue, if it was published to that by its name. This is its routing key if the envelope has no other one.
    pub queue: Option<&'a str>,
    /// The attributes of a `CloudEvents` event whose data the body is.
    pub cloud_event: Option<&'a Attributes>,
    /// How the publisher says that the body is encoded.
    pub content_encoding: Option<&'a str>,
}

/// What a body turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A message.
    Message(Box<Decoded>),
    /// No message for fanmail: `on_unmatched` is `ignore`.
    Ignored {
        /// Its routing key.
        routing_key: String,
    },
}

/// Why a body cannot be read. It can never be, with these routes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not as its form has to be.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It is not as its route says.
    #[error("the route {route:?} of {file} matches its routing key {routing_key:?}, but {reason}")]
    ByRoute {
        /// The name of the route.
        route: String,
        /// The file of the routes.
        file: String,
        /// The routing key.
        routing_key: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no route for it, and it has none of fanmail's own forms.
    #[error(
        "no route of {file} matches its routing key {routing_key:?}, and as a message of fanmail's own: {reason}"
    )]
    Unmatched {
        /// The file of the routes.
        file: String,
        /// The routing key.
        routing_key: String,
        /// Why it is none of the forms.
        reason: Malformed,
    },
}

impl Decoder {
    /// For an application whose events have such keys.
    #[must_use]
    pub fn new(keys: EventKeyType, routes: Option<Arc<Routes>>) -> Self {
        Self { keys, routes }
    }

    /// Reads a body.
    ///
    /// # Errors
    /// One sentence for the person who finds the dead letter: why it cannot be read.
    pub fn read(&self, body: &[u8], beside: &Beside<'_>) -> Result<Reading, Refused> {
        let parsed = Body::parse(body).map_err(|reason| reason.explained_by(beside.content_encoding));
        let parsed = parsed.map(|body| with_attributes(body, beside.cloud_event));
        let Some(routes) = &self.routes else { return self.in_own_form(parsed?) };
        let of_envelope = parsed.as_ref().ok().and_then(|body| body.meta.get(ROUTING_KEY)?.as_str());
        let of_envelope = of_envelope.map(str::to_owned);
        let routing_key = beside.routing_key.map(str::to_owned).or(of_envelope);
        let is_queue = routing_key.is_none();
        let Some(routing_key) = routing_key.or_else(|| beside.queue.map(str::to_owned)) else {
            return self.in_own_form(parsed?);
        };
        match routes.find(&routing_key) {
            Some(route) => self
                .by_route(route, routes, &routing_key, parsed)
                .map(|decoded| Reading::Message(Box::new(decoded))),
            None if is_queue => self.in_own_form(parsed?),
            None => self.without_route(routes, routing_key, parsed),
        }
    }

    fn in_own_form(&self, body: Body) -> Result<Reading, Refused> {
        Ok(Reading::Message(Box::new(Message::read(body, self.keys)?)))
    }

    fn by_route(
        &self,
        route: &MessageRoute,
        routes: &Routes,
        routing_key: &str,
        body: Result<Body, Malformed>,
    ) -> Result<Decoded, Refused> {
        let refused = |reason: String| Refused::ByRoute {
            route: route.name.clone(),
            file: routes.file_name(),
            routing_key: routing_key.to_owned(),
            reason,
        };
        let Body { origin, meta, content, .. } = body.map_err(|reason| refused(reason.to_string()))?;
        let BodyContent::Fields(payload) = content else {
            return Err(refused("the body is an array; expected an object".to_owned()));
        };
        let message = route.message(routing_key, Said { payload, meta }, self.keys).map_err(refused)?;
        Ok(Decoded { message, origin })
    }

    /// Something that has the fields of one of fanmail's forms is meant for fanmail: what is wrong with it is told, and never ignored.
    fn without_route(
        &self,
        routes: &Routes,
        routing_key: String,
        body: Result<Body, Malformed>,
    ) -> Result<Reading, Refused> {
        let has_known_form = body.as_ref().is_ok_and(Body::has_known_form);
        match body.and_then(|body| Message::read(body, self.keys)) {
            Ok(decoded) => Ok(Reading::Message(Box::new(decoded))),
            Err(reason) if has_known_form => Err(reason.into()),
            Err(_) if routes.on_unmatched == OnUnmatched::Ignore => Ok(Reading::Ignored { routing_key }),
            Err(reason) => Err(Refused::Unmatched { file: routes.file_name(), routing_key, reason }),
        }
    }
}

impl Routes {
    /// The message that one of the routes makes of a body, whatever the others match: for a sample. The keys of events are not known.
    ///
    /// # Errors
    /// Why it makes none.
    pub fn read_sample(&self, route: &MessageRoute, body: &[u8]) -> Result<Message, Refused> {
        let body = Body::parse(body);
        let of_envelope = body.as_ref().ok().and_then(|body| body.meta.get(ROUTING_KEY)?.as_str());
        let routing_key = of_envelope.map_or_else(|| route.pattern.to_string(), str::to_owned);
        let decoder = Decoder::new(EventKeyType::Text, None);
        decoder.by_route(route, self, &routing_key, body).map(|decoded| decoded.message)
    }
}

/// In the binary mode of `CloudEvents`, the attributes are the envelope.
fn with_attributes(mut body: Body, attributes: Option<&Attributes>) -> Body {
    let Some(attributes) = attributes else { return body };
    body.origin = attributes.origin();
    let named = attributes.all().map(|(name, value)| (name.to_owned(), Value::from(value)));
    body.meta = named.chain(std::mem::take(&mut body.meta)).collect::<Map<_, _>>();
    body
}

#[cfg(test)]
mod tests;
