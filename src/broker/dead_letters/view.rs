//! One dead letter as people and programs look at it: its id, why it is there, where it came from, and the message. Fetching it is left
//! to `reader`.

use amiquip::{AmqpProperties, Delivery};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use siphasher::sip128::SipHasher24;

use crate::broker::dead_letters::properties::{AT, ID, ORIGINAL_QUEUE, REASON, published_to, text_of};
use crate::broker::dead_letters::{broker_move, replay_properties, values};
use crate::broker::delivery_count::delivery_count;
use crate::broker::incoming::Incoming;
use crate::broker::publisher_headers::with_headers;
use crate::broker::topology::queue_of_dead_letters;
use crate::domain::message::body::Body;
use crate::domain::message::identity::Identity;
use crate::domain::session::Receipt;

/// One dead letter.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetterView {
    /// Names it. That of one without the header, which an earlier version or another program has stored, is made from what is in it: those
    /// that are alike in everything have one id.
    pub id: String,
    /// The queue that it is in.
    pub queue: String,
    /// When it was stored.
    pub at: Option<DateTime<Utc>>,
    /// Why it cannot be processed, a sentence. A message that another program put into the queue has none.
    pub reason: Option<String>,
    /// The queue that it came from, and that it is replayed to.
    pub original_queue: String,
    /// Exchange and routing key that it was published with, if that was not the default exchange.
    pub published_to: Option<(String, String)>,
    /// The AMQP message id.
    pub message_id: Option<String>,
    /// How often it was replayed before.
    pub replays: u64,
    /// When it was replayed last.
    pub replayed_at: Option<DateTime<Utc>>,
    /// How often it was returned to the queue, such as by listings; `None` if the queue does not count.
    pub delivery_count: Option<u64>,
    /// The body, as published.
    pub body: Vec<u8>,
    pub(super) properties: AmqpProperties,
}

impl DeadLetterView {
    /// The dead letter of a delivery from `queue`. Takes body and properties out of it, so that it needs little memory.
    pub(super) fn take(queue: &str, delivery: &mut Delivery) -> Self {
        let body = std::mem::take(&mut delivery.body);
        let properties = std::mem::take(&mut delivery.properties);
        Self::new(queue, properties, body, (&delivery.exchange, &delivery.routing_key))
    }

    fn new(queue: &str, properties: AmqpProperties, body: Vec<u8>, routing: (&str, &str)) -> Self {
        let text = |name| text_of(&properties, name);
        let moved = broker_move::of(&properties);
        let at = text(AT).and_then(|at| DateTime::parse_from_rfc3339(&at).ok()).map(|at| at.to_utc());
        let of_move = |moved: &broker_move::BrokerMove| (moved.exchange.clone(), moved.routing_key.clone());
        let published_to = published_to(&properties).or_else(|| moved.as_ref().map(of_move));
        Self {
            id: text(ID).filter(|id| is_id(id)).unwrap_or_else(|| derived_id(&properties, &body, routing)),
            queue: queue.to_owned(),
            at: at.or_else(|| moved.as_ref()?.at),
            reason: text(REASON).or_else(|| Some(moved.as_ref()?.reason())),
            original_queue: text(ORIGINAL_QUEUE)
                .or_else(|| Some(moved.as_ref()?.queue.clone()))
                .unwrap_or_else(|| queue_of_dead_letters(queue).to_owned()),
            published_to: published_to.filter(|(exchange, _)| !exchange.is_empty()),
            message_id: properties.message_id().clone(),
            replays: replay_properties::replays(&properties),
            replayed_at: replay_properties::replayed_at(&properties),
            delivery_count: delivery_count(&properties),
            body,
            properties,
        }
    }

    /// The properties of AMQP that it has, by their names.
    #[must_use]
    pub fn properties(&self) -> Map<String, Value> {
        values::properties(&self.properties)
    }

    /// The headers that it has.
    #[must_use]
    pub fn headers(&self) -> Map<String, Value> {
        values::headers(&self.properties)
    }

    /// Whether its publisher has given it an id, in AMQP or in its envelope, that names its notification.
    pub(super) fn has_own_id(&self) -> bool {
        let incoming = self.as_incoming();
        let of_attributes = incoming.cloud_event.as_ref().map(|attributes| attributes.origin().id);
        let of_envelope = || Body::parse(&self.body).ok().map(|body| body.origin.id);
        incoming.identity.key().is_some() || matches!(of_attributes.or_else(of_envelope), Some(Ok(Some(_))))
    }

    /// The message as a worker would get it from its queue, without its body.
    #[must_use]
    pub fn as_incoming(&self) -> Incoming {
        let identity = Identity::new(self.message_id.as_deref(), false);
        let message = Incoming::new(Receipt { session: 0, tag: 0 }, Vec::new(), identity);
        let to_queue = (String::new(), self.original_queue.clone());
        let (exchange, routing_key) = self.published_to.as_ref().unwrap_or(&to_queue);
        with_headers(message, &self.properties, (exchange, routing_key))
    }
}

/// Whether a worker has made it.
fn is_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The same one whenever the dead letter is looked at. 64 bits: not one of a billion pairs is alike by chance.
fn derived_id(properties: &AmqpProperties, body: &[u8], (exchange, routing_key): (&str, &str)) -> String {
    let text = |name| text_of(properties, name).unwrap_or_default();
    let own = [properties.message_id(), properties.correlation_id()].map(|id| id.clone().unwrap_or_default());
    let timestamp = properties.timestamp().map(|time| time.to_string()).unwrap_or_default();
    let moved = broker_move::of(properties).map(|moved| format!("{moved:?}")).unwrap_or_default();
    let mut hashed = Vec::with_capacity(body.len() + 256);
    let fields = [text(REASON), text(AT), text(ORIGINAL_QUEUE), timestamp, moved];
    let fields = fields.iter().chain(&own).map(String::as_str).chain([exchange, routing_key]);
    for field in fields {
        hashed.extend(field.len().to_le_bytes());
        hashed.extend(field.as_bytes());
    }
    hashed.extend(body);
    format!("{:016x}", SipHasher24::new().hash(&hashed).h1)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::broker::dead_letters::broker_move::tests::expired;
    use crate::broker::dead_letters::properties::{Death, of_dead_letter};

    /// A dead letter with this reason.
    pub(crate) fn dead_letter(id: &str, reason: &str, body: &[u8]) -> DeadLetterView {
        let at = DateTime::from_timestamp(1_767_355_200, 0).unwrap();
        let death = Death { id, queue: "events", reason, at };
        let properties = AmqpProperties::default().with_message_id(format!("of-{id}"));
        DeadLetterView::new("events.dead", of_dead_letter(&properties, &death), body.to_vec(), ("", ""))
    }

    #[test]
    fn a_dead_letter_of_a_worker_has_what_the_worker_wrote() {
        let letter = dead_letter("00000000000000a1", "why", b"{}");
        assert_eq!((letter.id.as_str(), letter.queue.as_str()), ("00000000000000a1", "events.dead"));
        assert_eq!((letter.original_queue.as_str(), letter.replays), ("events", 0));
        assert_eq!(letter.at, DateTime::from_timestamp(1_767_355_200, 0));
        assert_eq!(letter.published_to, None);
        let incoming = letter.as_incoming();
        assert_eq!((incoming.exchange.as_str(), incoming.routing_key.as_str()), ("", "events"));
    }

    #[test]
    fn one_without_the_header_has_an_id_of_what_is_in_it() {
        let letter = |properties: AmqpProperties, body: &[u8]| {
            DeadLetterView::new("events.dead", properties, body.to_vec(), ("", "events.dead"))
        };
        let plain = || AmqpProperties::default();
        let first = letter(plain(), b"a");
        assert!(is_id(&first.id), "{}", first.id);
        assert_eq!(letter(plain(), b"a").id, first.id, "it stays");
        assert_ne!(letter(plain(), b"b").id, first.id);
        assert_ne!(letter(plain().with_message_id("m".to_owned()), b"a").id, first.id);
        assert_eq!((first.reason, first.at, first.original_queue.as_str()), (None, None, "events"));
        let odd = [(ID.to_owned(), crate::broker::dead_letters::properties::text("\u{1b}[2J"))];
        let odd = letter(plain().with_headers(odd.into_iter().collect()), b"a");
        assert!(is_id(&odd.id), "{}", odd.id);
    }

    #[test]
    fn an_id_may_stand_in_the_envelope() {
        let has_id = |properties: AmqpProperties, body: &str| {
            DeadLetterView::new("events.dead", properties, body.as_bytes().to_vec(), ("", "")).has_own_id()
        };
        let plain = || AmqpProperties::default();
        let (bare, enveloped) = (
            r#"{"type":"UPDATED","event_id":7}"#,
            r#"{"payload":{"type":"UPDATED","event_id":7},"_meta":{"id":"e-1"}}"#,
        );
        assert!(!has_id(plain(), bare) && !has_id(plain().with_message_id(String::new()), bare));
        assert!(has_id(plain().with_message_id("m".to_owned()), bare) && has_id(plain(), enveloped));
        assert!(!has_id(plain(), &enveloped.replace("\"e-1\"", "[]")) && !has_id(plain(), "no JSON"));
    }

    #[test]
    fn what_the_broker_has_moved_has_its_reason_and_its_way() {
        let letter = DeadLetterView::new("events.dead", expired(), b"{}".to_vec(), ("", "events.dead"));
        assert_eq!(
            letter.reason.as_deref(),
            Some("the broker moved it here from the queue \"events\": it has expired")
        );
        assert_eq!(letter.published_to, Some(("school".to_owned(), "student.created".to_owned())));
        assert_eq!(letter.at, DateTime::from_timestamp(1_767_355_200, 0));
        assert_eq!(letter.as_incoming().routing_key, "student.created");
    }
}
