//! How often a quorum queue has delivered a message. RabbitMQ before 4.3 counts each return to the queue (a stop, a lost
//! connection, a late ack, a listing), and drops or dead-letters a message that exceeds the delivery limit of the queue: 20 by
//! default from 4.0 on, none before. A classic queue counts nothing.

use amiquip::{AmqpProperties, AmqpValue};

/// The headers in which RabbitMQ counts, from 4.3 on in both.
pub(super) const HEADERS: [&str; 2] = ["x-delivery-count", "x-acquired-count"];

/// Deliveries from which the log warns.
pub(super) const MANY: u64 = 5;

/// How often the message was returned to its queue; `None` if the queue does not count.
pub(super) fn delivery_count(properties: &AmqpProperties) -> Option<u64> {
    integer(properties.headers().as_ref()?.get(HEADERS[0])?)
}

/// A count in a header, whichever type of integer it has.
pub(super) fn integer(value: &AmqpValue) -> Option<u64> {
    match value {
        AmqpValue::LongLongInt(count) => u64::try_from(*count).ok(),
        AmqpValue::LongInt(count) => u64::try_from(*count).ok(),
        AmqpValue::ShortInt(count) => u64::try_from(*count).ok(),
        AmqpValue::ShortShortInt(count) => u64::try_from(*count).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_read_from_any_integer() {
        let of = |value: AmqpValue| {
            let headers = [(HEADERS[0].to_owned(), value)].into();
            delivery_count(&AmqpProperties::default().with_headers(headers))
        };
        for value in [AmqpValue::LongLongInt(7), AmqpValue::LongInt(7), AmqpValue::ShortShortInt(7)] {
            assert_eq!(of(value), Some(7));
        }
        assert_eq!(of(AmqpValue::LongInt(-1)), None);
        assert_eq!(of(AmqpValue::LongString("7".to_owned())), None);
        assert_eq!(delivery_count(&AmqpProperties::default()), None);
    }
}
