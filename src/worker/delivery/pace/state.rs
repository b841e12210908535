//! What the pace knows, and the summary of it that lanes read without a lock. When it changes is left to `pace`.

use std::time::{Duration, Instant};

use crate::worker::delivery::pace::controller::Controller;

/// Slots are given out one by one.
pub(super) const LIMITED: u64 = 1;
/// The next slot is not free yet.
pub(super) const HOLDS_BACK: u64 = 2;
/// Counts the reactions.
pub(super) const REACTION: u64 = 4;

/// Minimum time between two log lines.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// What the pace knows.
#[derive(Debug)]
pub(super) struct PaceState {
    pub controller: Controller,
    /// What the relay said when it last throttled a mail.
    pub detail: String,
    pub holds_back: bool,
    pub logged_at: Option<Instant>,
    /// When health and metrics last got the rate; `None` while there is no limit.
    pub shown_at: Option<Instant>,
    /// The first throttled mail since the relay last accepted one.
    pub none_accepted_since: Option<Instant>,
    /// When the log last said that the relay accepts no mail; `None` while it accepts some.
    pub problem_told_at: Option<Instant>,
}

impl PaceState {
    /// The flags [`LIMITED`] and [`HOLDS_BACK`], and above them the number of reactions.
    pub fn summary(&self) -> u64 {
        if self.controller.is_unlimited() {
            return self.controller.reactions() * REACTION;
        }
        let flags = if self.holds_back { LIMITED | HOLDS_BACK } else { LIMITED };
        self.controller.reactions() * REACTION + flags
    }

    /// Whether a log line is due. If so, the next one is not for a while.
    pub fn may_log(&mut self, now: Instant) -> bool {
        let may_log = self.logged_at.is_none_or(|logged_at| now - logged_at >= LOG_INTERVAL);
        if may_log {
            self.logged_at = Some(now);
        }
        may_log
    }
}
