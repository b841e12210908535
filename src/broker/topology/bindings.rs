//! Binding a queue to exchanges: finding each exchange as it is, declaring one that is missing, and refusing one whose type
//! does not fit. What is bound stands in the configuration, how a broker tells the type in `exchanges`.

use amiquip::FieldTable;
use uuid::Uuid;

use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::broker::error::binding::BindingError;
use crate::broker::topology::exchanges::{declare, exists, find_type};
use crate::config::broker::bindings::{Binding, ExchangeType};

/// Binds a queue, which exists. The exchange is declared if it is missing.
///
/// # Errors
/// [`BrokerError::Binding`] when a person has to change something.
pub(in crate::broker) fn bind(
    connection: &mut BrokerConnection,
    binding: &Binding,
) -> Result<(), BrokerError> {
    find_or_declare(connection, binding)?;
    let channel = connection.open_channel()?;
    channel
        .queue_bind(&binding.queue, &binding.exchange, &binding.key, FieldTable::new())
        .map_err(|error| of_binding(error, binding))
}

/// What the worker will do about a binding, a sentence. Changes nothing: AMQP has no way to ask whether the binding exists.
/// `has_queue`: the queue exists.
///
/// # Errors
/// What the worker would end with, as far as it shows.
pub(in crate::broker) fn look(
    connection: &mut BrokerConnection,
    binding: &Binding,
    has_queue: bool,
) -> Result<String, BrokerError> {
    let Binding { exchange, queue, .. } = binding;
    let keys = if binding.key.is_empty() { "everything".to_owned() } else { binding.key.clone() };
    if !exists(connection, exchange)? {
        let declared = type_to_declare(binding)?.as_str();
        return Ok(format!(
            "{exchange} does not exist yet; the worker will declare it as {declared} exchange, and bind the queue {queue} to it \
             for {keys}"
        ));
    }
    let found = find_type(connection, exchange)?;
    check_type(binding, found.as_deref())?;
    if has_queue {
        try_binding(connection, binding)?;
    }
    let found = found.map_or_else(|| "an exchange".to_owned(), |found| format!("a {found} exchange"));
    Ok(format!("{exchange} is {found}; the worker binds the queue {queue} to it for {keys}"))
}

fn find_or_declare(connection: &mut BrokerConnection, binding: &Binding) -> Result<(), BrokerError> {
    if !exists(connection, &binding.exchange)? {
        let declared = type_to_declare(binding)?;
        match declare(connection, &binding.exchange, declared) {
            Ok(()) => return Ok(()),
            // Another program may have declared it in between, in its own way.
            Err(BrokerError::Closed { code: 403 | 406, message }) => {
                if !exists(connection, &binding.exchange)? {
                    return Err(BindingError::not_declared(binding, declared, message).into());
                }
            }
            Err(error) => return Err(error),
        }
    }
    let found = find_type(connection, &binding.exchange)?;
    check_type(binding, found.as_deref())
}

fn type_to_declare(binding: &Binding) -> Result<ExchangeType, BindingError> {
    binding.wanted_type().ok_or_else(|| BindingError::UnknownType {
        exchange: binding.exchange.clone(),
        key: binding.key.clone(),
    })
}

fn check_type(binding: &Binding, found: Option<&str>) -> Result<(), BrokerError> {
    match found.and_then(|found| mismatch(binding, found)) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Why a binding to an exchange of the type `found` would not do what it says. Of types that plugins add, nothing is known.
fn mismatch(binding: &Binding, found: &str) -> Option<BindingError> {
    let Binding { exchange, key, .. } = binding;
    let is_builtin = matches!(found, "topic" | "direct" | "fanout" | "headers");
    let differs = binding.wanted_type().is_some_and(|wanted| wanted.as_str() != found);
    let reason = match found {
        "direct" if binding.is_pattern() => format!(
            "such an exchange compares routing keys as they are, so {key} would match no message; bind the queue to keys \
             without * and #, or to a topic exchange"
        ),
        "fanout" if !key.is_empty() => format!(
            "such an exchange ignores routing keys, so the queue would get every message; write {exchange}(fanout) if it should"
        ),
        "headers" => {
            "such an exchange compares headers and no routing keys; bind the queue to it yourself, with the \
                      headers that you want, and remove the entry"
                .to_owned()
        }
        _ if is_builtin && differs && key.is_empty() => format!("write {exchange}:key, with a routing key"),
        _ if is_builtin && differs => format!("write {exchange}:{key}"),
        _ => return None,
    };
    let exchange = exchange.clone();
    Some(BindingError::WrongType { exchange, binding: binding.to_string(), found: found.to_owned(), reason })
}

/// Tries the permissions: removing a binding that does not exist needs the same ones, and changes nothing.
fn try_binding(connection: &mut BrokerConnection, binding: &Binding) -> Result<(), BrokerError> {
    let nowhere = format!("fanmail-check-{}", Uuid::now_v7());
    let channel = connection.open_channel()?;
    match channel.queue_unbind(&binding.queue, &binding.exchange, nowhere, FieldTable::new()) {
        // AMQP calls a missing binding an error; RabbitMQ and LavinMQ do not.
        Ok(()) | Err(amiquip::Error::ServerClosedChannel { code: 404, .. }) => Ok(()),
        Err(error) => Err(of_binding(error, binding)),
    }
}

fn of_binding(error: amiquip::Error, binding: &Binding) -> BrokerError {
    match BrokerError::from(error) {
        BrokerError::Closed { code: 403, message } => BindingError::refused(binding, message).into(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binding(exchange_type: Option<ExchangeType>, key: &str) -> Binding {
        let (exchange, key, queue) = ("e".to_owned(), key.to_owned(), "q".to_owned());
        Binding { exchange, exchange_type, key, queue }
    }

    #[test]
    fn a_type_that_does_not_do_what_the_binding_says_is_refused() {
        use ExchangeType::{Direct, Fanout, Topic};
        for (exchange_type, key, found, told) in [
            (None, "student.*", "direct", "student.* would match no message"),
            (None, "student.*", "fanout", "ignores routing keys"),
            (None, "email", "fanout", "write e(fanout) if it should"),
            (None, "email", "headers", "compares headers"),
            (Some(Topic), "email", "direct", "write e:email"),
            (Some(Direct), "email", "topic", "write e:email"),
            (Some(Fanout), "", "topic", "write e:key"),
        ] {
            let error = mismatch(&binding(exchange_type, key), found).unwrap().to_string();
            assert!(error.contains(told) && error.contains(found), "{error}");
        }
        for (exchange_type, key, found) in [
            (None, "student.*", "topic"),
            (None, "email", "topic"),
            (None, "email", "direct"),
            (Some(Fanout), "", "fanout"),
            (None, "student.*", "x-delayed-message"),
            (Some(Topic), "email", "x-delayed-message"),
        ] {
            assert!(mismatch(&binding(exchange_type, key), found).is_none(), "{key} {found}");
        }
    }
}
