//! Circuit breaker: stops all lanes while the relay is down, so that no recipient is charged an attempt. Which failure
//! counts is left to the lane, a relay that refuses only some connections to `connection_limit`.
//!
//! ```text
//!          3 failures in a row              pause over: one lane probes
//! closed ───────────────────────► open ──────────────────────────────► probing
//!    ▲                              └◄──────────── the probe fails: longer pause ─┤
//!    └────────────────────────────────────────────── the probe gets a reply ◄─────┘
//! ```

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::observe::events;
use crate::observe::events::relay::RelayProblem;
use crate::observe::health::Monitor;
use crate::shutdown::Shutdown;
use crate::sync::lock;

/// Failures in a row that open the breaker. A single one may be a connection that the relay closed for its age.
const THRESHOLD: usize = 3;

/// Pauses between probes of the relay.
pub const PROBES: Backoff = Backoff { first: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// For so long after a reply for a recipient, a refused lane does not count: a relay that allows fewer connections than there
/// are lanes refuses several of them at the same moment, again and again.
const SUCCESS_GRACE: Duration = Duration::from_secs(2);

/// How often a blocked lane looks whether the breaker has closed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How often the log repeats that the relay is still down.
const LOG_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The breaker of all lanes.
#[derive(Debug)]
pub struct Breaker {
    state: Mutex<BreakerState>,
    probes: Backoff,
    monitor: Monitor,
}

/// Names a mail: its notification and its participant.
pub type MailKey = (NotificationId, ParticipantId);

#[derive(Debug)]
enum BreakerState {
    Closed {
        /// Since the last success. A failure that a mail may have caused names the mail.
        failures: Vec<Option<MailKey>>,
        last_success: Option<Instant>,
    },
    Open {
        outage: RelayOutage,
        until: Instant,
    },
    Probing {
        outage: RelayOutage,
    },
}

/// The time in which the breaker is not closed.
#[derive(Debug, Clone, Copy)]
struct RelayOutage {
    since: Instant,
    /// Probes that have failed.
    probes: u32,
    /// When the log last mentioned it.
    last_logged: Instant,
}

impl RelayOutage {
    fn problem<'a>(&self, now: Instant, next_probe_in: Duration, detail: &'a str) -> RelayProblem<'a> {
        RelayProblem { lasted: now - self.since, failed_probes: self.probes, next_probe_in, detail }
    }
}

/// Permission to submit one mail. Consume it with `works` or `failed`. Dropping it reports nothing; a dropped probe
/// lets the next caller probe.
#[derive(Debug)]
#[must_use]
pub struct Admission<'a> {
    breaker: &'a Breaker,
    probe: bool,
}

impl Admission<'_> {
    /// The relay replied for a recipient, accepted or not: it works.
    pub fn works(mut self) {
        self.probe = false;
        self.breaker.close(Instant::now());
    }

    /// The relay did not work, because of `detail`. If the mail itself may be the cause, `suspect` names it: one mail
    /// over which the relay breaks down again and again does not open the breaker alone. Says whether it counts as a
    /// failure of the relay.
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
            self.breaker.return_probe();
        }
    }
}

impl Breaker {
    /// A closed breaker. When it is open, the relay is probed after the pauses of `probes`.
    #[must_use]
    pub fn new(probes: Backoff, monitor: Monitor) -> Self {
        let state = BreakerState::Closed { failures: Vec::new(), last_success: None };
        Self { state: Mutex::new(state), probes, monitor }
    }

    /// Waits until the lane may submit a mail; `None` when a shutdown is requested first.
    pub fn admit(&self, shutdown: &Shutdown) -> Option<Admission<'_>> {
        loop {
            match self.try_admit(Instant::now()) {
                Ok(admission) => return (!shutdown.requested()).then_some(admission),
                Err(pause) if shutdown.wait(pause.min(POLL_INTERVAL)) => return None,
                Err(_) => {}
            }
        }
    }

    /// Blocks a lane after `failures` failures in a row, longer with each of them, and not at all after none. A probe
    /// that is due ends it, and so does a shutdown. A breaker that closes does not: one accepted mail is no reason for
    /// all refused lanes to return at once.
    pub fn rest(&self, failures: u32, shutdown: &Shutdown) {
        if failures == 0 {
            return;
        }
        let end = Instant::now() + self.probes.pause(failures, fastrand::f64());
        loop {
            let now = Instant::now();
            let left = end.saturating_duration_since(now);
            if left.is_zero() || self.is_probe_due(now) || shutdown.wait(left.min(POLL_INTERVAL)) {
                return;
            }
        }
    }

    fn is_probe_due(&self, now: Instant) -> bool {
        matches!(*lock(&self.state), BreakerState::Open { until, .. } if until <= now)
    }

    /// Whether lanes may submit without waiting.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(*lock(&self.state), BreakerState::Closed { .. })
    }

    /// Admits the caller, or says how long to wait. After its pause, an open breaker admits one caller, as its probe.
    fn try_admit(&self, now: Instant) -> Result<Admission<'_>, Duration> {
        let mut state = lock(&self.state);
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
        let mut state = lock(&self.state);
        if let BreakerState::Open { outage, .. } | BreakerState::Probing { outage } = *state {
            events::relay::up(&self.monitor, now - outage.since);
        }
        *state = BreakerState::Closed { failures: Vec::new(), last_success: Some(now) };
    }

    fn failed_at(
        &self,
        now: Instant,
        jitter: f64,
        probe: bool,
        suspect: Option<MailKey>,
        detail: &str,
    ) -> bool {
        let mut state = lock(&self.state);
        match &mut *state {
            BreakerState::Closed { failures, .. } if suspect.is_some() && failures.contains(&suspect) => {
                return false;
            }
            BreakerState::Closed { failures, last_success } => {
                let worked_recently = last_success.is_some_and(|at| now < at + SUCCESS_GRACE);
                if suspect.is_some() || !worked_recently {
                    failures.push(suspect);
                }
                if failures.len() == THRESHOLD {
                    let pause = self.probes.pause(1, jitter);
                    let outage = RelayOutage { since: now, probes: 0, last_logged: now };
                    events::relay::down(&self.monitor, &outage.problem(now, pause, detail));
                    *state = BreakerState::Open { outage, until: now + pause };
                }
            }
            BreakerState::Probing { outage } if probe => {
                let mut outage = *outage;
                outage.probes += 1;
                let pause = self.probes.pause(outage.probes + 1, jitter);
                let problem = outage.problem(now, pause, detail);
                if now - outage.last_logged < LOG_INTERVAL {
                    events::relay::probe_failed(&self.monitor, &problem);
                } else {
                    outage.last_logged = now;
                    events::relay::still_down(&self.monitor, &problem);
                }
                *state = BreakerState::Open { outage, until: now + pause };
            }
            // A mail that was in flight when the breaker opened.
            BreakerState::Open { .. } | BreakerState::Probing { .. } => {}
        }
        true
    }

    fn return_probe(&self) {
        let mut state = lock(&self.state);
        if let BreakerState::Probing { outage } = *state {
            *state = BreakerState::Open { outage, until: Instant::now() };
        }
    }
}

#[cfg(test)]
mod tests;
