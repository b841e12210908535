//! Reconnecting of the consumer: which losses and failed attempts are worth a log line, and what they prove. The texts are
//! left to `observe/events`, the attempts to `connect_attempts`.

use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use crate::broker::connect_attempts::{ConnectAttempt, ConnectAttempts};
use crate::broker::connection::{BrokerConnection, HostFailure};
use crate::broker::error::BrokerError;
use crate::broker::liveness::Liveness;
use crate::broker::restart_evidence::RestartEvidence;
use crate::config::broker::BrokerConfig;
use crate::domain::backoff::Backoff;
use crate::observe::events;
use crate::observe::events::broker::{ConnectFailure, ConnectionHealth, Recovery};
use crate::observe::health::{Health, Part};
use crate::observe::progress::FanOuts;
use crate::shutdown::Shutdown;

/// A connection that lasted this long was stable: its loss begins a new outage.
const STABLE: Duration = Duration::from_secs(60);

/// Connections in a row that ended with a frame that cannot be read, after which a message in the queue may be the cause.
const POISON_SUSPECTED: u32 = 3;

/// The first attempt after a reset is made at once if the connection lasted this long: it shows whether the broker runs.
const SHORTEST_BEFORE_PROMPT_ATTEMPT: Duration = Duration::from_secs(1);

/// If the broker ends a connection for a late ack within this time, the next attempt waits.
const ACK_TIMEOUT_TOO_SOON: Duration = Duration::from_secs(1);

/// The failures of one connection, and what was logged about them.
#[derive(Debug)]
pub(super) struct Reconnect {
    health: ConnectionHealth,
    attempts: ConnectAttempts,
    liveness: Liveness,
    /// Failed attempts of this outage, for the log.
    failed_attempts: u32,
    down_since: Option<Instant>,
    up_since: Option<Instant>,
    /// The cause that was logged last, and when.
    last_logged: Option<(Discriminant<BrokerError>, Instant)>,
    /// Unstable connections in a row that ended with a frame that cannot be read.
    unreadable: u32,
    ack_timeout_logged: bool,
    evidence: RestartEvidence,
    /// The hosts that the last connection has passed over, as logged.
    passed_over: Vec<usize>,
}

impl Reconnect {
    /// A connection that has not failed yet. `purpose` completes "cannot …".
    pub(super) fn new(health: Health, fan_outs: FanOuts, purpose: &str, liveness: Liveness) -> Self {
        let purpose = purpose.to_owned();
        Self {
            health: ConnectionHealth { part: Part::Broker, purpose, health, fan_outs },
            attempts: ConnectAttempts::default(),
            liveness,
            failed_attempts: 0,
            down_since: None,
            up_since: None,
            last_logged: None,
            unreadable: 0,
            ack_timeout_logged: false,
            evidence: RestartEvidence::default(),
            passed_over: Vec::new(),
        }
    }

    /// Makes the next attempt when it is due. A failure is reported.
    pub(super) fn try_to_open(
        &mut self,
        config: &BrokerConfig,
        shutdown: &Shutdown,
    ) -> Option<Box<BrokerConnection>> {
        loop {
            self.liveness.connects(config.hosts.len());
            match self.attempts.next(config, shutdown) {
                ConnectAttempt::Open(connection) => {
                    self.evidence.hosts_failed(&connection.passed_over, false);
                    self.report_passed_over(&connection.passed_over);
                    return Some(connection);
                }
                ConnectAttempt::Failed(failures) => {
                    self.evidence.hosts_failed(&failures, true);
                    self.report_failure(&BrokerError::of_hosts(failures), Instant::now());
                }
                ConnectAttempt::Stopped => return None,
            }
        }
    }

    /// Reports that no session began through the host of this number; logged if it is news.
    pub(super) fn not_begun(&mut self, error: &BrokerError, host: usize) {
        self.attempts.begin_with_next_host();
        self.evidence.host_failed(host, error);
        self.report_failure(error, Instant::now());
    }

    /// Logged if other hosts are passed over than before.
    fn report_passed_over(&mut self, failures: &[HostFailure]) {
        let hosts: Vec<usize> = failures.iter().map(|failure| failure.host).collect();
        if hosts != self.passed_over {
            for failure in failures {
                events::broker::passed_over(&failure.error);
            }
            self.passed_over = hosts;
        }
    }

    fn report_failure(&mut self, error: &BrokerError, now: Instant) {
        let is_news = self.count_failure(error, now);
        let failure = ConnectFailure {
            transient: error.is_transient(),
            attempt: self.failed_attempts,
            lasted: self.down_since.map_or(Duration::ZERO, |since| now.duration_since(since)),
            next_within: Backoff::RECONNECT.cap,
        };
        self.health.connect_failed(error, &failure, !is_news);
    }

    /// Reports the loss of an open connection that consumed `queue`; logged if it is news.
    pub(super) fn lost(&mut self, error: &BrokerError, queue: &str) {
        let is_news = self.count_loss(error, Instant::now());
        self.health.lost(error, !is_news);
        if self.unreadable == POISON_SUSPECTED {
            self.health.poison_suspected(POISON_SUSPECTED, queue);
        }
    }

    /// Reports that the broker ended the connection because an ack is late. That is no outage and no reason to wait. It is
    /// logged once, with `advice`.
    pub(super) fn ack_timed_out(&mut self, error: &BrokerError, advice: &str) {
        let too_soon = self.up_since.take().is_some_and(|up| up.elapsed() < ACK_TIMEOUT_TOO_SOON);
        if too_soon {
            self.attempts.failed();
        } else {
            self.attempts.worked();
        }
        self.evidence.session_lost(error);
        let logged = std::mem::replace(&mut self.ack_timeout_logged, true);
        events::broker::ack_timed_out(error, advice, logged);
    }

    /// Reports that a session begins through the host of this number. Returns whether it follows a restart of the broker.
    pub(super) fn session_begins(&mut self, host: usize) -> bool {
        self.evidence.session_begins(host, Instant::now())
    }

    /// Reports that the connection works. Returns the end of the outage, if there was one.
    pub(super) fn connected(&mut self) -> Option<Recovery> {
        self.health.connected();
        self.liveness.takes_messages();
        self.end_outage(Instant::now())
    }

    /// Counts a failure. Returns whether it is news.
    fn count_failure(&mut self, error: &BrokerError, now: Instant) -> bool {
        self.attempts.failed();
        self.failed_attempts = self.failed_attempts.saturating_add(1);
        self.down_since.get_or_insert(now);
        let cause = discriminant(error);
        let news = self
            .last_logged
            .is_none_or(|(logged, when)| logged != cause || now.duration_since(when) >= events::REMINDER);
        if news {
            self.last_logged = Some((cause, now));
        }
        news
    }

    /// Counts a loss. Returns whether it is news.
    fn count_loss(&mut self, error: &BrokerError, now: Instant) -> bool {
        let lasted = self.up_since.take().map_or(Duration::ZERO, |up| now.duration_since(up));
        let is_unreadable = matches!(error, BrokerError::Unreadable);
        if lasted >= STABLE {
            self.attempts.worked();
            self.last_logged = None;
        }
        if lasted >= STABLE || !is_unreadable {
            self.unreadable = 0;
        }
        self.unreadable = self.unreadable.saturating_add(u32::from(is_unreadable));
        let is_reset = matches!(error, BrokerError::Reset(_));
        self.attempts.set_prompt(is_reset && lasted >= SHORTEST_BEFORE_PROMPT_ATTEMPT);
        self.evidence.session_lost(error);
        let news = self.count_failure(error, now);
        self.failed_attempts = 0;
        self.down_since = Some(now);
        news
    }

    /// Ends an outage. Keeps the number of failures and what was logged until the connection is stable: connections that
    /// are lost at once, again and again, must neither become a hot loop nor flood the log.
    fn end_outage(&mut self, now: Instant) -> Option<Recovery> {
        self.up_since = Some(now);
        let attempt = std::mem::take(&mut self.failed_attempts) + 1;
        self.down_since.take().map(|since| Recovery { attempt, lasted: now.duration_since(since) })
    }
}

#[cfg(test)]
mod tests;
