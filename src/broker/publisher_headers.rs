//! What a publisher says about a message in its AMQP properties and headers, beside `message_id` and `content_encoding`.

use amiquip::{AmqpProperties, AmqpValue};
use chrono::{DateTime, Utc};

use crate::domain::message::cloud_event::Attributes;

/// In front of the names of attributes in the binary mode of `CloudEvents`. The second one is for brokers and libraries that take no
/// colon (AMQP protocol binding 1.0.2, section 3.1.3.1).
const PREFIXES: [&str; 2] = ["cloudEvents:", "cloudEvents_"];

/// The `timestamp` of the message, which has seconds.
pub(super) fn published_at(properties: &AmqpProperties) -> Option<DateTime<Utc>> {
    let seconds = i64::try_from((*properties.timestamp())?).ok()?;
    DateTime::from_timestamp(seconds, 0)
}

/// The attributes of a `CloudEvents` event in binary mode; `None` if the message is none.
pub(super) fn cloud_event_attributes(properties: &AmqpProperties) -> Option<Attributes> {
    let headers = properties.headers().as_ref()?;
    let attribute = |name: &str| {
        PREFIXES.iter().find_map(|prefix| match headers.get(&format!("{prefix}{name}"))? {
            AmqpValue::LongString(text) => Some(text.clone()),
            AmqpValue::Timestamp(seconds) => Some(seconds.to_string()),
            _ => None,
        })
    };
    attribute("specversion")?;
    Some(Attributes { id: attribute("id"), source: attribute("source"), time: attribute("time") })
}
