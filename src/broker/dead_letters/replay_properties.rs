//! The headers of a message that was replayed after it was a dead letter: how often, and when.

use amiquip::AmqpProperties;
use chrono::{DateTime, Utc};

use crate::broker::dead_letters::properties::text_of;
use crate::broker::delivery_count::integer;

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
