//! Waits while another worker has the lease of a notification. Taking it over is left to `keeper`, for how long a worker has
//! been silent to `staleness`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::domain::ids::NotificationId;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::worker::database_retry::Stopped;
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::keeper::{LeaseKeeper, Leases, MAX_POLL_INTERVAL};
use crate::worker::lease::staleness::StalenessWatch;

/// How the wait for the lease of another worker ends.
#[derive(Debug)]
pub enum EndOfWait {
    /// This worker has the lease now: the other one has released it, has exited, or has not renewed it for a whole term, as
    /// seen by us.
    Leased(Arc<HeldLease>),
    /// The other worker has completed the notification.
    Completed,
    /// The other worker has set it aside: the ledger has the rest of the work.
    SetAside,
    /// The other worker has abandoned it, for this reason, and no process sends it after all.
    Abandoned(String),
    /// The row is not in the ledger any more, or its key belongs to another notification by now.
    Vanished,
}

impl Leases {
    /// Waits while another worker has the notification `id`. Its row is the one that `is_it` accepts.
    ///
    /// An expired lease is not enough: after a database outage all leases are expired, and their holders, with
    /// uncommitted outcomes, are about to renew them (decision 0005).
    ///
    /// # Errors
    /// When a shutdown is requested first.
    pub fn wait_for_lease(
        &self,
        id: NotificationId,
        mut is_it: impl FnMut(&NotificationRecord) -> bool,
    ) -> Result<EndOfWait, Stopped> {
        let LeaseKeeper { store, database_retry, lease_request, shutdown, .. } = &*self.keeper;
        let interval = (lease_request.term / 15).clamp(Duration::from_millis(10), MAX_POLL_INTERVAL);
        let mut staleness = StalenessWatch::new(Instant::now(), interval * 5);
        loop {
            let row = database_retry.until_ok(|| store.find_notification(id))?;
            let Some(seen) = row.filter(&mut is_it) else { return Ok(EndOfWait::Vanished) };
            let stale_for = staleness.observe(&seen, Instant::now());
            let is_free = self.may_take_over(&seen, stale_for);
            match seen.state {
                NotificationState::Completed => return Ok(EndOfWait::Completed),
                NotificationState::SetAside => return Ok(EndOfWait::SetAside),
                NotificationState::Abandoned if is_free => {
                    return Ok(EndOfWait::Abandoned(seen.reason.unwrap_or_default()));
                }
                NotificationState::Waiting | NotificationState::Running if is_free => {
                    let epoch = seen.epoch.of_take_over();
                    if let Some(held) = database_retry.until_ok(|| self.take_over(&seen, epoch))? {
                        return Ok(EndOfWait::Leased(held));
                    }
                }
                // `fanmail retry` may send an abandoned one: then it completes it, or gives it up.
                NotificationState::Waiting | NotificationState::Running | NotificationState::Abandoned => {}
            }
            if shutdown.wait(interval) {
                return Err(Stopped);
            }
        }
    }

    fn may_take_over(&self, seen: &NotificationRecord, stale_for: Duration) -> bool {
        let owner = &self.keeper.lease_request.owner;
        seen.holder.as_ref().is_some_and(|holder| holder.owner == *owner) || self.is_free(seen, stale_for)
    }
}
