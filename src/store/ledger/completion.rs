//! How a notification ends: completed once everyone is decided or deferred, which is checked against the tables, or
//! abandoned. Acks are left to `acks`.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::ids::ParticipantId;
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::backend::clock::DatabaseTime;
use crate::store::error::StoreError;
use crate::store::ledger::row::NotificationState;
use crate::store::schema::notifications;

/// A notification that is to be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completing {
    /// Its lease.
    pub lease: Lease,
    /// Everyone up to this participant is known to be decided or deferred (see [`Store::find_decided_end`]).
    pub after: ParticipantId,
}

/// What became of a [`Completing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// It is completed, and its lease has ended.
    Completed,
    /// A participant up to the frozen end is neither decided nor deferred. Nothing has changed.
    Undecided,
    /// The lease is not valid any more. Nothing has changed.
    LeaseLost,
}

/// How far all participants of a range are decided or deferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedPage {
    /// One of them is not.
    Undecided,
    /// All up to this one; there are more behind it.
    UpTo(ParticipantId),
    /// All up to the frozen end.
    Last,
}

impl Store {
    /// Completes notifications in one transaction, and ends their leases. One result for each, in their order. One that is
    /// completed already keeps its time.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed, or the reply to the commit was lost: it may be repeated.
    pub fn complete_notifications(&self, completing: &[Completing]) -> Result<Vec<Completion>, StoreError> {
        completing
            .iter()
            .map(|one| {
                let completed = self.complete_notification(one.lease)?;
                Ok(if completed { Completion::Completed } else { Completion::LeaseLost })
            })
            .collect()
    }

    /// Whether the first `limit` participants behind `after` are decided or deferred. Range queries and no join, as for the
    /// pages of a fan-out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_decided_end(
        &self,
        notification: &Notification,
        after: ParticipantId,
        limit: u32,
    ) -> Result<DecidedPage, StoreError> {
        log::debug!("{notification:?} {after:?} {limit}");
        Err(StoreError::new("find who is decided", &"this part is not built yet"))
    }

    /// Marks a notification as abandoned for a `reason`, and ends its lease. `false` when the lease is not valid any more;
    /// then nothing has changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn abandon_notification(&self, lease: Lease, reason: &str) -> Result<bool, StoreError> {
        self.write("abandon a notification", |connection| {
            let leased =
                notifications::table.find(lease.notification_id).filter(notifications::epoch.eq(lease.epoch));
            let abandoned =
                diesel::update(leased.filter(notifications::state.eq_any(NotificationState::OPEN)))
                    .set((
                        notifications::state.eq(NotificationState::Abandoned.as_str()),
                        notifications::completed_at.eq(DatabaseTime::now().nullable()),
                        notifications::reason.eq(reason),
                        notifications::lease_owner.eq(None::<String>),
                        notifications::lease_until.eq(None::<NaiveDateTime>),
                    ))
                    .execute(connection)?;
            // It is abandoned already if the reply to the first try was lost.
            let abandoned_before =
                leased.filter(notifications::state.eq(NotificationState::Abandoned.as_str()));
            Ok(abandoned > 0 || abandoned_before.count().get_result::<i64>(connection)? > 0)
        })
    }
}
