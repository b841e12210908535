//! While the broker is away: when to try again, and which of the failures are worth a log line.

use std::mem::{Discriminant, discriminant};
use std::time::{Duration, Instant};

use crossbeam_channel::{after, select};

use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::config::broker::BrokerConfig;
use crate::domain::backoff::Backoff;
use crate::observe::events;
use crate::observe::events::broker::{ConnectionHealth, Recovery};
use crate::observe::health::{Health, Part};
use crate::shutdown::Shutdown;

/// While the cause stays the same it is told again only this often.
const REMINDER: Duration = Duration::from_secs(300);

/// A connection that lived longer than this was a good one: its loss is a new outage, and not one more
/// failure of the last one.
const GOOD: Duration = Duration::from_secs(60);

/// So many connections in a row that were no good ones: if the broker is well, it is something in the queue.
const SUSPICIOUS: u32 = 3;

/// A connection that the broker ends over a late ack after less than this is not opened again at once.
const TOO_SOON: Duration = Duration::from_secs(1);

/// Longest wait for an open connection; its parts have limits of their own, all but the last one.
const OPENING: Duration = Duration::from_secs(60);

/// Failures in a row of one connection, and what has been told about them.
#[derive(Debug)]
pub(super) struct Reconnect {
    health: ConnectionHealth,
    /// In a row, for the backoff.
    failures: u32,
    /// Tries that failed in this outage, for people.
    tries: u32,
    since: Option<Instant>,
    up_since: Option<Instant>,
    told: Option<(Discriminant<BrokerError>, Instant)>,
    /// Connections in a row that were lost before they had proved good.
    short_lived: u32,
    ack_timeout_logged: bool,
}

/// What became of one try to connect.
pub(super) enum ConnectAttempt {
    /// It worked.
    Open(Box<BrokerConnection>),
    /// It did not; that has been told if it was news.
    Failed,
    /// A stop was requested meanwhile.
    Stopped,
}

impl Reconnect {
    /// Nothing has failed yet.
    pub(super) fn new(purpose: &'static str, part: Part, health: Health) -> Self {
        Self {
            health: ConnectionHealth { part, purpose, health },
            failures: 0,
            tries: 0,
            since: None,
            up_since: None,
            told: None,
            short_lived: 0,
            ack_timeout_logged: false,
        }
    }

    /// Waits for the next try to be due, then tries once. Notices a stop at any moment of it.
    pub(super) fn try_to_open(&mut self, config: &BrokerConfig, shutdown: &Shutdown) -> ConnectAttempt {
        if self.failures > 0 && shutdown.wait(Backoff::RECONNECT.pause(self.failures, fastrand::f64())) {
            return ConnectAttempt::Stopped;
        }
        if shutdown.requested() {
            return ConnectAttempt::Stopped;
        }
        let opening = BrokerConnection::open_in_background(config);
        select! {
            recv(opening) -> opened => match opened {
                Ok(Ok(connection)) => ConnectAttempt::Open(Box::new(connection)),
                Ok(Err(error)) => {
                    self.failed(&error);
                    ConnectAttempt::Failed
                }
                Err(_) => {
                    self.failed(&BrokerError::Lost("no thread to connect".to_owned()));
                    ConnectAttempt::Failed
                }
            },
            recv(shutdown.receiver()) -> _ => ConnectAttempt::Stopped,
            recv(after(OPENING)) -> _ => {
                self.failed(&BrokerError::Lost("it does not answer".to_owned()));
                ConnectAttempt::Failed
            }
        }
    }

    /// Notes that a try failed, and tells it if it is news.
    pub(super) fn failed(&mut self, error: &BrokerError) {
        let is_news = self.note_failure(error, Instant::now());
        self.health.connect_failed(error, self.tries, !is_news);
    }

    /// Notes that an open connection was lost, and tells it if it is news. `queue` is what it consumed.
    pub(super) fn lost(&mut self, error: &BrokerError, queue: &str) {
        let is_news = self.note_loss(error, Instant::now());
        self.health.lost(error, !is_news);
        if self.short_lived == SUSPICIOUS {
            self.health.poison_suspected(SUSPICIOUS, queue);
        }
    }

    /// Notes that the broker ended the connection because an ack is late. That is no trouble, and no reason to
    /// wait; it is told once, with what to do about it.
    pub(super) fn ack_timed_out(&mut self, error: &BrokerError, advice: &str) {
        let young = self.up_since.take().is_some_and(|up| up.elapsed() < TOO_SOON);
        self.failures = if young { self.failures.saturating_add(1) } else { 0 };
        let logged = std::mem::replace(&mut self.ack_timeout_logged, true);
        events::broker::ack_timed_out(error, advice, logged);
    }

    /// Notes that the connection works. Returns what to add to the line that tells it: nothing, if nothing
    /// had failed.
    pub(super) fn connected(&mut self) -> Option<Recovery> {
        self.health.connected();
        self.note_success(Instant::now())
    }

    /// Notes that the connection has done its work, so that whatever fails next is a new outage. Returns the
    /// same as [`Self::connected`].
    pub(super) fn proved_good(&mut self) -> Option<Recovery> {
        self.failures = 0;
        self.told = None;
        self.connected()
    }

    /// Whether this failure is news.
    fn note_failure(&mut self, error: &BrokerError, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.tries = self.tries.saturating_add(1);
        self.since.get_or_insert(now);
        let cause = discriminant(error);
        let news = self.told.is_none_or(|(told, when)| told != cause || now.duration_since(when) >= REMINDER);
        if news {
            self.told = Some((cause, now));
        }
        news
    }

    /// Whether this loss is news.
    fn note_loss(&mut self, error: &BrokerError, now: Instant) -> bool {
        if self.up_since.take().is_some_and(|up| now.duration_since(up) >= GOOD) {
            self.failures = 0;
            self.short_lived = 0;
            self.told = None;
        }
        self.short_lived = self.short_lived.saturating_add(1);
        let news = self.note_failure(error, now);
        self.tries = 0;
        self.since = Some(now);
        news
    }

    /// How many tries the outage took and how long it lasted. The number of failures is kept until the
    /// connection has proved good, so that one that dies young again and again is not a hot loop, and what was
    /// told, so that it does not flood the log.
    fn note_success(&mut self, now: Instant) -> Option<Recovery> {
        self.up_since = Some(now);
        let attempt = std::mem::take(&mut self.tries) + 1;
        self.since.take().map(|since| Recovery { attempt, lasted: now.duration_since(since) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> BrokerError {
        BrokerError::Unreachable {
            address: "localhost:5672".to_owned(),
            cause: std::io::ErrorKind::ConnectionRefused.into(),
            variables: "LAVINMQ_HOST".to_owned(),
        }
    }

    fn lost() -> BrokerError {
        BrokerError::Lost("cable".to_owned())
    }

    #[test]
    fn the_same_cause_is_told_once_and_again_after_five_minutes() {
        let mut reconnect = Reconnect::new("test", Part::Broker, Health::default());
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(reconnect.note_failure(&refused(), at(0)));
        assert!(!reconnect.note_failure(&refused(), at(1)));
        assert!(reconnect.note_failure(&lost(), at(2)), "another cause is news");
        assert!(!reconnect.note_failure(&lost(), at(300)));
        assert!(reconnect.note_failure(&lost(), at(302)));
        assert_eq!(
            reconnect.note_success(at(310)),
            Some(Recovery { attempt: 6, lasted: Duration::from_secs(310) })
        );
        assert_eq!(reconnect.note_success(at(311)), None, "it is told once");
    }

    #[test]
    fn connections_that_die_young_back_off_and_good_ones_start_afresh() {
        let mut reconnect = Reconnect::new("test", Part::Broker, Health::default());
        let mut now = Instant::now();
        for deaths in 1..=5 {
            reconnect.note_success(now);
            now += Duration::from_secs(2);
            reconnect.note_loss(&lost(), now);
            assert_eq!(reconnect.failures, deaths);
        }
        reconnect.note_success(now);
        now += GOOD;
        reconnect.note_loss(&lost(), now);
        assert_eq!(reconnect.failures, 1);
    }
}
