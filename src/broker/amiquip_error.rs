//! Reads the errors of amiquip and of sockets: which are a reset, which silence, and which the broker's own words. These reach
//! log and terminal on one line, cut, and without control characters. The texts for people are left to `error`.

use std::io;

use crate::broker::ack_timeout;
use crate::broker::error::BrokerError;
use crate::broker::error::exchange::ExchangeError;
use crate::text::clean::{cut, one_line};

/// Longest text of a broker that is quoted, in characters.
const QUOTE_MAX: usize = 500;

/// What a broker says, on one line.
pub(super) fn quoted(text: &str) -> String {
    cut(one_line(text), QUOTE_MAX)
}

impl BrokerError {
    /// The error of asking for `queue` or reading from it. `variable` names the queue in the configuration.
    pub(super) fn of_queue(error: amiquip::Error, queue: &str, variable: &'static str) -> Self {
        let queue = queue.to_owned();
        match Self::from(error) {
            Self::Closed { code: 406 | 540, message } if is_about_a_stream(&message) => {
                Self::Stream { queue, message, variable }
            }
            Self::Closed { code: 405, message } => Self::Exclusive { queue, message, variable },
            Self::Closed { code: 403, message } if message.contains("exclusive use") => {
                Self::OtherConsumer { queue, message }
            }
            Self::Closed { code: 403, message } => Self::NotReadable { queue, message, variable },
            other => other,
        }
    }

    /// The error of declaring `queue`, which is missing.
    pub(super) fn of_creation(error: amiquip::Error, queue: &str, variable: &'static str) -> Self {
        match Self::from(error) {
            Self::Closed { code: 403 | 406, message } => {
                Self::NotCreated { queue: queue.to_owned(), message, variable }
            }
            other => other,
        }
    }

    /// The error of publishing to `queue` through the default exchange.
    pub(super) fn of_publishing(error: amiquip::Error, queue: &str) -> Self {
        match Self::from(error) {
            Self::Closed { code: 403, message } => Self::NotPublishable { queue: queue.to_owned(), message },
            other => other,
        }
    }

    /// The error of publishing to an exchange.
    pub(super) fn of_publishing_to(error: amiquip::Error, exchange: &str) -> Self {
        let exchange = exchange.to_owned();
        match Self::from(error) {
            Self::Closed { code: 404, message } => ExchangeError::Missing { exchange, message }.into(),
            Self::Closed { code: 403, message } => ExchangeError::Refused { exchange, message }.into(),
            other => other,
        }
    }

    /// The error of a socket. TCP itself gives up a peer that acknowledges nothing; any other error comes from the other
    /// side, or from TLS when that side vanished.
    fn of_socket(error: &io::Error) -> Self {
        use io::ErrorKind as K;
        match error.kind() {
            K::TimedOut | K::HostUnreachable | K::NetworkUnreachable | K::NetworkDown => {
                Self::Silent(error.to_string())
            }
            _ => Self::Reset(error.to_string()),
        }
    }
}

/// Whether these words refuse a call because the queue is a stream. RabbitMQ: "invalid arg 'x-priority' for queue 'q' in vhost
/// '/' of queue type `rabbit_stream_queue`" (406) and "basic.get not supported by stream queues" (540); LavinMQ: "x-priority
/// not supported on streams" (406).
fn is_about_a_stream(message: &str) -> bool {
    let after = |words: &str| message.split_once(words).is_some_and(|(_, rest)| rest.contains("stream"));
    after("of queue type ") || after("not supported by ") || after("not supported on ")
}

impl From<amiquip::Error> for BrokerError {
    /// For errors of an open connection: none of them has a URL in it.
    fn from(error: amiquip::Error) -> Self {
        use amiquip::Error as E;
        match error {
            E::ServerClosedChannel { code: 406, message, .. } if ack_timeout::is_ack_timeout(&message) => {
                Self::AckTimeout { message: quoted(&message) }
            }
            E::ServerClosedConnection { code, message } | E::ServerClosedChannel { code, message, .. } => {
                Self::Closed { code, message: quoted(&message) }
            }
            E::MalformedFrame => Self::Unreadable,
            E::MissedServerHeartbeats => Self::Silent("nothing was heard from it for 20 s".to_owned()),
            E::UnexpectedSocketClose => Self::Reset("the broker closed it and gave no reason".to_owned()),
            E::IoErrorReadingSocket { source } | E::IoErrorWritingSocket { source } => {
                Self::of_socket(&source)
            }
            other => Self::Lost(quoted(&other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests;
