//! The hosts of a broker, tried in turn until one works. When to try again is left to `connect_attempts`.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};

use crate::broker::connection::{BrokerConnection, CONNECT_TIMEOUT, HostFailure};
use crate::broker::error::BrokerError;
use crate::config::broker::BrokerConfig;

impl BrokerConnection {
    /// Opens a connection to the first host that works, and a channel. Blocks for about half a minute a host at most, beside
    /// the resolver.
    ///
    /// # Errors
    /// When no host works.
    pub fn open(config: &BrokerConfig) -> Result<Self, BrokerError> {
        Self::open_from(config, 0, CONNECT_TIMEOUT).map_err(BrokerError::of_hosts)
    }

    /// Like [`Self::open`], beginning with the host of the number `first` (modulo their number), and on a thread of its own, so that the caller can
    /// wait for other events as well. If the caller drops the receiver, the thread closes the connection. The receiver is
    /// disconnected if no thread starts.
    pub(in crate::broker) fn open_in_background(
        config: &BrokerConfig,
        first: usize,
    ) -> Receiver<Result<Self, Vec<HostFailure>>> {
        let (sender, receiver) = bounded(1);
        let config = config.clone();
        let started = thread::Builder::new().name("broker-open".to_owned()).spawn(move || {
            if let Err(unsent) = sender.send(Self::open_from(&config, first, CONNECT_TIMEOUT))
                && let Ok(connection) = unsent.into_inner()
            {
                connection.close_quietly();
            }
        });
        if let Err(error) = started {
            log::error!("cannot start a thread to connect to the broker: {error}");
        }
        receiver
    }

    /// Tries each host once. The failures are in the order of the attempts.
    pub(in crate::broker) fn open_from(
        config: &BrokerConfig,
        first: usize,
        timeout: Duration,
    ) -> Result<Self, Vec<HostFailure>> {
        let count = config.hosts.len();
        let mut failures = Vec::new();
        for host in (0..count).map(|index| (first % count + index) % count) {
            match Self::open_host(config, host, timeout) {
                Ok(connection) => return Ok(Self { passed_over: failures, ..connection }),
                Err(error) => failures.push(HostFailure { host, error }),
            }
        }
        Err(failures)
    }
}

impl BrokerError {
    /// The error of hosts of which none works. That of a single host is its own.
    pub(in crate::broker) fn of_hosts(failures: Vec<HostFailure>) -> Self {
        let mut errors: Vec<Self> = failures.into_iter().map(|failure| failure.error).collect();
        match errors.pop() {
            Some(only) if errors.is_empty() => only,
            Some(last) => {
                errors.push(last);
                Self::NoHost(errors)
            }
            None => Self::Lost("no host of the broker is known".to_owned()),
        }
    }
}
