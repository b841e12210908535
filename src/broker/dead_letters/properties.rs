//! The properties of a dead letter: those of the original, except the harmful ones, plus its id, reason, time and original queue.
//! Publishing is left to `writer`, reading them to `view`.

use amiquip::{AmqpProperties, AmqpValue, FieldTable};
use chrono::{DateTime, SecondsFormat, Utc};
use siphasher::sip128::SipHasher24;
use uuid::Uuid;

use crate::broker::delivery_count;
use crate::broker::publisher::PERSISTENT;

/// Header: the id of the dead letter, 16 hexadecimal digits. A message that is replayed has it until it is a dead letter again, which has
/// a new one.
pub(super) const ID: &str = "x-dead-id";
/// Header: why the message cannot be processed, a sentence.
pub(super) const REASON: &str = "x-dead-reason";
/// Header: when it was stored, RFC 3339 in UTC.
pub(super) const AT: &str = "x-dead-at";
/// Header: name of its first queue.
pub(super) const ORIGINAL_QUEUE: &str = "x-original-queue";

/// Headers: to which exchange it was published, and with which routing key, unless that was the default exchange. A dead letter that is
/// published again to its queue still has them.
pub(super) const PUBLISHED_TO: [&str; 2] = ["x-original-exchange", "x-original-routing-key"];

/// Headers by which RabbitMQ routes copies to further queues, which a dead letter must not do again.
const ROUTING_HEADERS: [&str; 2] = ["CC", "BCC"];

/// What is told of a message that becomes a dead letter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death<'a> {
    /// The id of the dead letter.
    pub(crate) id: &'a str,
    /// The queue that the message came from.
    pub(crate) queue: &'a str,
    /// Why it cannot be processed.
    pub(crate) reason: &'a str,
    /// When that was found.
    pub(crate) at: DateTime<Utc>,
}

/// An id for a new dead letter, from time and chance: two equal messages are two dead letters.
pub(crate) fn new_id() -> String {
    // A digest, because two UUIDs of one millisecond begin alike, and a person reads the beginning.
    format!("{:016x}", SipHasher24::new().hash(Uuid::now_v7().as_bytes()).h1)
}

/// The properties of the dead letter of a message with the properties `original`.
pub(crate) fn of_dead_letter(original: &AmqpProperties, death: &Death<'_>) -> AmqpProperties {
    let mut headers = original.headers().clone().unwrap_or_default();
    for name in ROUTING_HEADERS {
        if let Some(value) = headers.remove(name) {
            headers.insert(format!("x-original-{}", name.to_lowercase()), value);
        }
    }
    // They are of the queue that the message leaves.
    for name in delivery_count::HEADERS {
        headers.remove(name);
    }
    // The broker would delete the dead letter when it expires.
    if let Some(expiration) = original.expiration() {
        headers.insert("x-original-expiration".to_owned(), text(expiration));
    }
    // The broker refuses any user id but that of the connection.
    if let Some(user) = original.user_id() {
        headers.insert("x-original-user-id".to_owned(), text(user));
    }
    insert_death(&mut headers, death);

    let mut kept = AmqpProperties::default().with_headers(headers).with_delivery_mode(PERSISTENT);
    macro_rules! keep {
        ($($property:ident => $with:ident),+ $(,)?) => {
            $(if let Some(value) = original.$property().clone() { kept = kept.$with(value); })+
        };
    }
    keep!(
        content_type => with_content_type,
        content_encoding => with_content_encoding,
        priority => with_priority,
        correlation_id => with_correlation_id,
        reply_to => with_reply_to,
        message_id => with_message_id,
        timestamp => with_timestamp,
        type_ => with_type_,
        app_id => with_app_id,
        cluster_id => with_cluster_id,
    );
    kept
}

/// Only what identifies the message, for a broker that objects to the properties of the original, as when its headers
/// fill a frame and leave no room for ours.
pub(crate) fn of_bare_dead_letter(original: &AmqpProperties, death: &Death<'_>) -> AmqpProperties {
    let mut headers = FieldTable::new();
    insert_death(&mut headers, death);
    let kept = AmqpProperties::default().with_headers(headers).with_delivery_mode(PERSISTENT);
    match original.message_id().clone() {
        Some(message_id) => kept.with_message_id(message_id),
        None => kept,
    }
}

/// These properties, which also say where the message was published to.
pub(crate) fn with_publication(
    original: &AmqpProperties,
    exchange: &str,
    routing_key: &str,
) -> AmqpProperties {
    if exchange.is_empty() {
        return original.clone();
    }
    let mut headers = original.headers().clone().unwrap_or_default();
    for (name, value) in PUBLISHED_TO.into_iter().zip([exchange, routing_key]) {
        headers.insert(name.to_owned(), text(value));
    }
    original.clone().with_headers(headers)
}

/// Where a message was published to that was a dead letter: exchange and routing key.
pub(crate) fn published_to(properties: &AmqpProperties) -> Option<(String, String)> {
    text_of(properties, REASON)?;
    let [exchange, routing_key] = PUBLISHED_TO.map(|name| text_of(properties, name));
    Some((exchange?, routing_key?))
}

/// The header of this name, if it is a text.
pub(crate) fn text_of(properties: &AmqpProperties, name: &str) -> Option<String> {
    match properties.headers().as_ref()?.get(name)? {
        AmqpValue::LongString(text) => Some(text.clone()),
        _ => None,
    }
}

fn insert_death(headers: &mut FieldTable, death: &Death<'_>) {
    let at = death.at.to_rfc3339_opts(SecondsFormat::Secs, true);
    headers.insert(ID.to_owned(), text(death.id));
    headers.insert(REASON.to_owned(), text(death.reason));
    headers.insert(AT.to_owned(), text(&at));
    headers.insert(ORIGINAL_QUEUE.to_owned(), text(death.queue));
}

/// A header.
pub(crate) fn text(value: &str) -> AmqpValue {
    AmqpValue::LongString(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(reason: &str) -> Death<'_> {
        let at = DateTime::from_timestamp(1_767_355_200, 0).unwrap();
        Death { id: "00000000000000a1", queue: "events", reason, at }
    }

    fn original() -> AmqpProperties {
        let mut headers = FieldTable::new();
        headers.insert("tenant".to_owned(), text("blue"));
        headers.insert("CC".to_owned(), AmqpValue::FieldArray(vec![text("elsewhere")]));
        AmqpProperties::default()
            .with_headers(headers)
            .with_content_type("application/json".to_owned())
            .with_content_encoding("gzip".to_owned())
            .with_delivery_mode(1)
            .with_priority(7)
            .with_correlation_id("correlation".to_owned())
            .with_reply_to("replies".to_owned())
            .with_expiration("60000".to_owned())
            .with_message_id("m-1".to_owned())
            .with_timestamp(42)
            .with_type_("notice".to_owned())
            .with_user_id("publisher".to_owned())
            .with_app_id("shop".to_owned())
    }

    #[test]
    fn harmless_properties_are_kept_and_harmful_ones_renamed() {
        let dead = of_dead_letter(&original(), &death("the body is not JSON"));
        let mut headers = FieldTable::new();
        headers.insert("tenant".to_owned(), text("blue"));
        headers.insert("x-original-cc".to_owned(), AmqpValue::FieldArray(vec![text("elsewhere")]));
        headers.insert("x-original-expiration".to_owned(), text("60000"));
        headers.insert("x-original-user-id".to_owned(), text("publisher"));
        headers.insert("x-dead-id".to_owned(), text("00000000000000a1"));
        headers.insert("x-dead-reason".to_owned(), text("the body is not JSON"));
        headers.insert("x-dead-at".to_owned(), text("2026-01-02T12:00:00Z"));
        headers.insert("x-original-queue".to_owned(), text("events"));
        let expected = AmqpProperties::default()
            .with_headers(headers)
            .with_content_type("application/json".to_owned())
            .with_content_encoding("gzip".to_owned())
            .with_delivery_mode(PERSISTENT)
            .with_priority(7)
            .with_correlation_id("correlation".to_owned())
            .with_reply_to("replies".to_owned())
            .with_message_id("m-1".to_owned())
            .with_timestamp(42)
            .with_type_("notice".to_owned())
            .with_app_id("shop".to_owned());
        assert_eq!(dead, expected);
    }

    #[test]
    fn an_id_has_sixteen_digits_and_is_used_once() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| new_id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.len() == 16 && id.chars().all(|c| c.is_ascii_hexdigit())));
    }

    #[test]
    fn a_bare_dead_letter_keeps_message_id_and_reason() {
        let dead = of_bare_dead_letter(&original(), &death("why"));
        let mut headers = FieldTable::new();
        insert_death(&mut headers, &death("why"));
        let expected = AmqpProperties::default()
            .with_headers(headers)
            .with_delivery_mode(PERSISTENT)
            .with_message_id("m-1".to_owned());
        assert_eq!(dead, expected);
    }
}
