//! What can go wrong with a broker. Each text says what happened and what to do. None holds a password: amiquip's own
//! connection errors may, so `amiquip_error` uses only harmless parts of them. What follows from an error is left to
//! `error/consequences`.

use std::io;

use crate::broker::error::binding::BindingError;
use crate::broker::error::events_exchange::EventsExchangeError;
use crate::broker::error::exchange::ExchangeError;

pub mod binding;
mod consequences;
pub mod events_exchange;
pub mod exchange;

/// A failure between fanmail and the broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The host name has no address.
    #[error("cannot find the host {host:?} of the broker: {cause}; check {variable}")]
    Unresolved {
        /// The name as configured.
        host: String,
        /// The resolver's error.
        cause: io::Error,
        /// The variable with the host.
        variable: &'static str,
    },
    /// No TCP connection to any address of the host.
    #[error(
        "no broker answers at {address}: {cause}; check that RabbitMQ or LavinMQ runs there, and check {variables}"
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// The operating system's error.
        cause: io::Error,
        /// The variables with host and port.
        variables: String,
    },
    /// None of several hosts can be used.
    #[error("none of the {} hosts of the broker can be used: {}", .0.len(), numbered(.0))]
    NoHost(Vec<BrokerError>),
    /// Connected, but the other side does not open an AMQP connection.
    #[error(
        "{address} accepts connections but does not answer as an AMQP broker: {cause}; check {variables}: the usual \
         port is 5672 without TLS (amqp) and 5671 with TLS (amqps)"
    )]
    NotAmqp {
        /// Host and port.
        address: String,
        /// What happened instead.
        cause: String,
        /// The variables with port and TLS.
        variables: String,
    },
    /// No TLS session.
    #[error(
        "no TLS connection to {address}: {cause}; check that this port speaks TLS (amqps, 5671), and that the broker's \
         certificate is made for this host name, has not expired, and is signed by an authority that this machine \
         trusts or that the file in AMQP_CA_FILE contains"
    )]
    Tls {
        /// Host and port.
        address: String,
        /// The TLS library's error.
        cause: String,
    },
    /// User name or password are not accepted.
    #[error(
        "the broker at {address} refused the user {user:?}; check {variables}. Brokers usually accept the user guest \
         from their own machine only"
    )]
    Credentials {
        /// Host and port.
        address: String,
        /// The user name.
        user: String,
        /// The variables with user name and password.
        variables: String,
    },
    /// The virtual host does not exist, or the user may not use it.
    #[error(
        "the broker refused the virtual host {vhost:?} to the user {user:?}: {message}; check {variable}. \
         `rabbitmqctl list_vhosts` shows which exist, `rabbitmqctl list_permissions -p {vhost}` shows the users that \
         may use one"
    )]
    Vhost {
        /// The virtual host as configured.
        vhost: String,
        /// The user name.
        user: String,
        /// The broker's words.
        message: String,
        /// The variable with the virtual host.
        variable: &'static str,
    },
    /// The queue is missing, and the broker does not create it: the user may not (AMQP code 403), or a limit is reached (406).
    #[error(
        "the queue {queue:?} does not exist, and the broker does not create it: {message}; create it yourself, as a durable \
         queue, or give the user the permission configure on it with `rabbitmqctl set_permissions`, or set the name of \
         another queue in {variable} (dead letters are kept in the queue of the same name with .dead)"
    )]
    NotCreated {
        /// Its name.
        queue: String,
        /// The broker's words.
        message: String,
        /// The variable with the queue.
        variable: &'static str,
    },
    /// The queue is a stream, which takes no part in acks.
    #[error(
        "the queue {queue:?} is a stream, which fanmail cannot use: an ack removes nothing from a stream, so messages would \
         be skipped or read again after a restart ({message}); publish to a classic or a quorum queue, and set its name in \
         {variable} (dead letters are kept in the queue of the same name with .dead)"
    )]
    Stream {
        /// Its name.
        queue: String,
        /// The broker's words.
        message: String,
        /// The variable with the queue.
        variable: &'static str,
    },
    /// The user may not read the queue (AMQP code 403).
    #[error(
        "the user may not read the queue {queue:?}: {message}; with `rabbitmqctl set_permissions`, give the user the \
         permission read on the queue in {variable} and on the queue of its dead letters (the same name with .dead)"
    )]
    NotReadable {
        /// Its name.
        queue: String,
        /// The broker's words.
        message: String,
        /// The variable with the queue.
        variable: &'static str,
    },
    /// The user may not publish through the default exchange (AMQP code 403).
    #[error(
        "the user may not publish to the queue {queue:?}: {message}; with `rabbitmqctl set_permissions`, give the user the \
         permission write on amq.default, the exchange that fanmail publishes with"
    )]
    NotPublishable {
        /// Where the message was to go.
        queue: String,
        /// The broker's words.
        message: String,
    },
    /// The queue belongs to another connection (AMQP code 405).
    #[error(
        "the queue {queue:?} belongs to another connection: {message}; stop the program that has declared it as exclusive \
         (`rabbitmqctl list_queues name exclusive owner_pid`), or set another name in {variable}"
    )]
    Exclusive {
        /// Its name.
        queue: String,
        /// The broker's words.
        message: String,
        /// The variable with the queue.
        variable: &'static str,
    },
    /// The queue cannot be bound to an exchange.
    #[error(transparent)]
    Binding(#[from] BindingError),
    /// Events cannot be published.
    #[error(transparent)]
    EventsExchange(#[from] EventsExchangeError),
    /// A message cannot be published to an exchange.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// Another consumer wants to be the only one (AMQP code 403).
    #[error(
        "another consumer has the queue {queue:?} for itself: {message}; stop it (`rabbitmqctl list_consumers` shows it)"
    )]
    OtherConsumer {
        /// Its name.
        queue: String,
        /// The broker's words.
        message: String,
    },
    /// The broker closed the channel or the connection with a reason.
    #[error("the broker closed the connection: {message} (code {code})")]
    Closed {
        /// AMQP reply code.
        code: u16,
        /// The broker's words.
        message: String,
    },
    /// A message was not acked for longer than the broker allows (its delivery acknowledgement timeout).
    #[error(
        "a fan-out takes longer than the broker allows between a message and its ack, so the broker has taken the \
         message back ({message})"
    )]
    AckTimeout {
        /// The broker's words.
        message: String,
    },
    /// The broker ended the subscription. RabbitMQ 4.3 does so with consumers of quorum queues that are late with
    /// an ack, instead of closing their channel.
    #[error(
        "the broker ended the subscription: the queue was deleted or moved to another node, or it is a quorum queue \
         with a consumer timeout that is shorter than a fan-out; fanmail declares and consumes the queue again"
    )]
    Cancelled,
    /// amiquip cannot read what the broker sent.
    #[error("the broker sent a frame that cannot be read")]
    Unreadable,
    /// The other side reset or closed the connection, without a reason.
    #[error("the connection to the broker is lost: {0}")]
    Reset(String),
    /// Nothing came from the broker for too long: it is frozen, or the network is cut.
    #[error("the connection to the broker is lost: {0}")]
    Silent(String),
    /// The connection is gone for another cause, or for an unknown one.
    #[error("the connection to the broker is lost: {0}")]
    Lost(String),
    /// A memory or disk alarm: the broker takes no messages.
    #[error(
        "the broker accepts no messages at the moment: {reason}; `rabbitmq-diagnostics alarms` shows why (free \
         memory or disk space on the broker)"
    )]
    Blocked {
        /// The broker's words.
        reason: String,
    },
    /// A question was not answered in time.
    #[error("the broker has not answered within {0} s")]
    NoAnswer(u64),
    /// Neither a confirm nor a refusal came in time.
    #[error("the broker did not confirm the message within {0} s; the message may have arrived or not")]
    Unconfirmed(u64),
    /// The broker said that it does not have the message.
    #[error("the broker refused the message; most likely the queue {queue:?} has reached its length limit")]
    Refused {
        /// Where the message was to go.
        queue: String,
    },
    /// The message could not be routed.
    #[error(
        "the broker returned the message: {message}; check whether the queue {queue:?} was deleted just now"
    )]
    Returned {
        /// Where the message was to go.
        queue: String,
        /// The broker's words.
        message: String,
    },
    /// AMQP allows at most 255 bytes (short string, AMQP 0-9-1 section 4.2.5.3).
    #[error("a message id must have 1 to 255 bytes; this one has {0}")]
    BadMessageId(usize),
}

/// Such as `(1) no broker answers …; (2) …`.
fn numbered(errors: &[BrokerError]) -> String {
    let numbered: Vec<String> =
        errors.iter().enumerate().map(|(index, error)| format!("({}) {error}", index + 1)).collect();
    numbered.join("; ")
}
