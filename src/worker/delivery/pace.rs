//! The pace of all lanes: as fast as the relay takes mails, slower while it throttles, and never faster than `SMTP_RATE`.
//! Locks, waits, and tells what has changed. How fast is left to `controller`, how many lanes have a connection to
//! `connection_limit`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::observe::events;
use crate::observe::events::pace::PaceLimit;
use crate::observe::health::Monitor;
use crate::shutdown::Shutdown;
use crate::sync::lock;
use crate::worker::delivery::pace::controller::{Controller, Slot};
use crate::worker::delivery::pace::state::{HOLDS_BACK, LIMITED, PaceState, REACTION};

pub mod controller;
pub mod cycle;
pub mod growth;
mod state;

/// How often a waiting lane looks whether its job is still wanted.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Minimum time between two updates of a changing rate in health and metrics.
const SHOW_INTERVAL: Duration = Duration::from_secs(1);

/// A relay that throttles every mail for so long may have a reason that no waiting solves.
const MAX_TIME_WITHOUT_MAIL: Duration = Duration::from_secs(5 * 60);

/// With longer intervals between slots, a lane takes no mail in advance: the mail would wait for its slot while the
/// relay waits for its body.
const MAX_INTERVAL_AHEAD: Duration = Duration::from_millis(20);

/// The pace of all lanes.
#[derive(Debug)]
pub struct Pace {
    /// What [`PaceState::summary`] says. While there is no limit, a lane reads this and nothing else.
    summary: AtomicU64,
    state: Mutex<PaceState>,
    monitor: Monitor,
}

/// A throttled mail.
#[derive(Debug, Clone, Copy)]
pub struct Throttling<'a> {
    /// For how long the relay wants no mail, when it says so.
    pub named_pause: Option<Duration>,
    /// Whether this mail was throttled several times, and so perhaps because of its recipient: the others need not wait
    /// for it.
    pub repeated: bool,
    /// What the relay said.
    pub detail: &'a str,
}

/// Permission to submit one mail. Consume it with the method that says what the relay replied. Dropping it reports
/// nothing; a dropped probe lets the next caller probe.
#[derive(Debug)]
#[must_use]
pub struct Turn<'a> {
    pace: &'a Pace,
    slot: Slot,
    limited: bool,
}

impl Turn<'_> {
    /// The envelope was pipelined behind another mail, which was submitted at `at`: the relay may have decided before
    /// this turn.
    pub fn pipelined_at(mut self, at: Option<Instant>) -> Self {
        self.slot.at = at.map_or(self.slot.at, |at| at.min(self.slot.at));
        self
    }

    /// The relay accepted the mail, and has taken `taken` mails so far.
    pub fn accepted(mut self, taken: u64) {
        if self.limited {
            let (now, slot) = (Instant::now(), self.settle());
            self.pace.change(now, |state| {
                state.none_accepted_since = None;
                state.controller.accepted(slot, now, taken);
            });
        }
    }

    /// The relay refused the mail for another reason than the pace.
    pub fn refused_otherwise(mut self, taken: u64) {
        if self.limited {
            let (now, slot) = (Instant::now(), self.settle());
            self.pace.change(now, |state| state.controller.refused_otherwise(slot, now, taken));
        }
    }

    /// The relay throttled the mail.
    pub fn throttled(mut self, throttling: &Throttling<'_>, taken: u64) {
        let slot = self.settle();
        self.pace.throttled_at(Instant::now(), slot, throttling, taken);
    }

    /// Nothing was learned about the pace.
    pub fn unused(self) {}

    /// The slot, with the probe, for which this turn is no longer responsible.
    fn settle(&mut self) -> Slot {
        let slot = self.slot;
        self.slot.probe = false;
        slot
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.slot.probe {
            let now = Instant::now();
            self.pace.change(now, |state| state.controller.return_probe(now));
        }
    }
}

impl Pace {
    /// No limit, except for `min_interval` between two mails (`SMTP_RATE`).
    #[must_use]
    pub fn new(min_interval: Option<Duration>, monitor: Monitor) -> Self {
        let state = PaceState {
            controller: Controller::new(min_interval.unwrap_or_default(), Instant::now()),
            detail: String::new(),
            holds_back: min_interval.is_some_and(|interval| interval > MAX_INTERVAL_AHEAD),
            logged_at: None,
            shown_at: None,
            none_accepted_since: None,
            problem_told_at: None,
        };
        Self { summary: AtomicU64::new(state.summary()), state: Mutex::new(state), monitor }
    }

    /// Whether a mail that a lane takes in advance would have to wait.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.summary.load(Ordering::Relaxed) & HOLDS_BACK != 0
    }

    /// A lane has nothing to do; the relay has taken `taken` mails so far.
    pub fn idle(&self, taken: u64) {
        let now = Instant::now();
        lock(&self.state).controller.idle(now, taken);
    }

    /// Waits for the turn of a lane that was admitted at `now`; `None` when a shutdown is requested first, or when the
    /// job is not wanted any more.
    pub fn acquire(
        &self,
        now: Instant,
        shutdown: &Shutdown,
        is_unwanted: impl Fn() -> bool,
    ) -> Option<Turn<'_>> {
        if self.summary.load(Ordering::Relaxed) & LIMITED == 0 {
            return Some(Turn { pace: self, slot: Slot { at: now, probe: false }, limited: false });
        }
        loop {
            let (reserved, reactions) = self.reserve(Instant::now());
            let until = reserved.map_or_else(|ask_again| ask_again, |slot| slot.at);
            while self.reactions() == reactions {
                let left = until.saturating_duration_since(Instant::now());
                if let (true, Ok(slot)) = (left.is_zero(), reserved) {
                    return Some(Turn { pace: self, slot, limited: true });
                }
                if left.is_zero() {
                    break;
                }
                if shutdown.wait(left.min(POLL_INTERVAL)) || is_unwanted() {
                    return None;
                }
            }
        }
    }

    /// Reserves a slot, or says when to ask again. A reaction makes either void.
    fn reserve(&self, now: Instant) -> (Result<Slot, Instant>, u64) {
        let mut state = lock(&self.state);
        let reserved = state.controller.reserve(now);
        state.holds_back = reserved.is_ok_and(|slot| slot.at > now)
            || reserved.is_err()
            || state.controller.interval() > MAX_INTERVAL_AHEAD;
        self.publish(&state);
        (reserved, state.controller.reactions())
    }

    fn reactions(&self) -> u64 {
        self.summary.load(Ordering::Relaxed) / REACTION
    }

    fn throttled_at(&self, now: Instant, slot: Slot, throttling: &Throttling<'_>, taken: u64) {
        let Throttling { named_pause, repeated, detail } = *throttling;
        let mut state = lock(&self.state);
        state.none_accepted_since.get_or_insert(now);
        let (reactions, was_free) = (state.controller.reactions(), state.controller.learned_rate().is_none());
        state.controller.throttled(slot, named_pause, repeated, now, taken);
        detail.clone_into(&mut state.detail);
        self.show_problem(&mut state, now);
        if state.controller.reactions() == reactions {
            // A refused probe makes the pause longer.
            return self.show_again(&mut state, now);
        }
        state.holds_back = true;
        self.show(&mut state, now);
        if was_free && state.may_log(now) {
            events::pace::slower(detail);
        }
    }

    /// Tells the controller what happened, and shows a rate that has changed since.
    fn change(&self, now: Instant, tell: impl FnOnce(&mut PaceState)) {
        let mut state = lock(&self.state);
        tell(&mut state);
        self.show_problem(&mut state, now);
        let is_free = state.controller.learned_rate().is_none();
        match state.shown_at {
            Some(_) if is_free => {
                self.show(&mut state, now);
                if state.may_log(now) {
                    events::pace::as_fast_as_before();
                }
            }
            _ => self.show_again(&mut state, now),
        }
    }

    /// Updates health and metrics if the last time is a while ago.
    fn show_again(&self, state: &mut PaceState, now: Instant) {
        if state.shown_at.is_some_and(|shown_at| now.saturating_duration_since(shown_at) >= SHOW_INTERVAL) {
            self.show(state, now);
        } else {
            self.publish(state);
        }
    }

    /// Updates health and metrics.
    fn show(&self, state: &mut PaceState, now: Instant) {
        let limit = state.controller.learned_rate().map(|rate| PaceLimit {
            rate,
            paused: state.controller.refused_until().map(|until| until.saturating_duration_since(now)),
            detail: &state.detail,
        });
        state.shown_at = limit.is_some().then_some(now);
        events::pace::changed(&self.monitor, limit.as_ref());
        self.publish(state);
    }

    fn show_problem(&self, state: &mut PaceState, now: Instant) {
        let lasted = state.none_accepted_since.map(|since| now.saturating_duration_since(since));
        let lasted = lasted.filter(|lasted| *lasted >= MAX_TIME_WITHOUT_MAIL);
        if let Some(lasted) = lasted {
            let told_lately = state
                .problem_told_at
                .is_some_and(|told_at| now.saturating_duration_since(told_at) < events::REMINDER);
            events::pace::accepts_none(&self.monitor, lasted, &state.detail, told_lately);
            if !told_lately {
                state.problem_told_at = Some(now);
            }
        } else if state.problem_told_at.take().is_some() {
            events::pace::accepts_again(&self.monitor);
        }
    }

    /// What the lanes read without the lock.
    fn publish(&self, state: &PaceState) {
        self.summary.store(state.summary(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
