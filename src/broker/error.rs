//! What can go wrong with a broker, in words for the person who has to cure it. No text here ever holds a
//! password: amiquip's own connection errors may, so only harmless parts of them are taken over.

use std::io;

use crate::broker::ack_timeout;

/// What went wrong between us and the broker.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// The name of the host has no address.
    #[error("cannot find the host {host:?} of the broker: {source}; check LAVINMQ_HOST or AMQP_URL")]
    Unresolved {
        /// The name as configured.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// No TCP connection to any address of the host.
    #[error(
        "no broker answers at {address}: {source}; is RabbitMQ or LavinMQ running there, and are LAVINMQ_HOST \
         and LAVINMQ_PORT, or AMQP_URL, right?"
    )]
    Unreachable {
        /// Host and port.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Connected, but the other side does not open an AMQP connection.
    #[error(
        "{address} accepts connections but does not answer as an AMQP broker: {cause}; is it the right port, \
         and with TLS (amqps, 5671) or without (amqp, 5672)?"
    )]
    NotAmqp {
        /// Host and port.
        address: String,
        /// What happened instead.
        cause: String,
    },
    /// No TLS session.
    #[error(
        "no TLS connection to {address}: {cause}; does that port speak TLS (amqps, 5671), and is the broker's \
         certificate made for this host name, still valid, and signed by an authority this machine trusts? \
         AMQP_CA_FILE names a file with further ones"
    )]
    Tls {
        /// Host and port.
        address: String,
        /// What the TLS library says.
        cause: String,
    },
    /// User or password are not accepted.
    #[error(
        "the broker at {address} refused the user {user:?}; check LAVINMQ_USERNAME and LAVINMQ_PASSWORD, or \
         AMQP_URL. The user guest is usually accepted only from the broker's own machine"
    )]
    Credentials {
        /// Host and port.
        address: String,
        /// The user that was refused.
        user: String,
    },
    /// The virtual host does not exist, or the user may not use it.
    #[error(
        "the broker refused the virtual host {vhost:?} to the user {user:?}: {message}; check LAVINMQ_VHOST or \
         AMQP_URL. `rabbitmqctl list_vhosts` shows which exist, `rabbitmqctl list_permissions -p {vhost}` who \
         may use it"
    )]
    Vhost {
        /// The virtual host as configured.
        vhost: String,
        /// The user who asked for it.
        user: String,
        /// The broker's words.
        message: String,
    },
    /// The queue exists, but is not plain durable (AMQP code 406).
    #[error(
        "the queue {queue:?} exists, but not as durable and without arguments: {message}. \
         `rabbitmqctl list_queues name durable auto_delete arguments` shows how it was declared. Delete it once \
         it is empty so that it is declared anew (and put what its arguments did into a policy), or use another \
         name (LAVINMQ_QUEUE)"
    )]
    QueueDiffers {
        /// Its name.
        queue: String,
        /// The broker's words.
        message: String,
    },
    /// The user may not do that with the queue (AMQP code 403).
    #[error(
        "the user may not use the queue {queue:?}: {message}; it needs the permissions configure, write and read \
         on it and on {queue}.dead, and write on the default exchange (`rabbitmqctl set_permissions`)"
    )]
    NotPermitted {
        /// Its name.
        queue: String,
        /// The broker's words.
        message: String,
    },
    /// The broker closed the channel or the connection, and said why.
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
        "the broker ended the subscription: the queue was deleted or moved to another node, or is a quorum queue \
         whose consumer timeout is shorter than a fan-out; it is declared and consumed again"
    )]
    Cancelled,
    /// amiquip cannot read what the broker sent.
    #[error("the broker sent a frame that cannot be read")]
    Unreadable,
    /// The connection is gone, without a word from the broker.
    #[error("the connection to the broker broke: {0}")]
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
    /// The broker did not say whether it has the message.
    #[error("the broker did not confirm the message within {0} s; it may have it or not")]
    Unconfirmed(u64),
    /// The broker said that it does not have the message.
    #[error("the broker refused the message, most likely because the queue {queue:?} has reached its limit")]
    Refused {
        /// Where it was to go.
        queue: String,
    },
    /// The message could not be routed.
    #[error("the broker returned the message: {message}; was the queue {queue:?} deleted just now?")]
    Returned {
        /// Where it was to go.
        queue: String,
        /// The broker's words.
        message: String,
    },
    /// AMQP allows at most 255 bytes (short string, AMQP 0-9-1 section 4.2.5.3).
    #[error("a message id must have 1 to 255 bytes, this one has {0}")]
    BadMessageId(usize),
}

impl BrokerError {
    /// What to tell once the connection is closed: if it was lost, only closing tells why.
    pub(super) fn explained_by(self, closed: Result<(), Self>) -> Self {
        match (self, closed) {
            (Self::Lost(_), Err(cause)) => cause,
            (error, _) => error,
        }
    }

    /// Whether the broker objects to what was sent, so that sending the same again is pointless. Being
    /// closed by an operator or a shutdown (320) is no objection, nor is an error of the broker itself (541).
    #[must_use]
    pub fn is_objection(&self) -> bool {
        matches!(self, Self::Closed { code, .. } if !matches!(code, 320 | 541))
    }

    /// What became of declaring or looking at `queue`.
    pub(super) fn of_queue(error: amiquip::Error, queue: &str) -> Self {
        match Self::from(error) {
            Self::Closed { code: 406, message } => Self::QueueDiffers { queue: queue.to_owned(), message },
            Self::Closed { code: 403, message } => Self::NotPermitted { queue: queue.to_owned(), message },
            other => other,
        }
    }
}

impl From<amiquip::Error> for BrokerError {
    /// For errors of an open connection: none of them has a URL in it.
    fn from(error: amiquip::Error) -> Self {
        use amiquip::Error as E;
        match error {
            E::ServerClosedChannel { code: 406, message, .. } if ack_timeout::is_told_by(&message) => {
                Self::AckTimeout { message }
            }
            E::ServerClosedConnection { code, message } | E::ServerClosedChannel { code, message, .. } => {
                Self::Closed { code, message }
            }
            E::MalformedFrame => Self::Unreadable,
            E::MissedServerHeartbeats => Self::Lost("nothing was heard from it for 20 s".to_owned()),
            E::UnexpectedSocketClose => Self::Lost("it closed the connection without a word".to_owned()),
            E::IoErrorReadingSocket { source } | E::IoErrorWritingSocket { source } => {
                Self::Lost(source.to_string())
            }
            other => Self::Lost(other.to_string()),
        }
    }
}
