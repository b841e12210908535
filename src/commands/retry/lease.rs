//! The lease of `fanmail retry`: taken once, and given up on every path on which the process ends by itself. What is sent
//! under it is left to `retry`.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::commands::output::say;
use crate::domain::backoff::Backoff;
use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::store::ledger::row::NotificationRecord;
use crate::sync::lock;
use crate::worker::fan_out::context::Context;
use crate::worker::lease::held::HeldLease;

/// Pauses between attempts of what has to be done before the process ends.
pub(super) const BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(200), cap: Duration::from_secs(2) };

/// A lease that is given up when this is dropped.
pub(super) struct RetryLease<'a> {
    context: &'a Context,
    held: Arc<HeldLease>,
    note: LeaseNote,
}

impl<'a> RetryLease<'a> {
    /// Leases the notification as it was seen; `None` when another process has leased it since. While the database is away,
    /// this is repeated.
    ///
    /// # Errors
    /// When a shutdown is requested first, or when the database has an error that does not pass.
    pub(super) fn take(
        context: &'a Context,
        record: &NotificationRecord,
        note: &LeaseNote,
    ) -> anyhow::Result<Option<Self>> {
        let epoch = record.epoch.of_take_over();
        let mut is_unsure = false;
        let taken = context.database_retry.while_transient(|| {
            let taken = context.leases.take_over(record, epoch);
            is_unsure |= taken.is_err();
            taken
        });
        if is_unsure && !matches!(taken, Ok(Ok(Some(_)))) {
            give_up_unsure(context, Lease { notification_id: record.notification.id, epoch });
        }
        let Ok(taken) = taken else { bail!("interrupted; no mail was sent") };
        Ok(taken?.map(|held| {
            note.set(held.lease.notification_id, context.leases.lease_request().term);
            Self { context, held, note: note.clone() }
        }))
    }

    /// The lease itself.
    pub(super) fn held(&self) -> &Arc<HeldLease> {
        &self.held
    }

    /// Gives the lease up. While the database is away, this is repeated until the lease has ended by itself.
    fn give_up(&self) {
        let deadline = Instant::now() + self.context.leases.lease_request().term;
        for failures in 1.. {
            let Err(error) = self.context.store.release_lease(self.held.lease) else {
                self.note.clear();
                return;
            };
            if !error.is_transient() || Instant::now() >= deadline {
                say(&format!("{error}. {}", self.note.text()));
                return;
            }
            if failures == 1 {
                log::warn!("{error}; trying again to give up the lease");
            }
            thread::sleep(BACKOFF.pause(failures, fastrand::f64()));
        }
    }
}

/// Gives up a lease that this process may have without knowing it.
fn give_up_unsure(context: &Context, lease: Lease) {
    if let Err(error) = context.store.release_lease(lease) {
        let term = context.leases.lease_request().term;
        say(&format!("{error}. {}", not_given_up(lease.notification_id, term)));
    }
}

impl Drop for RetryLease<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// What there is to say when the process ends while it has the lease. All clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct LeaseNote(Arc<Mutex<Option<(NotificationId, Duration)>>>);

impl LeaseNote {
    fn set(&self, id: NotificationId, term: Duration) {
        *lock(&self.0) = Some((id, term));
    }

    fn clear(&self) {
        *lock(&self.0) = None;
    }

    /// How long the next retry has to wait. Empty when no lease is held.
    pub(super) fn text(&self) -> String {
        lock(&self.0).as_ref().map(|(id, term)| not_given_up(*id, *term)).unwrap_or_default()
    }
}

/// The next retry of the same machine sees that this process has exited. Any other cannot: it is refused until the lease has
/// ended, and then waits for one term more, in case the holder is alive.
fn not_given_up(id: NotificationId, term: Duration) -> String {
    let term = term.as_secs();
    format!(
        "The lease of notification {id} is not given up. On this machine the same command can be run at once. On another \
         machine it is refused for up to {term} s, and then waits for {term} s before it sends"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_says_how_long_the_next_retry_has_to_wait_while_the_lease_is_held() {
        let note = LeaseNote::default();
        let on_exit = note.clone();
        assert_eq!(on_exit.text(), "");
        note.set(NotificationId(7), Duration::from_secs(30));
        insta::assert_snapshot!(on_exit.text(), @"The lease of notification 7 is not given up. On this machine the same command can be run at once. On another machine it is refused for up to 30 s, and then waits for 30 s before it sends");
        note.clear();
        assert_eq!(on_exit.text(), "");
    }
}
