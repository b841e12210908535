//! Attempts to connect to the broker: when to make the next one, with which host it begins, and making it without blocking a
//! shutdown. What to report of them is left to the callers, opening the connection to `connection`.

use std::time::Duration;

use crossbeam_channel::{after, select};

use crate::broker::connection::{BrokerConnection, HostFailure};
use crate::broker::error::BrokerError;
use crate::config::broker::BrokerConfig;
use crate::domain::backoff::Backoff;
use crate::shutdown::Shutdown;

/// Longest wait for an open connection to one host. Its steps have limits of their own, except opening the channel.
const OPEN_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest time of one attempt with so many hosts, with the pause before it.
pub(super) fn longest_attempt(hosts: usize) -> Duration {
    Backoff::RECONNECT.cap + limit(hosts)
}

/// Longest wait for an open connection to one of so many hosts.
fn limit(hosts: usize) -> Duration {
    OPEN_TIMEOUT.saturating_mul(u32::try_from(hosts).unwrap_or(u32::MAX))
}

/// The attempts of one thread.
#[derive(Debug, Default)]
pub(super) struct ConnectAttempts {
    /// Failures in a row.
    failures: u32,
    /// The next attempt does not wait.
    prompt: bool,
    /// The number of the host that the next attempt begins with: the one that worked last.
    first: usize,
}

/// The result of one attempt to connect, which tries each host.
pub(super) enum ConnectAttempt {
    /// A connection.
    Open(Box<BrokerConnection>),
    /// The attempt failed with each host; [`ConnectAttempts::failed`] was not called.
    Failed(Vec<HostFailure>),
    /// A shutdown was requested.
    Stopped,
}

impl ConnectAttempts {
    /// Waits until the next attempt is due, then makes it. A shutdown request ends the wait and the attempt.
    pub(super) fn next(&mut self, config: &BrokerConfig, shutdown: &Shutdown) -> ConnectAttempt {
        let waits = !std::mem::take(&mut self.prompt) && self.failures > 0;
        if waits && shutdown.wait(Backoff::RECONNECT.pause(self.failures, fastrand::f64())) {
            return ConnectAttempt::Stopped;
        }
        if shutdown.requested() {
            return ConnectAttempt::Stopped;
        }
        let opening = BrokerConnection::open_in_background(config, self.first);
        select! {
            recv(opening) -> opened => match opened {
                Ok(Ok(connection)) => {
                    self.first = connection.host;
                    ConnectAttempt::Open(Box::new(connection))
                }
                Ok(Err(failures)) => ConnectAttempt::Failed(failures),
                Err(_) => self.fails_with(BrokerError::Lost("cannot start a thread to connect".to_owned())),
            },
            recv(shutdown.receiver()) -> _ => ConnectAttempt::Stopped,
            recv(after(limit(config.hosts.len()))) -> _ => {
                self.fails_with(BrokerError::Silent("it does not answer".to_owned()))
            }
        }
    }

    fn fails_with(&self, error: BrokerError) -> ConnectAttempt {
        ConnectAttempt::Failed(vec![HostFailure { host: self.first, error }])
    }

    /// A queue cannot be used through the host that worked last: the next attempt begins with the one after it.
    pub(super) fn begin_with_next_host(&mut self) {
        self.first = self.first.wrapping_add(1);
    }

    /// An attempt failed, or its connection did. The pause before the next attempt grows.
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// The connection has proved stable: the next failure is the first one.
    pub(super) fn worked(&mut self) {
        self.failures = 0;
    }

    /// Whether the next attempt is made without waiting, however many have failed.
    pub(super) fn set_prompt(&mut self, prompt: bool) {
        self.prompt = prompt;
    }

    #[cfg(test)]
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    #[cfg(test)]
    pub(super) fn is_prompt(&self) -> bool {
        self.prompt
    }
}
