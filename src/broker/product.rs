//! Which broker it is, as it says itself, and what follows from its version.

use amiquip::{AmqpValue, Connection};

use crate::domain::session::AckWriting;
use crate::text::clean::{cut, one_line};

/// Longest name or version of a broker, in characters.
const PROPERTY_MAX: usize = 64;

/// Name and version, such as `RabbitMQ 3.10.8`.
pub(super) fn of(connection: &Connection) -> String {
    let property = |key| match connection.server_properties().get(key) {
        Some(AmqpValue::LongString(text)) => Some(cut(one_line(text), PROPERTY_MAX)),
        _ => None,
    };
    match (property("product"), property("version")) {
        (Some(product), Some(version)) => format!("{product} {version}"),
        (Some(product), None) => product,
        _ => "a broker".to_owned(),
    }
}

/// Its name, with major and minor version; `None` if it has none.
pub(super) fn name_and_version(product: &str) -> (&str, Option<(u32, u32)>) {
    let (name, version) = product.split_once(' ').unwrap_or((product, ""));
    let mut numbers = version.split(['.', '-', '+']).map(|number| number.parse().ok());
    (name, numbers.next().flatten().zip(numbers.next().flatten()))
}

/// When it writes acks to its disk. RabbitMQ writes them late for classic queues of version 2: they are recommended since 3.12, and
/// since 4.0 there are no others.
pub(super) fn ack_writing(product: &str) -> AckWriting {
    match name_and_version(product) {
        ("RabbitMQ", Some(version)) if version < (3, 12) => AckWriting::Soon,
        ("LavinMQ", _) => AckWriting::Soon,
        _ => AckWriting::Late,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_as_brokers_write_it() {
        assert_eq!(name_and_version("RabbitMQ 4.2.0-rc.1"), ("RabbitMQ", Some((4, 2))));
        assert_eq!(name_and_version("RabbitMQ 4.3.0+7"), ("RabbitMQ", Some((4, 3))));
        for unknown in ["RabbitMQ", "RabbitMQ unknown", "RabbitMQ 4"] {
            assert_eq!(name_and_version(unknown), ("RabbitMQ", None));
        }
    }

    #[test]
    fn only_brokers_that_are_known_to_write_acks_soon_do() {
        for soon in ["RabbitMQ 3.10.8", "RabbitMQ 3.9.13", "RabbitMQ 3.11.28", "LavinMQ 2.1.0", "LavinMQ"] {
            assert_eq!(ack_writing(soon), AckWriting::Soon, "{soon}");
        }
        for late in ["RabbitMQ 3.12.0", "RabbitMQ 3.13.7", "RabbitMQ 4.0.5", "RabbitMQ", "a broker"] {
            assert_eq!(ack_writing(late), AckWriting::Late, "{late}");
        }
    }
}
