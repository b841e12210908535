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
use crate::shutdown::Stop;

/// The quiet time before one more connection is tried. It doubles each time that one is turned away: a limit that
/// stays is tried six times an hour in the end.
pub const GROWTH: Backoff = Backoff { first: Duration::from_secs(10), cap: Duration::from_secs(600) };

/// How often a lane without a place looks whether it may try, as often as an idle one looks after its connection.
const LOOK: Duration = Duration::from_secs(1);

/// A relay that changes its mind all the time is worth no more than a line in so long a time.
const SILENCE: Duration = Duration::from_secs(60 * 60);

/// One for all lanes.
#[derive(Debug)]
pub struct Places {
    /// As many as there are lanes.
    most: usize,
    growth: Backoff,
    metrics: Arc<Metrics>,
    /// Mails for which the relay has answered so far, over all lanes.
    served: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Lanes that have a place, one at least.
    taken: usize,
    /// Whether one of them is on trial.
    trial: bool,
    /// Trials in a row that ended badly.
    failed_trials: u32,
    /// No trial before.
    quiet_until: Instant,
    /// When the log last heard that there are fewer, and whether it has yet to hear that all are back.
    told: Option<Instant>,
    owes_all_clear: bool,
    /// Whether there is no more work, ever.
    closed: bool,
}

/// A lane's own place. It begins with one; without one it takes no job and has no connection: the relay has just
/// refused it.
#[derive(Debug, Default)]
pub struct Place {
    standing: Standing,
    /// When the lane was turned away and has not been served since: how many mails had been, at the last time.
    turned_away_at: Option<u64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Standing {
    #[default]
    Firm,
    OnTrial,
    None,
}

impl Places {
    /// A place for each of `most` lanes. Once there are fewer, one more is tried after the pauses of `growth`.
    #[must_use]
    pub fn new(most: usize, growth: Backoff, metrics: Arc<Metrics>) -> Self {
        metrics.connections_in_use.set(most as u64);
        let state = State {
            taken: most,
            trial: false,
            failed_trials: 0,
            quiet_until: Instant::now(),
            told: None,
            owes_all_clear: false,
            closed: false,
        };
        Self { most, growth, metrics, served: AtomicU64::new(0), state: Mutex::new(state) }
    }

    /// Returns once the lane may take a job: it has its place, or gets one to try, for which there has to be work.
    /// It may also look for jobs when the worker is to stop, or nobody is left to send any: it will send nothing then.
    pub fn wait(&self, place: &mut Place, stop: &Stop, work: impl Fn() -> bool) {
        while !self.enter(place, Instant::now(), fastrand::f64(), &work) {
            if stop.wait(LOOK) {
                return;
            }
        }
    }

    /// The relay has answered for a recipient of this lane.
    pub fn served(&self, place: &mut Place) {
        self.served.fetch_add(1, Ordering::Relaxed);
        place.turned_away_at = None;
        if place.standing == Standing::OnTrial {
            place.standing = Standing::Firm;
            let mut state = self.lock();
            state.trial = false;
            state.failed_trials = 0;
            if state.taken == self.most && std::mem::take(&mut state.owes_all_clear) {
                log::info!("the relay serves all {} connections again", self.most);
            }
        }
    }

    /// The relay did not let this lane send, because of `detail`. Says whether the lane has lost its place over that;
    /// the last one keeps it. Once is no reason yet: a relay that restarts refuses everyone once, and one that is
    /// at its limit may still count a connection that has just ended.
    #[must_use]
    pub fn turned_away(&self, place: &mut Place, detail: &str) -> bool {
        self.turned_away_at(place, Instant::now(), fastrand::f64(), detail)
    }

    /// There will be no more jobs: lanes without a place may see that for themselves.
    pub fn close(&self) {
        self.lock().closed = true;
    }

    fn enter(&self, place: &mut Place, now: Instant, dice: f64, work: impl Fn() -> bool) -> bool {
        if place.standing != Standing::None {
            return true;
        }
        let mut state = self.lock();
        if state.closed {
            return true;
        }
        // One after the other: what the relay says to the first tells about the next.
        if state.trial || now < state.quiet_until || !work() {
            return false;
        }
        place.standing = Standing::OnTrial;
        state.trial = true;
        state.quiet_until = now + self.growth.pause(1, dice);
        self.count(&mut state, 1);
        true
    }

    fn turned_away_at(&self, place: &mut Place, now: Instant, dice: f64, detail: &str) -> bool {
        debug_assert!(place.standing != Standing::None, "a lane without a place has asked the relay");
        let served = self.served.load(Ordering::Relaxed);
        let before = place.turned_away_at.replace(served);
        let on_trial = place.standing == Standing::OnTrial;
        if !on_trial && before.is_none_or(|before| before == served) {
            return false;
        }
        let mut state = self.lock();
        if on_trial {
            state.trial = false;
            state.failed_trials += 1;
        }
        state.quiet_until = now + self.growth.pause(state.failed_trials + 1, dice);
        if state.taken == 1 {
            place.standing = Standing::Firm;
            return false;
        }
        place.standing = Standing::None;
        self.count(&mut state, -1);
        if state.told.is_none_or(|told| now - told >= SILENCE) {
            state.told = Some(now);
            state.owes_all_clear = true;
            log::warn!(
                "the relay serves some connections and not others: {detail}; fanmail goes on with those it serves and \
                 tries one more now and then, nothing is lost. If the relay allows fewer than SMTP_CONNECTIONS ({}), \
                 lower that; if not, one of its machines is broken (said once; fanmail_connections_in_use tells how \
                 many there are)",
                self.most
            );
        }
        true
    }

    fn count(&self, state: &mut State, change: isize) {
        state.taken = state.taken.saturating_add_signed(change);
        self.metrics.connections_in_use.set(state.taken as u64);
        log::debug!("{} of {} connections in use", state.taken, self.most);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
