//! The breaker: stops all lanes while the relay is down, so that no recipient's attempts are burnt.
//!
//! ```text
//!          3 failures in a row              pause over: one lane probes
//! closed ───────────────────────► open ──────────────────────────────► probing
//!    ▲                              ▲ └─────────── it fails, longer pause ◄──┤
//!    └──────────────────────────────┴──────────────────── its mail gets a reply
//! ```

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::health::Monitor;
use crate::shutdown::Stop;

/// Failures in a row that open it. One alone may be a connection that the relay had grown tired of.
const THRESHOLD: u32 = 3;

/// Between probes of a relay: soon at first, then once a minute.
pub const PROBES: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// How often a lane looks whether the breaker has closed.
const LOOK: Duration = Duration::from_millis(100);

/// One for all lanes.
#[derive(Debug)]
pub struct Breaker {
    state: Mutex<State>,
    probes: Backoff,
    monitor: Monitor,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { since: Instant, probes: u32, until: Instant },
    Probing { since: Instant, probes: u32 },
}

impl Breaker {
    /// A closed one, which when open is probed after the pauses of `probes`.
    #[must_use]
    pub fn new(probes: Backoff, monitor: Monitor) -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), probes, monitor }
    }

    /// Waits until this lane may put a mail to the relay; `false` when the worker is to stop instead.
    pub fn admit(&self, stop: &Stop) -> bool {
        loop {
            let Some(pause) = self.pause_before_entry(Instant::now()) else {
                return !stop.requested();
            };
            if stop.wait(pause.min(LOOK)) {
                return false;
            }
        }
    }

    /// The relay answered for a recipient, whatever it said: it works.
    pub fn works(&self) {
        let mut state = self.lock();
        if let State::Open { since, .. } | State::Probing { since, .. } = *state {
            log::info!("the relay works again after {} s", since.elapsed().as_secs());
            self.monitor.health.well("relay");
            self.monitor.metrics.breaker_open.set(false);
        }
        *state = State::Closed { failures: 0 };
    }

    /// The relay did not work for a lane, because of `detail`.
    pub fn failed(&self, detail: &str) {
        self.monitor.metrics.relay_failures.add(1);
        self.failed_at(Instant::now(), fastrand::f64(), detail);
    }

    /// How long a lane for which the relay has not worked `failures` times in a row leaves it alone; `dice` is
    /// from 0 to 1. Not at all while the breaker is open: then that sees to it.
    pub fn rest(&self, failures: u32, dice: f64) -> Duration {
        match *self.lock() {
            State::Closed { .. } => self.probes.pause(failures, dice),
            State::Open { .. } | State::Probing { .. } => Duration::ZERO,
        }
    }

    /// `None` lets the caller in; once its pause is over, an open breaker lets in one, as its probe.
    fn pause_before_entry(&self, now: Instant) -> Option<Duration> {
        let mut state = self.lock();
        match *state {
            State::Closed { .. } => None,
            State::Open { since, probes, until } if until <= now => {
                *state = State::Probing { since, probes: probes + 1 };
                None
            }
            State::Open { until, .. } => Some(until - now),
            State::Probing { .. } => Some(LOOK),
        }
    }

    fn failed_at(&self, now: Instant, dice: f64, detail: &str) {
        let mut state = self.lock();
        let (since, probes) = match *state {
            State::Closed { failures } if failures + 1 < THRESHOLD => {
                *state = State::Closed { failures: failures + 1 };
                return;
            }
            State::Closed { .. } => {
                log::warn!(
                    "the relay does not work: {detail}; sending pauses until a probe gets through, and no \
                     recipient is charged"
                );
                self.monitor.health.trouble("relay", detail.to_owned());
                self.monitor.metrics.breaker_open.set(true);
                (now, 0)
            }
            State::Probing { since, probes } => {
                log::debug!("probe {probes} of the relay failed: {detail}");
                (since, probes)
            }
            // A mail that was under way when it opened.
            State::Open { .. } => return,
        };
        *state = State::Open { since, probes, until: now + self.probes.pause(probes + 1, dice) };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new(PROBES, Monitor::default());
        for _ in 0..THRESHOLD {
            assert_eq!(breaker.pause_before_entry(now), None);
            breaker.failed_at(now, 0.5, "refused");
        }
        breaker
    }

    #[test]
    fn a_success_in_between_keeps_it_closed() {
        let breaker = Breaker::new(PROBES, Monitor::default());
        for _ in 0..10 {
            breaker.failed("refused");
            breaker.failed("refused");
            breaker.works();
        }
        assert_eq!(breaker.pause_before_entry(Instant::now()), None);
    }

    #[test]
    fn one_probe_at_a_time_with_growing_pauses() {
        let mut now = Instant::now();
        let breaker = opened(now);
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            let pause = Duration::from_secs(expected);
            assert_eq!(breaker.pause_before_entry(now), Some(pause));
            now += pause;
            assert_eq!(breaker.pause_before_entry(now), None, "the pause is over: one may probe");
            assert_eq!(breaker.pause_before_entry(now), Some(LOOK), "and only one");
            breaker.failed_at(now, 0.5, "refused");
        }
    }

    #[test]
    fn a_probe_that_succeeds_lets_everyone_in() {
        let now = Instant::now();
        let breaker = opened(now);
        assert_eq!(breaker.pause_before_entry(now + Duration::from_secs(1)), None);
        breaker.works();
        assert_eq!(breaker.pause_before_entry(now), None);
    }

    #[test]
    fn a_straggler_does_not_prolong_the_pause() {
        let now = Instant::now();
        let breaker = opened(now);
        breaker.failed_at(now + Duration::from_millis(900), 0.5, "lost");
        assert_eq!(breaker.pause_before_entry(now + Duration::from_secs(1)), None);
    }
}
