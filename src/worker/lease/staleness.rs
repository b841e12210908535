//! How long a lease of another worker has not been renewed.

use std::time::{Duration, Instant};

use crate::domain::ids::Epoch;
use crate::store::ledger::row::NotificationRecord;

/// For how long a holder has not renewed its lease, as far as an observer can tell who may himself have been cut off
/// from the database for a while.
pub(super) struct StalenessWatch {
    since: Instant,
    seen: Option<(Epoch, chrono::NaiveDateTime)>,
    last_look: Instant,
    /// A longer pause between two looks was no observation.
    longest_gap: Duration,
}

impl StalenessWatch {
    pub(super) fn new(now: Instant, longest_gap: Duration) -> Self {
        Self { since: now, seen: None, last_look: now, longest_gap }
    }

    pub(super) fn observe(&mut self, entry: &NotificationRecord, now: Instant) -> Duration {
        let seen = entry.holder.as_ref().map(|holder| (entry.epoch, holder.until));
        if self.seen != seen || now - self.last_look > self.longest_gap {
            (self.since, self.seen) = (now, seen);
        }
        self.last_look = now;
        now - self.since
    }
}
