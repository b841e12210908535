//! Reads the body of a message: by the route of its routing key, if there is one, else in one of fanmail's own forms. What is in a body is
//! left to `domain::message`, what a route makes of it to `message`.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::event_key_type::EventKeyType;
use crate::domain::message::body::{Body, BodyContent};
use crate::domain::message::cloud_event::Attributes;
use crate::domain::message::details::ROUTING_KEY;
use crate::domain::message::malformed::Malformed;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::message::routed::RoutedSource;
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
    /// Whether the broker has delivered it before.
    pub comes_again: bool,
}

/// A body that is not read as a message. With these routes it never is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedBody {
    /// What becomes of its message.
    pub refusal: MessageRefusal,
    /// What finds the notification that the message may have, if it comes again: other routes may have read it.
    pub trace: Option<Box<Decoded>>,
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
enum WhyRefused {
    /// It is not as its form has to be.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// It is not as its route says.
    #[error("the route {route:?} of {file} matches its routing key {routing_key:?}, but {reason}")]
    ByRoute { route: String, file: String, routing_key: String, reason: String },
    /// There is no route for it, and it has none of fanmail's own forms.
    #[error(
        "no route of {file} matches its routing key {routing_key:?}, and as a message of fanmail's own: {reason}"
    )]
    Unmatched { file: String, routing_key: String, reason: Malformed },
    /// The same, and `on_unmatched` is `ignore`.
    #[error("no route matches its routing key {routing_key:?}")]
    Ignored { routing_key: String },
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
    /// When it is no message, with one sentence for the person who finds the dead letter.
    pub fn read(&self, body: &[u8], beside: &Beside<'_>) -> Result<Decoded, RefusedBody> {
        let parsed = Body::parse(body).map_err(|reason| reason.explained_by(beside.content_encoding));
        let parsed = parsed.map(|body| with_attributes(body, beside.cloud_event));
        let Some(routes) = &self.routes else { return self.in_own_form(parsed).map_err(RefusedBody::from) };
        let routing_key = routing_key(parsed.as_ref().ok(), beside);
        let trace = match (&parsed, &routing_key) {
            (Ok(body), Some(key)) if beside.comes_again => trace(body, key),
            _ => None,
        };
        let read = match routing_key {
            Some(key) => self.by_key(routes, &key, beside, parsed),
            None => self.in_own_form(parsed),
        };
        read.map_err(|why| RefusedBody { trace, ..why.into() })
    }

    fn in_own_form(&self, body: Result<Body, Malformed>) -> Result<Decoded, WhyRefused> {
        Ok(Message::read(body?, self.keys)?)
    }

    fn by_key(
        &self,
        routes: &Routes,
        routing_key: &str,
        beside: &Beside<'_>,
        body: Result<Body, Malformed>,
    ) -> Result<Decoded, WhyRefused> {
        match routes.find(routing_key) {
            Some(route) => self.by_route(route, routes, routing_key, body),
            // Published to the queue itself.
            None if beside.queue == Some(routing_key) => self.in_own_form(body),
            None => self.without_route(routes, routing_key, body),
        }
    }

    fn by_route(
        &self,
        route: &MessageRoute,
        routes: &Routes,
        routing_key: &str,
        body: Result<Body, Malformed>,
    ) -> Result<Decoded, WhyRefused> {
        let refused = |reason: String| WhyRefused::ByRoute {
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
        routing_key: &str,
        body: Result<Body, Malformed>,
    ) -> Result<Decoded, WhyRefused> {
        let has_known_form = body.as_ref().is_ok_and(Body::has_known_form);
        let read = body.and_then(|body| Message::read(body, self.keys));
        let routing_key = routing_key.to_owned();
        read.map_err(|reason| match routes.on_unmatched {
            _ if has_known_form => reason.into(),
            OnUnmatched::Ignore => WhyRefused::Ignored { routing_key },
            OnUnmatched::DeadLetter => {
                WhyRefused::Unmatched { file: routes.file_name(), routing_key, reason }
            }
        })
    }
}

impl From<WhyRefused> for RefusedBody {
    fn from(why: WhyRefused) -> Self {
        let refusal = match why {
            WhyRefused::Ignored { routing_key } => MessageRefusal::Ignored { routing_key },
            why => MessageRefusal::DeadLetter(why.to_string()),
        };
        Self { refusal, trace: None }
    }
}

/// That of the delivery, else that of the envelope, else the name of the queue. Publishers to a fanout exchange often leave it empty.
fn routing_key(body: Option<&Body>, beside: &Beside<'_>) -> Option<String> {
    let of_delivery = beside.routing_key.filter(|key| !key.is_empty());
    let of_envelope = body.and_then(|body| body.meta.get(ROUTING_KEY)?.as_str());
    of_delivery.or(of_envelope).or(beside.routing_key).or(beside.queue).map(str::to_owned)
}

/// What a route would make of the body, without anything to be sent.
fn trace(body: &Body, routing_key: &str) -> Option<Box<Decoded>> {
    let BodyContent::Fields(payload) = &body.content else { return None };
    let source = RoutedSource::new(routing_key, payload, &body.meta);
    Some(Box::new(Decoded { message: Message::trace(source), origin: body.origin.clone() }))
}

impl Routes {
    /// The message that this route makes of a body, for a sample. The other routes are not asked. The keys of events are not known.
    ///
    /// # Errors
    /// Why it makes none.
    pub fn read_sample(&self, route: &MessageRoute, body: &[u8]) -> Result<Message, String> {
        let body = Body::parse(body);
        let of_envelope = body.as_ref().ok().and_then(|body| body.meta.get(ROUTING_KEY)?.as_str());
        let routing_key = of_envelope.map_or_else(|| route.pattern.to_string(), str::to_owned);
        let decoder = Decoder::new(EventKeyType::Text, None);
        let read = decoder.by_route(route, self, &routing_key, body);
        read.map(|decoded| decoded.message).map_err(|why| why.to_string())
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
