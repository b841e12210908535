//! Notifications that no message carries and that no process works on, for any worker to take up. Which of their leases may be taken is
//! left to the worker.

use diesel::prelude::*;

use crate::domain::ids::NotificationId;
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::notifications;

impl Store {
    /// Up to `limit` notifications that no message carries and that have not ended, the oldest first, those included that have waited for
    /// further ones of their event until now. Without those of `held` that
    /// `owner` has leased. Reads all notifications, as [`Store::list_set_aside`] does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_left_behind(
        &self,
        owner: &str,
        held: &[NotificationId],
        limit: u32,
    ) -> Result<Vec<NotificationRecord>, StoreError> {
        self.run("list the notifications that no message carries", |connection| {
            let clock = dispatch::clock(connection)?;
            let of_others = notifications::lease_owner.is_null().or(notifications::lease_owner.ne(owner));
            let rows: Vec<NotificationRow> = notifications::table
                .filter(notifications::completed_at.is_null())
                .filter(
                    notifications::acked_at.is_not_null().or(notifications::coalescing_since.is_not_null()),
                )
                .filter(notifications::not_before.is_null().or(notifications::not_before.le(clock)))
                .filter(notifications::state.eq_any(NotificationState::OPEN))
                .filter(of_others.or(notifications::id.ne_all(held)))
                .order(notifications::id)
                .limit(limit.into())
                .select(NotificationRow::as_select())
                .load(connection)?;
            // A row with an unknown word is left to the newer worker that has written it.
            Ok(rows.into_iter().filter_map(|row| row.into_record(clock).ok()).collect())
        })
    }
}
