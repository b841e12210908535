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

use chrono::{DateTime, Utc};

use crate::domain::backoff::Backoff;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::observe::health::{Monitor, Part};
use crate::shutdown::Shutdown;

/// Failures in a row that open it. One alone may be a connection that the relay had grown tired of.
const THRESHOLD: usize = 3;

/// Between probes of a relay: soon at first, then once a minute.
pub const PROBES: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// So soon after a mail got through, a lane that is refused is no sign that the relay is down: a relay that allows
/// fewer connections than there are lanes refuses many at the same moment, again and again.
const RECENTLY: Duration = Duration::from_secs(2);

/// How often a lane looks whether the breaker has closed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How often the log is reminded of a relay that is still down.
const LOG_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// One for all lanes.
#[derive(Debug)]
pub struct Breaker {
    state: Mutex<BreakerState>,
    probes: Backoff,
    monitor: Monitor,
}

/// Which mail: of which notification, for which participant.
pub type MailKey = (NotificationId, ParticipantId);

#[derive(Debug)]
enum BreakerState {
    /// With the last success and the failures since; those that may be the doing of a mail name it.
    Closed {
        failures: Vec<Option<MailKey>>,
        success: Option<Instant>,
    },
    Open {
        outage: RelayOutage,
        until: Instant,
    },
    Probing {
        outage: RelayOutage,
    },
}

/// From the opening to the closing.
#[derive(Debug, Clone, Copy)]
struct RelayOutage {
    since: Instant,
    /// Probes that have failed.
    probes: u32,
    /// When the log heard of it last.
    last_logged: Instant,
}

/// The right to put one mail to the relay. Whoever has it says what came of it; whoever drops it instead, because
/// the relay was not asked after all, has proved nothing, and when it was the probe the next one may be.
#[derive(Debug)]
#[must_use]
pub struct Admission<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Admission<'_> {
    /// The relay answered for a recipient, whatever it said: it works.
    pub fn works(mut self) {
        self.probe = false;
        self.breaker.close(Instant::now());
    }

    /// The relay did not work, because of `detail`. When that may be the doing of the mail, `suspect` names it:
    /// one mail over which the relay stumbles again and again does not open the breaker by itself. Says whether it
    /// counts as a failure of the relay.
    #[must_use]
    pub fn failed(mut self, suspect: Option<MailKey>, detail: &str) -> bool {
        let probe = std::mem::take(&mut self.probe);
        self.breaker.monitor.metrics.relay_failures.add(1);
        self.breaker.failed_at(Instant::now(), fastrand::f64(), probe, suspect, detail)
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.give_back_probe();
        }
    }
}

impl Breaker {
    /// A closed one, which when open is probed after the pauses of `probes`.
    #[must_use]
    pub fn new(probes: Backoff, monitor: Monitor) -> Self {
        let state = BreakerState::Closed { failures: Vec::new(), success: None };
        Self { state: Mutex::new(state), probes, monitor }
    }

    /// Waits until this lane may put a mail to the relay; `None` when the worker is to stop instead.
    pub fn admit(&self, shutdown: &Shutdown) -> Option<Admission<'_>> {
        loop {
            match self.enter(Instant::now()) {
                Ok(admission) => return (!shutdown.requested()).then_some(admission),
                Err(pause) if shutdown.wait(pause.min(POLL_INTERVAL)) => return None,
                Err(_) => {}
            }
        }
    }

    /// Leaves the relay alone for a while, longer with each of a lane's `failures` in a row: there is no rest after
    /// none. An open breaker that wants a probe ends it, and so does the wish to stop. A breaker that closes does
    /// not: when one mail gets through, that is no reason for all who were refused to come back at once.
    pub fn rest(&self, failures: u32, shutdown: &Shutdown) {
        if failures == 0 {
            return;
        }
        let end = Instant::now() + self.probes.pause(failures, fastrand::f64());
        loop {
            let now = Instant::now();
            let left = end.saturating_duration_since(now);
            if left.is_zero() || self.wants_probe(now) || shutdown.wait(left.min(POLL_INTERVAL)) {
                return;
            }
        }
    }

    fn wants_probe(&self, now: Instant) -> bool {
        matches!(*self.lock(), BreakerState::Open { until, .. } if until <= now)
    }

    /// Whether mails go through without waiting.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(*self.lock(), BreakerState::Closed { .. })
    }

    /// Lets the caller in, or says how long there is to wait. Once its pause is over, an open breaker lets in one,
    /// as its probe.
    fn enter(&self, now: Instant) -> Result<Admission<'_>, Duration> {
        let mut state = self.lock();
        match *state {
            BreakerState::Closed { .. } => Ok(Admission { breaker: self, probe: false }),
            BreakerState::Open { outage, until } if until <= now => {
                *state = BreakerState::Probing { outage };
                Ok(Admission { breaker: self, probe: true })
            }
            BreakerState::Open { until, .. } => Err(until - now),
            BreakerState::Probing { .. } => Err(POLL_INTERVAL),
        }
    }

    fn close(&self, now: Instant) {
        let mut state = self.lock();
        if let BreakerState::Open { outage, .. } | BreakerState::Probing { outage } = *state {
            log::info!("the relay works again after {} s", (now - outage.since).as_secs());
            self.monitor.health.clear_problem(Part::Relay);
            self.monitor.metrics.breaker_open.set(0);
        }
        *state = BreakerState::Closed { failures: Vec::new(), success: Some(now) };
    }

    fn failed_at(
        &self,
        now: Instant,
        jitter: f64,
        probe: bool,
        suspect: Option<MailKey>,
        detail: &str,
    ) -> bool {
        let mut state = self.lock();
        let outage = match &mut *state {
            BreakerState::Closed { failures, success } => {
                if suspect.is_some() && failures.contains(&suspect) {
                    return false;
                }
                if suspect.is_none() && success.is_some_and(|at| now < at + RECENTLY) {
                    return true;
                }
                failures.push(suspect);
                if failures.len() < THRESHOLD {
                    return true;
                }
                log::warn!(
                    "the relay does not work: {detail}; sending pauses until a probe gets through, nothing is lost"
                );
                self.monitor.metrics.breaker_open.set(1);
                RelayOutage { since: now, probes: 0, last_logged: now }
            }
            BreakerState::Probing { outage } if probe => {
                outage.probes += 1;
                log::debug!("probe {} of the relay failed: {detail}", outage.probes);
                if now - outage.last_logged >= LOG_INTERVAL {
                    outage.last_logged = now;
                    log::warn!(
                        "the relay has not worked for {} minutes and {} probes: {detail}; `fanmail status` \
                         tells how many people wait",
                        (now - outage.since).as_secs() / 60,
                        outage.probes
                    );
                }
                *outage
            }
            // A mail that was under way when it opened.
            BreakerState::Open { .. } | BreakerState::Probing { .. } => return true,
        };
        let pause = self.probes.pause(outage.probes + 1, jitter);
        let since = Utc::now() - (now - outage.since);
        self.monitor
            .health
            .set_problem(Part::Relay, describe(since, outage.probes, Utc::now() + pause, detail));
        *state = BreakerState::Open { outage, until: now + pause };
        true
    }

    fn give_back_probe(&self) {
        let mut state = self.lock();
        if let BreakerState::Probing { outage } = *state {
            *state = BreakerState::Open { outage, until: Instant::now() };
        }
    }

    fn lock(&self) -> MutexGuard<'_, BreakerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a person reads who asks how the relay is. In times of day, because it may be read some time later.
fn describe(since: DateTime<Utc>, probes: u32, next: DateTime<Utc>, detail: &str) -> String {
    format!(
        "down since {}, {probes} probes failed, the next one is the first mail after {}: {detail}",
        since.format("%Y-%m-%d %H:%M:%SZ"),
        next.format("%H:%M:%SZ")
    )
}

#[cfg(test)]
mod tests;
