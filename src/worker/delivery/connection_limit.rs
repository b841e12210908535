//! Places: how many of the lanes may have a connection at a time. A relay that allows fewer than
//! `SMTP_CONNECTIONS` turns some lanes away while it serves the others; those give their places up, and one of
//! them tries again now and then. When nobody is served, the relay is down: that is the breaker's business.
//!
//! ```text
//!                   turned away twice in a row, and others served in between
//!        firm ──────────────────────────────────────────────────────────────► none
//!          ▲                                                                   │ ▲
//!          └── served ── on trial ◄── there is work, and a quiet time is over ─┘ │
//!                            └───────── turned away: a longer quiet time ────────┘
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::backoff::Backoff;
use crate::observe::metrics::Metrics;
use crate::shutdown::Shutdown;

/// The quiet time before one more connection is tried. It doubles each time that one is turned away: a limit that
/// stays is tried six times an hour in the end.
pub const PROBE_BACKOFF: Backoff = Backoff { first: Duration::from_secs(10), cap: Duration::from_secs(600) };

/// How often a lane without a place looks whether it may try, as often as an idle one looks after its connection.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A relay that changes its mind all the time is worth no more than a line in so long a time.
const LOG_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// One for all lanes.
#[derive(Debug)]
pub struct ConnectionLimit {
    /// As many as there are lanes.
    max: usize,
    probe_backoff: Backoff,
    metrics: Arc<Metrics>,
    /// Mails for which the relay has answered so far, over all lanes.
    accepted: AtomicU64,
    state: Mutex<LimitState>,
}

#[derive(Debug)]
struct LimitState {
    /// Lanes that have a place, one at least.
    granted: usize,
    /// Whether one of them is on trial.
    probing: bool,
    /// Trials in a row that ended badly.
    failed_probes: u32,
    /// No trial before.
    no_probe_before: Instant,
    /// When the log last heard that there are fewer, and whether it has yet to hear that all are back.
    last_logged: Option<Instant>,
    recovery_unlogged: bool,
    /// Whether there is no more work, ever.
    closed: bool,
}

/// A lane's own place. It begins with one; without one it takes no job and has no connection: the relay has just
/// refused it.
#[derive(Debug, Default)]
pub struct ConnectionPermit {
    state: PermitState,
    /// When the lane was turned away and has not been served since: how many mails had been, at the last time.
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
    /// A place for each of `max` lanes. Once there are fewer, one more is tried after the pauses of `probe_backoff`.
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
        Self { max, probe_backoff, metrics, accepted: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// Returns once the lane may take a job: it has its place, or gets one to try, for which there has to be work.
    /// It may also look for jobs when the worker is to stop, or nobody is left to send any: it will send nothing then.
    pub fn acquire(&self, permit: &mut ConnectionPermit, shutdown: &Shutdown, work: impl Fn() -> bool) {
        while !self.try_acquire(permit, Instant::now(), fastrand::f64(), &work) {
            if shutdown.wait(POLL_INTERVAL) {
                return;
            }
        }
    }

    /// The relay has answered for a recipient of this lane.
    pub fn accepted(&self, permit: &mut ConnectionPermit) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        permit.refused_at = None;
        if permit.state == PermitState::Probing {
            permit.state = PermitState::Granted;
            let mut state = self.lock();
            state.probing = false;
            state.failed_probes = 0;
            if state.granted == self.max && std::mem::take(&mut state.recovery_unlogged) {
                log::info!("the relay serves all {} connections again", self.max);
            }
        }
    }

    /// The relay did not let this lane send, because of `detail`. Says whether the lane has lost its place over that;
    /// the last one keeps it. Once is no reason yet: a relay that restarts refuses everyone once, and one that is
    /// at its limit may still count a connection that has just ended.
    #[must_use]
    pub fn refused(&self, permit: &mut ConnectionPermit, detail: &str) -> bool {
        self.refused_at(permit, Instant::now(), fastrand::f64(), detail)
    }

    /// There will be no more jobs: lanes without a place may see that for themselves.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    fn try_acquire(
        &self,
        permit: &mut ConnectionPermit,
        now: Instant,
        jitter: f64,
        work: impl Fn() -> bool,
    ) -> bool {
        if permit.state != PermitState::Revoked {
            return true;
        }
        let mut state = self.lock();
        if state.closed {
            return true;
        }
        // One after the other: what the relay says to the first tells about the next.
        if state.probing || now < state.no_probe_before || !work() {
            return false;
        }
        permit.state = PermitState::Probing;
        state.probing = true;
        state.no_probe_before = now + self.probe_backoff.pause(1, jitter);
        self.change_granted(&mut state, 1);
        true
    }

    fn refused_at(&self, permit: &mut ConnectionPermit, now: Instant, jitter: f64, detail: &str) -> bool {
        debug_assert!(permit.state != PermitState::Revoked, "a lane without a place has asked the relay");
        let accepted = self.accepted.load(Ordering::Relaxed);
        let before = permit.refused_at.replace(accepted);
        let probing = permit.state == PermitState::Probing;
        if !probing && before.is_none_or(|before| before == accepted) {
            return false;
        }
        let mut state = self.lock();
        if probing {
            state.probing = false;
            state.failed_probes += 1;
        }
        state.no_probe_before = now + self.probe_backoff.pause(state.failed_probes + 1, jitter);
        if state.granted == 1 {
            permit.state = PermitState::Granted;
            return false;
        }
        permit.state = PermitState::Revoked;
        self.change_granted(&mut state, -1);
        if state.last_logged.is_none_or(|last_logged| now - last_logged >= LOG_INTERVAL) {
            state.last_logged = Some(now);
            state.recovery_unlogged = true;
            log::warn!(
                "the relay serves some connections and not others: {detail}; fanmail goes on with those it serves and \
                 tries one more now and then, nothing is lost. If the relay allows fewer than SMTP_CONNECTIONS ({}), \
                 lower that; if not, one of its machines is broken (said once; fanmail_connections_in_use tells how \
                 many there are)",
                self.max
            );
        }
        true
    }

    fn change_granted(&self, state: &mut LimitState, change: isize) {
        state.granted = state.granted.saturating_add_signed(change);
        self.metrics.connections_in_use.set(state.granted as u64);
        log::debug!("{} of {} connections in use", state.granted, self.max);
    }

    fn lock(&self) -> MutexGuard<'_, LimitState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
