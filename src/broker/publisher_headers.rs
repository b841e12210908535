//! What a publisher says about a message in its AMQP properties and headers, beside `message_id` and `content_encoding`.

use std::collections::BTreeMap;

use amiquip::{AmqpProperties, AmqpValue};
use chrono::{DateTime, Utc};

use crate::broker::dead_letters::properties::published_to;
use crate::broker::dead_letters::replay_properties::replayed_at;
use crate::broker::incoming::Incoming;
use crate::domain::message::cloud_event::Attributes;
use crate::domain::message::origin::time_of_number;
use crate::domain::reply_to::ReplyTo;
use crate::domain::traceparent::TraceParent;

/// In front of the names of attributes in the binary mode of `CloudEvents`. The second one is for brokers and libraries that take no
/// colon (AMQP protocol binding 1.0.2, section 3.1.3.1).
const PREFIXES: [&str; 2] = ["cloudEvents:", "cloudEvents_"];

/// The header of a trace, as instrumentation libraries write it.
pub(super) const TRACEPARENT: &str = "traceparent";

/// A message with what its properties say beside its id. `delivered` are the exchange and the routing key of its delivery; of a dead letter
/// that was replayed, those of the first one count.
pub(super) fn with_headers(
    message: Incoming,
    properties: &AmqpProperties,
    (exchange, routing_key): (&str, &str),
) -> Incoming {
    let (exchange, routing_key) =
        published_to(properties).unwrap_or_else(|| (exchange.to_owned(), routing_key.to_owned()));
    Incoming {
        exchange,
        routing_key,
        content_encoding: properties.content_encoding().clone(),
        published_at: published_at(properties),
        replayed_at: replayed_at(properties),
        cloud_event: cloud_event_attributes(properties),
        priority: *properties.priority(),
        reply_to: reply_to(properties),
        traceparent: traceparent(properties),
        ..message
    }
}

/// The `timestamp` of the message. It should have seconds (AMQP 0-9-1, section 4.2.5.4); some publishers write milliseconds.
fn published_at(properties: &AmqpProperties) -> Option<DateTime<Utc>> {
    time_of_number((*properties.timestamp())?)
}

/// The attributes of a `CloudEvents` event in binary mode; `None` if the message is none.
fn cloud_event_attributes(properties: &AmqpProperties) -> Option<Attributes> {
    let headers = properties.headers().as_ref()?;
    // The first prefix counts more.
    let mut others: BTreeMap<String, String> = PREFIXES
        .iter()
        .rev()
        .flat_map(|prefix| {
            headers.iter().filter_map(move |(name, value)| Some((name.strip_prefix(prefix)?, value)))
        })
        .filter_map(|(name, value)| Some((name.to_owned(), attribute_text(value)?)))
        .collect();
    others.contains_key("specversion").then(|| {
        let [id, source, time] = ["id", "source", "time"].map(|name| others.remove(name));
        Attributes { id, source, time, others }
    })
}

fn attribute_text(value: &AmqpValue) -> Option<String> {
    match value {
        AmqpValue::LongString(text) => Some(text.clone()),
        // As pika writes a datetime.
        AmqpValue::Timestamp(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Where the publisher wants to be told what becomes of the message.
pub(super) fn reply_to(properties: &AmqpProperties) -> Option<ReplyTo> {
    ReplyTo::new(properties.reply_to().as_deref(), properties.correlation_id().as_deref())
}

/// The trace that the message belongs to.
pub(super) fn traceparent(properties: &AmqpProperties) -> Option<TraceParent> {
    let AmqpValue::LongString(text) = properties.headers().as_ref()?.get(TRACEPARENT)? else { return None };
    TraceParent::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::timestamp::rfc3339;

    #[test]
    fn the_time_of_an_event_is_a_text_or_an_amqp_timestamp() {
        let text = |text: &str| AmqpValue::LongString(text.to_owned());
        for (prefix, time) in [
            ("cloudEvents:", AmqpValue::Timestamp(1_795_687_200)),
            ("cloudEvents:", AmqpValue::Timestamp(1_795_687_200_000)),
            ("cloudEvents_", text("2026-11-26T10:00:00Z")),
        ] {
            let header = |name: &str, value| (format!("{prefix}{name}"), value);
            let headers = [
                header("specversion", text("1.0")),
                header("id", text("1")),
                header("source", text("/a")),
                header("time", time),
            ];
            let properties = AmqpProperties::default().with_headers(headers.into_iter().collect());
            let origin = cloud_event_attributes(&properties).unwrap().origin();
            assert_eq!(origin.id.unwrap().as_deref(), Some("/a 1"));
            assert_eq!(
                origin.published_at.unwrap().map(rfc3339).as_deref(),
                Some("2026-11-26T10:00:00.000Z")
            );
        }
        assert_eq!(cloud_event_attributes(&AmqpProperties::default()), None);
    }

    #[test]
    fn a_timestamp_may_have_milliseconds() {
        let read =
            |timestamp| published_at(&AmqpProperties::default().with_timestamp(timestamp)).map(rfc3339);
        let expected = Some("2026-11-26T10:00:00.000Z".to_owned());
        assert_eq!([read(1_795_687_200), read(1_795_687_200_000)], [expected.clone(), expected]);
        assert_eq!([read(0), read(u64::MAX)], [None, None]);
    }

    #[test]
    fn a_trace_is_a_text_that_is_valid() {
        let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read = |value| {
            let headers = [(TRACEPARENT.to_owned(), value)].into_iter().collect();
            traceparent(&AmqpProperties::default().with_headers(headers)).map(|parent| parent.to_string())
        };
        assert_eq!(read(AmqpValue::LongString(example.to_owned())).as_deref(), Some(example));
        assert_eq!(read(AmqpValue::LongString("me@example.org".to_owned())), None);
        assert_eq!(read(AmqpValue::LongLongInt(1)), None);
        assert_eq!(traceparent(&AmqpProperties::default()), None);
    }
}
