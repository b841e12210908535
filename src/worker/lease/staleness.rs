//! For how long another worker has not renewed its lease. Taking the lease over is left to `keeper`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;

use crate::domain::ids::{Epoch, NotificationId};
use crate::store::ledger::row::NotificationRecord;

/// How long a holder has not renewed, as seen by us. A gap in our own polling restarts the clock: we may have been cut
/// off from the database ourselves.
#[derive(Debug)]
pub(crate) struct StalenessWatch {
    /// Since when `seen` has not changed.
    since: Instant,
    seen: Option<(Epoch, NaiveDateTime)>,
    polled_at: Instant,
    /// A longer pause between two polls counts as a gap.
    max_gap: Duration,
}

impl StalenessWatch {
    pub(crate) fn new(now: Instant, max_gap: Duration) -> Self {
        Self { since: now, seen: None, polled_at: now, max_gap }
    }

    /// Says for how long the lease of a notification has not changed.
    pub(crate) fn observe(&mut self, record: &NotificationRecord, now: Instant) -> Duration {
        let seen = record.holder.as_ref().map(|holder| (record.epoch, holder.until));
        self.observe_lease(seen, now)
    }

    /// The same, of a lease with this epoch and end. `None`: none is watched, only time passes.
    pub(crate) fn observe_lease(&mut self, seen: Option<(Epoch, NaiveDateTime)>, now: Instant) -> Duration {
        if self.seen != seen || now - self.polled_at > self.max_gap {
            (self.since, self.seen) = (now, seen);
        }
        self.polled_at = now;
        now - self.since
    }
}

/// One [`StalenessWatch`] for each notification that a sweep would lease.
#[derive(Debug)]
pub(crate) struct StalenessWatches {
    watches: HashMap<NotificationId, StalenessWatch>,
    max_gap: Duration,
}

impl StalenessWatches {
    /// None yet. `max_gap`: as in [`StalenessWatch::new`].
    pub(crate) fn new(max_gap: Duration) -> Self {
        Self { watches: HashMap::new(), max_gap }
    }

    /// Says for how long the lease of a notification has not changed.
    pub(crate) fn observe(&mut self, record: &NotificationRecord, now: Instant) -> Duration {
        let watch = self.watches.entry(record.notification.id);
        watch.or_insert_with(|| StalenessWatch::new(now, self.max_gap)).observe(record, now)
    }

    /// Forgets all others.
    pub(crate) fn retain(&mut self, is_listed: impl Fn(NotificationId) -> bool) {
        self.watches.retain(|id, _| is_listed(*id));
    }
}
