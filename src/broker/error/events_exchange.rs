//! Why events cannot be published to `EVENTS_EXCHANGE`, and what to do. A person has to change something in every case.

/// The exchange of events cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EventsExchangeError {
    /// It is missing, and the broker does not create it.
    #[error(
        "the exchange {exchange:?} does not exist, and the broker does not create it: {message}; correct its name in \
         EVENTS_EXCHANGE, or create it yourself, as a durable exchange of the type topic, or give the user the permission \
         configure on it with `rabbitmqctl set_permissions`"
    )]
    NotDeclared {
        /// Its name.
        exchange: String,
        /// The broker's words.
        message: String,
    },
    /// It has another type.
    #[error(
        "EVENTS_EXCHANGE names {exchange:?}, which is an exchange of the type {found}: whoever wants events could not bind a queue \
         to patterns such as notification.*; set the name of a topic exchange, or of one that does not exist yet"
    )]
    WrongType {
        /// Its name.
        exchange: String,
        /// Its type.
        found: String,
    },
    /// The user may not publish to it (AMQP code 403).
    #[error(
        "the user may not publish to the exchange {exchange:?} of EVENTS_EXCHANGE: {message}; with `rabbitmqctl \
         set_permissions`, give the user the permission write on it"
    )]
    NotWritable {
        /// Its name.
        exchange: String,
        /// The broker's words.
        message: String,
    },
}
