//! What a publisher says about a message in its AMQP properties and headers, beside `message_id` and `content_encoding`.

use amiquip::{AmqpProperties, AmqpValue};
use chrono::{DateTime, Utc};

use crate::domain::message::cloud_event::Attributes;
use crate::text::timestamp::rfc3339;

/// In front of the names of attributes in the binary mode of `CloudEvents`. The second one is for brokers and libraries that take no
/// colon (AMQP protocol binding 1.0.2, section 3.1.3.1).
const PREFIXES: [&str; 2] = ["cloudEvents:", "cloudEvents_"];

/// The `timestamp` of the message, which has seconds.
pub(super) fn published_at(properties: &AmqpProperties) -> Option<DateTime<Utc>> {
    time_of((*properties.timestamp())?)
}

fn time_of(seconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, 0)
}

/// The attributes of a `CloudEvents` event in binary mode; `None` if the message is none.
pub(super) fn cloud_event_attributes(properties: &AmqpProperties) -> Option<Attributes> {
    let headers = properties.headers().as_ref()?;
    let attribute = |name: &str| {
        PREFIXES.iter().find_map(|prefix| match headers.get(&format!("{prefix}{name}"))? {
            AmqpValue::LongString(text) => Some(text.clone()),
            // As pika writes a datetime.
            AmqpValue::Timestamp(seconds) => time_of(*seconds).map(rfc3339),
            _ => None,
        })
    };
    attribute("specversion")?;
    Some(Attributes { id: attribute("id"), source: attribute("source"), time: attribute("time") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_an_event_is_a_text_or_an_amqp_timestamp() {
        let text = |text: &str| AmqpValue::LongString(text.to_owned());
        for (prefix, time) in [
            ("cloudEvents:", AmqpValue::Timestamp(1_795_687_200)),
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
            let origin = cloud_event_attributes(&properties).unwrap().origin().unwrap();
            assert_eq!(origin.id.as_deref(), Some("/a 1"));
            assert_eq!(origin.published_at.map(rfc3339).as_deref(), Some("2026-11-26T10:00:00.000Z"));
        }
        assert_eq!(cloud_event_attributes(&AmqpProperties::default()), None);
    }
}
