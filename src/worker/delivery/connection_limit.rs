//! Adaptive concurrency limit: how many lanes may have a connection at a time. A relay that allows fewer than
//! `SMTP_CONNECTIONS` refuses some lanes while it accepts mails from the others; the refused ones lose their permits,
//! and one more connection is probed now and then. When no lane gets through, the relay is down: that is left to
//! `breaker`.
//!
//! ```text
//!              refused twice in a row, and other lanes were accepted in between;
//!              or the relay says that there are too many connections
//! Granted ──────────────────────────────────────────────────────────────────► Revoked
//!    ▲                                                                          │ ▲
//!    └──── accepted ──── Probing ◄──── there is work, and the pause is over ────┘ │
//!                           └──────────────── refused: a longer pause ────────────┘
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::observe::events;
use crate::observe::metrics::Metrics;
use crate::shutdown::Shutdown;
use crate::sync::lock;

/// The pause before one more connection is probed. It doubles each time that a probe is refused: a permanent limit is
/// probed six times an hour in the end.
pub const PROBE_BACKOFF: Backoff = Backoff { first: Duration::from_secs(10), cap: Duration::from_secs(600) };

/// How often a lane without a permit looks whether it may probe; an idle lane checks its connection as often.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Minimum time between two log lines about a changing limit.
const LOG_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The limit of all lanes.
#[derive(Debug)]
pub struct ConnectionLimit {
    /// The number of lanes.
    max: usize,
    probe_backoff: Backoff,
    metrics: Arc<Metrics>,
    /// Mails to which the relay has replied so far, over all lanes.
    replies: AtomicU64,
    state: Mutex<LimitState>,
}

#[derive(Debug)]
struct LimitState {
    /// Permits that are granted or probing: one at least.
    granted: usize,
    /// Whether one of them is probing.
    probing: bool,
    /// Probes in a row that were refused.
    failed_probes: u32,
    /// The pause: no probe starts earlier.
    no_probe_before: Instant,
    /// When a reduced limit was last logged.
    last_logged: Option<Instant>,
    /// Whether its recovery has still to be logged.
    recovery_unlogged: bool,
    /// Whether no more jobs will come.
    closed: bool,
}

/// One lane's permit to have a connection. It is granted at first. While it is revoked, the lane takes no job and has
/// no connection.
#[derive(Debug, Default)]
pub struct ConnectionPermit {
    state: PermitState,
    /// After a refusal, until the relay next replies for a recipient of this lane: the value of `replies` at that time.
    refused_at: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum PermitState {
    #[default]
    Granted,
    Probing,
    Revoked,
}

impl ConnectionLimit {
    /// A permit for each of `max` lanes. Below that, one more is probed after the pauses of `probe_backoff`.
    #[must_use]
    pub fn new(max: usize, probe_backoff: Backoff, metrics: Arc<Metrics>) -> Self {
        metrics.connections_in_use.set(max as u64);
        let state = LimitState {
            granted: max,
            probing: false,
            failed_probes: 0,
            no_probe_before: Instant::now(),
            last_logged: None,
            recovery_unlogged: false,
            closed: false,
        };
        Self { max, probe_backoff, metrics, replies: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// Returns once the lane may take a job: its permit is granted, or may probe, for which `has_work` must hold. Also
    /// returns when a shutdown is requested or no more jobs will come: the lane sends nothing then.
    pub fn acquire(&self, permit: &mut ConnectionPermit, shutdown: &Shutdown, has_work: impl Fn() -> bool) {
        while !self.try_acquire(permit, Instant::now(), fastrand::f64(), &has_work) {
            if shutdown.wait(POLL_INTERVAL) {
                return;
            }
        }
    }

    /// The relay has replied for a recipient of this lane.
    pub fn replied(&self, permit: &mut ConnectionPermit) {
        self.replies.fetch_add(1, Ordering::Relaxed);
        permit.refused_at = None;
        if permit.state == PermitState::Probing {
            permit.state = PermitState::Granted;
            let mut state = lock(&self.state);
            state.probing = false;
            state.failed_probes = 0;
            if state.granted == self.max && std::mem::take(&mut state.recovery_unlogged) {
                events::relay::connections_restored(self.max);
            }
        }
    }

    /// Mails to which the relay has replied so far, over all lanes, those that it throttled not included.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.replies.load(Ordering::Relaxed)
    }

    /// The relay did not let this lane send, because of `detail`. Says whether that revoked the permit; the last permit
    /// is never revoked. One refusal does not revoke: a relay that restarts refuses every lane once, and a relay at its
    /// limit may still count a connection that has just ended.
    #[must_use]
    pub fn refused(&self, permit: &mut ConnectionPermit, detail: &str) -> bool {
        self.refused_at(permit, Instant::now(), fastrand::f64(), detail)
    }

    /// The relay has said that there are too many connections (`detail`). Says whether that revoked the permit; the last
    /// permit is never revoked. The first probe follows soon: the relay may have counted a connection that has just
    /// ended.
    #[must_use]
    pub fn throttled(&self, permit: &mut ConnectionPermit, detail: &str) -> bool {
        self.throttled_at(permit, Instant::now(), fastrand::f64(), detail)
    }

    /// No more jobs will come: lanes without a permit need not wait for one.
    pub fn close(&self) {
        lock(&self.state).closed = true;
    }

    fn try_acquire(
        &self,
        permit: &mut ConnectionPermit,
        now: Instant,
        jitter: f64,
        has_work: impl Fn() -> bool,
    ) -> bool {
        if permit.state != PermitState::Revoked {
            return true;
        }
        let mut state = lock(&self.state);
        if state.closed {
            return true;
        }
        // One probe at a time: its result decides about the next one.
        if state.probing || now < state.no_probe_before || !has_work() {
            return false;
        }
        permit.state = PermitState::Probing;
        state.probing = true;
        state.no_probe_before = now + self.probe_backoff.pause(1, jitter);
        self.change_granted(&mut state, 1);
        true
    }

    fn refused_at(&self, permit: &mut ConnectionPermit, now: Instant, jitter: f64, detail: &str) -> bool {
        debug_assert!(permit.state != PermitState::Revoked, "a lane without a permit has submitted a mail");
        let replies = self.replies.load(Ordering::Relaxed);
        let before = permit.refused_at.replace(replies);
        let probing = permit.state == PermitState::Probing;
        if !probing && before.is_none_or(|before| before == replies) {
            return false;
        }
        self.revoke(permit, now, |state| self.probe_backoff.pause(state.failed_probes + 1, jitter), detail)
    }

    fn throttled_at(&self, permit: &mut ConnectionPermit, now: Instant, jitter: f64, detail: &str) -> bool {
        let pause = |state: &LimitState| match state.failed_probes {
            0 => self.probe_backoff.pause(1, jitter) / 4,
            failed => self.probe_backoff.pause(failed + 1, jitter),
        };
        self.revoke(permit, now, pause, detail)
    }

    /// Revokes the permit unless it is the last one. `pause` is the time until the next probe.
    fn revoke(
        &self,
        permit: &mut ConnectionPermit,
        now: Instant,
        pause: impl Fn(&LimitState) -> Duration,
        detail: &str,
    ) -> bool {
        let mut state = lock(&self.state);
        if permit.state == PermitState::Probing {
            state.probing = false;
            state.failed_probes += 1;
        }
        state.no_probe_before = now + pause(&state);
        if state.granted == 1 {
            permit.state = PermitState::Granted;
            return false;
        }
        permit.state = PermitState::Revoked;
        self.change_granted(&mut state, -1);
        if state.last_logged.is_none_or(|last_logged| now - last_logged >= LOG_INTERVAL) {
            state.last_logged = Some(now);
            state.recovery_unlogged = true;
            events::relay::connections_refused(self.max, detail);
        }
        true
    }

    fn change_granted(&self, state: &mut LimitState, change: isize) {
        state.granted = state.granted.saturating_add_signed(change);
        events::relay::connections_changed(&self.metrics, state.granted, self.max);
    }
}

#[cfg(test)]
mod tests;
