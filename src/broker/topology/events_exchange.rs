//! The exchange of events (`EVENTS_EXCHANGE`): finding it as it is, declaring it if it is missing, and refusing it if it is of
//! another type than topic. Publishing to it is left to `publications`.

use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::broker::error::events_exchange::EventsExchangeError;
use crate::broker::topology::exchanges::{declare, exists, find_type};
use crate::config::broker::bindings::ExchangeType;

/// Finds the exchange, or declares it.
///
/// # Errors
/// [`BrokerError::EventsExchange`] when a person has to change something.
pub(in crate::broker) fn find_or_declare(
    connection: &mut BrokerConnection,
    exchange: &str,
) -> Result<(), BrokerError> {
    if !exists(connection, exchange)? {
        match declare(connection, exchange, ExchangeType::Topic) {
            Ok(()) => return Ok(()),
            // Another program may have declared it in between, in its own way.
            Err(BrokerError::Closed { code: 403 | 406, message }) => {
                if !exists(connection, exchange)? {
                    let exchange = exchange.to_owned();
                    return Err(EventsExchangeError::NotDeclared { exchange, message }.into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    check_type(connection, exchange)
}

/// What the worker will do about it, a sentence. Changes nothing.
///
/// # Errors
/// What the worker would end with, as far as it shows.
pub(in crate::broker) fn look(
    connection: &mut BrokerConnection,
    exchange: &str,
) -> Result<String, BrokerError> {
    if !exists(connection, exchange)? {
        return Ok(format!(
            "{exchange} does not exist yet; the worker will declare it as topic exchange, and publish events to it"
        ));
    }
    check_type(connection, exchange)?;
    Ok(format!("the worker publishes events to the exchange {exchange}"))
}

/// Of types that plugins add, nothing is known.
fn check_type(connection: &mut BrokerConnection, exchange: &str) -> Result<(), BrokerError> {
    let found = find_type(connection, exchange)?;
    match found.filter(|found| matches!(found.as_str(), "direct" | "fanout" | "headers")) {
        Some(found) => Err(EventsExchangeError::WrongType { exchange: exchange.to_owned(), found }.into()),
        None => Ok(()),
    }
}
