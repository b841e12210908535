//! How the worker is, in one word and one line. Who is told, and how, is left to the files beside this one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::broker::liveness::Liveness;
use crate::observe::health::{Monitor, Part};
use crate::shutdown::Shutdown;
use crate::text::clean::{cut, one_line};

/// Characters of a line: what `systemctl status` shows without wrapping twice.
const LINE_MAX: usize = 300;

/// What supervisors look at. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Supervised {
    monitor: Monitor,
    shutdown: Shutdown,
    /// The threads that take messages, once they run; none without a broker.
    broker_threads: Arc<OnceLock<Vec<Liveness>>>,
    /// Whether the start has ended.
    has_run: Arc<AtomicBool>,
}

/// What the worker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It opens the database, or connects for the first time, and nothing has failed so far.
    Starting,
    /// It takes messages, or tries again what has failed.
    Running,
    /// A shutdown was requested.
    Stopping,
}

/// Whether the worker can do its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// It takes messages, and nothing has a problem.
    Ready,
    /// It takes messages and sends mails, and another part has a problem.
    Limited,
    /// It starts, or broker, database or relay has a problem.
    NotReady,
}

impl Supervised {
    /// A worker that starts.
    #[must_use]
    pub fn new(monitor: Monitor, shutdown: Shutdown) -> Self {
        Self { monitor, shutdown, broker_threads: Arc::default(), has_run: Arc::default() }
    }

    /// The worker has started these threads; none where it needs no broker.
    pub fn has_started(&self, broker_threads: Vec<Liveness>) {
        if self.broker_threads.set(broker_threads).is_err() {
            log::debug!("the broker threads were started twice");
        }
    }

    /// For waiting until a shutdown is requested.
    #[must_use]
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// What the worker does now. A part that is away at start ends the start: the worker waits for it, and a supervisor must not.
    #[must_use]
    pub fn phase(&self) -> Phase {
        if self.shutdown.requested() {
            return Phase::Stopping;
        }
        let has_run = self.has_run.load(Ordering::SeqCst)
            || self.takes_messages()
            || !self.monitor.health.problems().is_empty();
        self.has_run.store(has_run, Ordering::SeqCst);
        if has_run { Phase::Running } else { Phase::Starting }
    }

    /// Whether it can do its work now.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let health = &self.monitor.health;
        let is_ready = |part| health.reasons_not_ready(part).is_empty();
        if !self.takes_messages() || ![Part::Broker, Part::Database, Part::Relay].into_iter().all(is_ready) {
            Readiness::NotReady
        } else if health.problems().is_empty() {
            Readiness::Ready
        } else {
            Readiness::Limited
        }
    }

    fn takes_messages(&self) -> bool {
        self.broker_threads.get().is_some_and(|threads| threads.iter().all(Liveness::is_taking_messages))
    }

    /// Whether no thread that takes messages hangs. While the worker stops, `SHUTDOWN_TIMEOUT` ends one that does.
    #[must_use]
    pub fn is_alive(&self, now: Instant) -> bool {
        self.shutdown.requested()
            || self
                .broker_threads
                .get()
                .is_none_or(|threads| threads.iter().all(|thread| thread.is_alive(now)))
    }

    /// How the worker is, on one line, without addresses.
    #[must_use]
    pub fn line(&self) -> String {
        let problems = self.monitor.health.problems();
        let line = if self.shutdown.requested() {
            "stopping: finishing mails in flight".to_owned()
        } else if !problems.is_empty() {
            problems.lines().collect::<Vec<_>>().join("; ")
        } else if self.takes_messages() {
            self.work()
        } else if self.broker_threads.get().is_some() {
            "connecting to the broker".to_owned()
        } else {
            "opening the database".to_owned()
        };
        cut(one_line(&line), LINE_MAX)
    }

    fn work(&self) -> String {
        let metrics = &self.monitor.metrics;
        let mut work = format!("working; since the start: {} mails sent", metrics.sent.get());
        for (count, what) in [(metrics.failed.get(), "failed"), (metrics.dead_letters.get(), "dead letters")]
        {
            if count > 0 {
                work = format!("{work}, {count} {what}");
            }
        }
        let notes = self.monitor.health.notes();
        notes.lines().fold(work, |work, note| work + "; " + note)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observe::health::Part;
    use crate::shutdown::shutdown_pair;

    #[test]
    fn a_part_that_is_away_ends_the_start_and_is_the_line() {
        let (trigger, shutdown) = shutdown_pair();
        let supervised = Supervised::new(Monitor::default(), shutdown);
        let health = &supervised.monitor.health;
        assert_eq!(
            (supervised.phase(), supervised.line().as_str()),
            (Phase::Starting, "opening the database")
        );
        health.set_problem(Part::Database, "connection refused".to_owned());
        health.set_problem(Part::Relay, "ann@example.org is refused".to_owned());
        assert_eq!(supervised.phase(), Phase::Running);
        assert_eq!(supervised.line(), "database: connection refused; relay: a***@example.org is refused");
        for part in [Part::Database, Part::Relay] {
            health.clear_problem(part);
        }
        supervised.has_started(vec![Liveness::default()]);
        let connecting = "connecting to the broker";
        assert_eq!((supervised.phase(), supervised.line().as_str()), (Phase::Running, connecting));
        drop(trigger);
        assert_eq!(supervised.line(), "stopping: finishing mails in flight");
    }

    #[test]
    fn a_worker_without_a_broker_runs_when_it_has_started() {
        let (_trigger, shutdown) = shutdown_pair();
        let supervised = Supervised::new(Monitor::default(), shutdown);
        supervised.has_started(Vec::new());
        supervised.monitor.metrics.sent.inc_by(12);
        supervised.monitor.metrics.failed.inc();
        supervised.monitor.health.set_note(Part::Relay, "asks for fewer mails".to_owned());
        assert_eq!(supervised.phase(), Phase::Running);
        assert_eq!(
            supervised.line(),
            "working; since the start: 12 mails sent, 1 failed; note: relay: asks for fewer mails"
        );
    }

    #[test]
    fn is_ready_when_messages_are_taken_and_mails_can_be_sent() {
        let (_trigger, shutdown) = shutdown_pair();
        let supervised = Supervised::new(Monitor::default(), shutdown);
        assert_eq!(supervised.readiness(), Readiness::NotReady, "it starts");
        supervised.has_started(Vec::new());
        assert_eq!(supervised.readiness(), Readiness::Ready);
        let health = &supervised.monitor.health;
        health.set_problem(Part::DeadLetters, "the queue is full".to_owned());
        assert_eq!(supervised.readiness(), Readiness::Limited);
        health.set_problem(Part::Relay, "refuses everyone".to_owned());
        assert_eq!(supervised.readiness(), Readiness::NotReady);
    }

    #[test]
    fn one_thread_that_hangs_is_enough_until_the_worker_stops() {
        let (trigger, shutdown) = shutdown_pair();
        let supervised = Supervised::new(Monitor::default(), shutdown);
        let late = Instant::now() + Duration::from_secs(600);
        assert!(supervised.is_alive(late), "no thread has started");
        supervised.has_started(vec![Liveness::default(), Liveness::default()]);
        assert!(supervised.is_alive(Instant::now()) && !supervised.is_alive(late));
        drop(trigger);
        assert!(supervised.is_alive(late), "SHUTDOWN_TIMEOUT ends it");
    }
}
