//! Why a message cannot be published to an exchange, and what to do.

/// A message that no exchange takes.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The exchange does not exist (AMQP code 404).
    #[error(
        "the exchange {exchange:?} does not exist: {message}; correct its name, or start a worker with AMQP_BINDINGS first, which \
         declares it"
    )]
    Missing {
        /// Its name.
        exchange: String,
        /// The broker's words.
        message: String,
    },
    /// The user may not publish to the exchange (AMQP code 403), or no user may.
    #[error(
        "the user may not publish to the exchange {exchange:?}: {message}; with `rabbitmqctl set_permissions`, give the user the \
         permission write on it"
    )]
    Refused {
        /// Its name.
        exchange: String,
        /// The broker's words.
        message: String,
    },
    /// The exchange has no queue for the routing key.
    #[error(
        "the exchange {exchange:?} has no queue for the routing key {routing_key:?}, so the message went nowhere; correct the key, or \
         bind the queue with AMQP_BINDINGS={exchange}:{routing_key} and start a worker"
    )]
    Unrouted {
        /// Its name.
        exchange: String,
        /// The routing key.
        routing_key: String,
    },
    /// A queue did not take it.
    #[error(
        "the broker refused the message; most likely a queue behind the exchange {exchange:?} has reached its length limit"
    )]
    QueueRefused {
        /// Its name.
        exchange: String,
    },
}
