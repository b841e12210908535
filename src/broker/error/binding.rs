//! Why a queue cannot be bound to an exchange, and what to do. A person has to change something in every case.

use crate::config::broker::bindings::{Binding, ExchangeType};

/// A binding of `AMQP_BINDINGS` that cannot be made, or would not do what it says.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    /// The exchange is missing, and nothing tells its type.
    #[error(
        "the exchange {exchange:?} does not exist, and nothing tells its type; correct its name in AMQP_BINDINGS, or let the \
         program that publishes to it declare it first, or say its type: {exchange}(topic):{key} or {exchange}(direct):{key}"
    )]
    UnknownType {
        /// Its name.
        exchange: String,
        /// The routing key.
        key: String,
    },
    /// The exchange is missing, and the broker does not create it.
    #[error(
        "the exchange {exchange:?} does not exist, and the broker does not create it: {message}; correct its name in \
         AMQP_BINDINGS, or create it yourself, as a durable exchange of the type {wanted}, or give the user the permission \
         configure on it with `rabbitmqctl set_permissions`"
    )]
    NotDeclared {
        /// Its name.
        exchange: String,
        /// The type that it would have got.
        wanted: &'static str,
        /// The broker's words.
        message: String,
    },
    /// The exchange has another type than the binding needs.
    #[error("AMQP_BINDINGS has {binding}, but the exchange {exchange:?} is of the type {found}: {reason}")]
    WrongType {
        /// Its name.
        exchange: String,
        /// The binding, as it is written.
        binding: String,
        /// The type of the exchange.
        found: String,
        /// What follows, and what to do.
        reason: String,
    },
    /// The user may not bind (AMQP code 403).
    #[error(
        "the user may not bind the queue {queue:?} to the exchange {exchange:?}: {message}; with `rabbitmqctl \
         set_permissions`, give the user the permission write on the queue and read on the exchange; or bind the queue \
         yourself, and remove {binding} from AMQP_BINDINGS"
    )]
    Refused {
        /// The queue.
        queue: String,
        /// The exchange.
        exchange: String,
        /// The binding, as it is written.
        binding: String,
        /// The broker's words.
        message: String,
    },
}

impl BindingError {
    pub(in crate::broker) fn not_declared(binding: &Binding, wanted: ExchangeType, message: String) -> Self {
        Self::NotDeclared { exchange: binding.exchange.clone(), wanted: wanted.as_str(), message }
    }

    pub(in crate::broker) fn refused(binding: &Binding, message: String) -> Self {
        let Binding { exchange, queue, .. } = binding.clone();
        Self::Refused { queue, exchange, binding: binding.to_string(), message }
    }
}
