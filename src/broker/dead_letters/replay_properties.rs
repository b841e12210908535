//! The properties of a dead letter that is replayed: what its message had, how often it was replayed and when. Publishing is left to
//! `replay`.

use amiquip::{AmqpProperties, AmqpValue};
use chrono::{DateTime, Utc};

use crate::broker::dead_letters::broker_move::{self, BrokerMove};
use crate::broker::dead_letters::properties::{ID, PUBLISHED_TO, REASON, text, text_of};
use crate::broker::delivery_count::{self, integer};
use crate::broker::publisher::PERSISTENT;
use crate::text::timestamp::rfc3339;

/// Header: how often the message was replayed.
const REPLAYS: &str = "x-replays";
/// Header: when it was replayed last, RFC 3339 in UTC.
const REPLAYED_AT: &str = "x-replayed-at";

/// How often the message was replayed.
pub(crate) fn replays(properties: &AmqpProperties) -> u64 {
    properties.headers().as_ref().and_then(|headers| integer(headers.get(REPLAYS)?)).unwrap_or(0)
}

/// When it was replayed last.
pub(crate) fn replayed_at(properties: &AmqpProperties) -> Option<DateTime<Utc>> {
    let text = text_of(properties, REPLAYED_AT)?;
    DateTime::parse_from_rfc3339(&text).ok().map(|time| time.to_utc())
}

/// The properties with which the message of a dead letter is published again. `letter` are those of the dead letter, `id` is its id, and
/// `message_id` is the one that the message gets, if any.
///
/// An expiration of the original is not set again: the broker would delete a message that a person wants to be processed, if no worker
/// takes it in time. The headers about its way stay, so that it is read as before.
pub(super) fn of_replay(
    letter: &AmqpProperties,
    id: &str,
    message_id: Option<String>,
    now: DateTime<Utc>,
) -> AmqpProperties {
    let mut headers = letter.headers().clone().unwrap_or_default();
    for name in delivery_count::HEADERS {
        headers.remove(name);
    }
    if let Some(moved) = broker_move::of(letter) {
        headers.insert(REASON.to_owned(), text(&moved.reason()));
        let BrokerMove { exchange, routing_key, .. } = moved;
        if !exchange.is_empty() {
            let values = [exchange, routing_key];
            let way = PUBLISHED_TO.into_iter().zip(values);
            headers.extend(way.map(|(name, value)| (name.to_owned(), text(&value))));
        }
    }
    // RabbitMQ drops a message that goes round in a circle, by these headers.
    headers.retain(|name, _| !broker_move::is_header(name));
    let replays = i64::try_from(replays(letter)).unwrap_or(i64::MAX).saturating_add(1);
    headers.insert(ID.to_owned(), text(id));
    headers.insert(REPLAYS.to_owned(), AmqpValue::LongLongInt(replays));
    headers.insert(REPLAYED_AT.to_owned(), text(&rfc3339(now)));
    let message = letter.clone().with_headers(headers).with_delivery_mode(PERSISTENT);
    match message_id {
        Some(id) => message.with_message_id(id),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::broker_move::tests::expired;
    use crate::broker::dead_letters::properties::{Death, of_dead_letter, published_to, with_publication};

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_767_355_200, 250_000_000).unwrap()
    }

    #[test]
    fn a_message_keeps_what_it_had_and_counts_its_replays() {
        let original = AmqpProperties::default()
            .with_priority(7)
            .with_expiration("60000".to_owned())
            .with_reply_to("replies".to_owned())
            .with_correlation_id("c-1".to_owned())
            .with_timestamp(42);
        let original = with_publication(&original, "school", "student.created");
        let death = Death { id: "00000000000000a1", queue: "events", reason: "why", at: now() };
        let letter = of_dead_letter(&original, &death);
        let replayed = of_replay(&letter, death.id, Some("dead-letter-a1".to_owned()), now());
        assert_eq!(
            (replayed.priority(), replayed.timestamp(), replayed.reply_to().as_deref()),
            (&Some(7), &Some(42), Some("replies"))
        );
        assert_eq!(replayed.correlation_id().as_deref(), Some("c-1"));
        assert_eq!(replayed.message_id().as_deref(), Some("dead-letter-a1"));
        assert_eq!((replayed.expiration(), replays(&replayed)), (&None, 1), "only its header has it");
        assert_eq!(text_of(&replayed, "x-original-expiration").as_deref(), Some("60000"));
        assert_eq!(replayed_at(&replayed), Some(now()));
        let way = Some(("school".to_owned(), "student.created".to_owned()));
        assert_eq!(published_to(&replayed), way);
        // And dead once more: it came to its queue by the default exchange.
        let again = of_dead_letter(
            &with_publication(&replayed, "", "events"),
            &Death { id: "00000000000000a2", ..death },
        );
        assert_eq!((published_to(&again), replays(&of_replay(&again, "a2", None, now()))), (way, 2));
        assert_eq!(of_replay(&again, "a2", None, now()).message_id().as_deref(), Some("dead-letter-a1"));
    }

    #[test]
    fn what_the_broker_has_moved_is_read_as_before_and_goes_no_circle() {
        let replayed = of_replay(&expired(), "00000000000000a1", None, now());
        assert_eq!(published_to(&replayed), Some(("school".to_owned(), "student.created".to_owned())));
        let headers = replayed.headers().clone().unwrap();
        let names: Vec<&str> = headers.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "tenant",
                "x-dead-id",
                "x-dead-reason",
                "x-original-exchange",
                "x-original-routing-key",
                "x-replayed-at",
                "x-replays"
            ]
        );
    }
}
