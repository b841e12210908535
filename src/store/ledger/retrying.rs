//! What `fanmail retry` does to an abandoned notification. It stays abandoned until everyone is decided, so that an
//! interrupted retry leaves it as it was. The same holds for one that is set aside, see `set_aside`. Reopening outcomes is left to `notifications`, leases to `leases`.

use diesel::prelude::*;

use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::backend::clock::DatabaseTime;
use crate::store::error::StoreError;
use crate::store::ledger::leases::no_lease;
use crate::store::ledger::notifications::lock_and_freeze;
use crate::store::ledger::row::NotificationState;
use crate::store::schema::notifications;

impl Store {
    /// Freezes the audience of a notification that is abandoned or set aside, unless its event had participants when it was
    /// opened. Returns it as it is now; `None` when the lease is not valid any more, or when it is in another state by now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn freeze_audience(&self, lease: Lease) -> Result<Option<Notification>, StoreError> {
        let keys = self.app_keys()?;
        self.write("freeze the audience of a notification", |connection| {
            let Some(record) = lock_and_freeze(connection, keys, lease)? else { return Ok(None) };
            if !matches!(record.state, NotificationState::Abandoned | NotificationState::SetAside) {
                return Ok(None);
            }
            Ok(Some(record.notification))
        })
    }

    /// Marks an abandoned notification as completed and ends its lease. `false` when the lease is not valid any more; then
    /// nothing has changed. May be repeated when the reply was lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn complete_abandoned(&self, lease: Lease) -> Result<bool, StoreError> {
        self.write("complete an abandoned notification", |connection| {
            let leased =
                notifications::table.find(lease.notification_id).filter(notifications::epoch.eq(lease.epoch));
            let abandoned = leased.filter(notifications::state.eq(NotificationState::Abandoned.as_str()));
            let completed = diesel::update(abandoned)
                .set((
                    notifications::state.eq(NotificationState::Completed.as_str()),
                    notifications::reason.eq(None::<String>),
                    notifications::completed_at.eq(DatabaseTime::now().nullable()),
                    no_lease(),
                ))
                .execute(connection)?;
            let is_completed = leased.filter(notifications::state.eq(NotificationState::Completed.as_str()));
            Ok(completed > 0 || is_completed.count().get_result::<i64>(connection)? > 0)
        })
    }
}
