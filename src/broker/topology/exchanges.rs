//! Looking at an exchange: whether it exists, of which type it is, and declaring it. Which type is wanted is left to the callers.
//!
//! An exchange, like a queue, is first asked for with a passive declaration, which needs no permission and compares nothing. AMQP
//! does not tell its type. The broker compares it when the exchange is declared again, which changes nothing about one that
//! exists: RabbitMQ names the type that differs, LavinMQ only accepts the right one.

use amiquip::{Channel, ExchangeDeclareOptions, ExchangeType as AmqpType};

use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::config::broker::bindings::ExchangeType;

/// Whether an exchange of this name exists.
pub(super) fn exists(connection: &mut BrokerConnection, exchange: &str) -> Result<bool, BrokerError> {
    match connection.open_channel()?.exchange_declare_passive(exchange) {
        Ok(_) => Ok(true),
        Err(amiquip::Error::ServerClosedChannel { code: 404, .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The type of an exchange that exists; `None` if the broker does not tell this user.
pub(super) fn find_type(
    connection: &mut BrokerConnection,
    exchange: &str,
) -> Result<Option<String>, BrokerError> {
    let builtin = [AmqpType::Topic, AmqpType::Direct, AmqpType::Fanout, AmqpType::Headers];
    for asked in builtin {
        let word = asked.as_ref().to_owned();
        match declare_as(&connection.open_channel()?, exchange, asked) {
            Ok(()) => return Ok(Some(word)),
            Err(BrokerError::Closed { code: 406, message }) => match differing_type(&message) {
                Some(DifferingType::Is(found)) => return Ok(Some(found)),
                // It is of this type, and differs in another way.
                Some(DifferingType::None) => return Ok(Some(word)),
                None => {}
            },
            // 403: no permission, or a name that begins with amq.
            Err(BrokerError::Closed { code: 403, .. }) => return Ok(builtin_name(exchange)),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// The types of the exchanges that every broker has (AMQP 0-9-1 section 3.1.3.4).
fn builtin_name(exchange: &str) -> Option<String> {
    let found = match exchange {
        "amq.topic" | "amq.rabbitmq.trace" => "topic",
        "amq.direct" => "direct",
        "amq.fanout" => "fanout",
        "amq.headers" | "amq.match" => "headers",
        _ => return None,
    };
    Some(found.to_owned())
}

/// What the words of RabbitMQ say about the type of an exchange.
#[derive(Debug, PartialEq, Eq)]
enum DifferingType {
    Is(String),
    None,
}

/// RabbitMQ compares the type first: "inequivalent arg 'type' for exchange 'e' in vhost '/': received 'topic' but current is
/// 'direct'".
fn differing_type(message: &str) -> Option<DifferingType> {
    let (_, argument) = message.split_once("inequivalent arg '")?;
    if !argument.starts_with("type'") {
        return Some(DifferingType::None);
    }
    let (_, found) = argument.rsplit_once("current is '")?;
    Some(DifferingType::Is(found.trim_end_matches('\'').to_owned()))
}

/// Declares an exchange that outlives restarts of the broker, without arguments.
pub(super) fn declare(
    connection: &mut BrokerConnection,
    exchange: &str,
    exchange_type: ExchangeType,
) -> Result<(), BrokerError> {
    declare_as(&connection.open_channel()?, exchange, amqp_type(exchange_type))
}

fn declare_as(channel: &Channel, exchange: &str, exchange_type: AmqpType) -> Result<(), BrokerError> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    Ok(channel.exchange_declare(exchange_type, exchange, durable).map(drop)?)
}

fn amqp_type(exchange_type: ExchangeType) -> AmqpType {
    match exchange_type {
        ExchangeType::Topic => AmqpType::Topic,
        ExchangeType::Direct => AmqpType::Direct,
        ExchangeType::Fanout => AmqpType::Fanout,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rabbitmq_names_the_type_that_differs() {
        let words = |argument: &str| {
            format!(
                "PRECONDITION_FAILED - inequivalent arg '{argument}' for exchange 'e' in vhost '/': received 'topic' but \
                 current is 'direct'"
            )
        };
        assert_eq!(differing_type(&words("type")), Some(DifferingType::Is("direct".to_owned())));
        assert_eq!(differing_type(&words("durable")), Some(DifferingType::None));
        let lavinmq = "PRECONDITION_FAILED - Existing exchange 'e' declared with other arguments";
        assert_eq!(differing_type(lavinmq), None);
    }
}
