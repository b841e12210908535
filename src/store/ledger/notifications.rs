//! The notifications of the ledger: how one is found by its key, and reopened. Opening is left to `opening`, completing to
//! `completion`, what became of each mail to `deliveries`.

use std::collections::HashSet;

use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deliveries::{delete_dry_run, delete_failed};
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::notifications;
use crate::store::source::event_keys::EventKeys;
use crate::store::source::participants::{find_last_id, find_page_ids};

impl Store {
    /// The notification with this key, if it exists.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_notification(
        &self,
        notification_id: NotificationId,
    ) -> Result<Option<NotificationRecord>, StoreError> {
        self.run("find a notification", |connection| find_record(connection, notification_id))
    }

    /// Deletes the outcomes `failed`, so that these participants are undecided again, and returns their number. Permanent
    /// failures are included if `permanent_too`. The notification stays completed: its message is acked as before if it
    /// comes once more, and only the holder of the lease sends.
    ///
    /// `None` when the lease is not valid any more; then nothing has changed.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn reopen_failed(&self, lease: Lease, permanent_too: bool) -> Result<Option<usize>, StoreError> {
        self.reopen(lease, |connection| delete_failed(connection, lease.notification_id, permanent_too))
    }

    /// The same for the outcomes of dry-run mode: these participants got no mail.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn reopen_dry_run(&self, lease: Lease) -> Result<Option<usize>, StoreError> {
        self.reopen(lease, |connection| delete_dry_run(connection, lease.notification_id))
    }

    /// Deletes outcomes if the lease is valid, and returns their number.
    fn reopen(
        &self,
        lease: Lease,
        delete: impl Fn(&mut AnyConnection) -> QueryResult<usize>,
    ) -> Result<Option<usize>, StoreError> {
        self.write("reopen a notification", |connection| {
            if dispatch::lock_notifications(connection, &[lease.notification_id])? != [lease] {
                return Ok(None);
            }
            delete(connection).map(Some)
        })
    }
}

fn find_record(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
) -> QueryResult<Option<NotificationRecord>> {
    let clock = dispatch::clock(connection)?;
    notifications::table
        .find(notification_id)
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()?
        .map(|row: NotificationRow| row.into_record(clock))
        .transpose()
}

/// The notification whose newest lease is `lease`, which nothing else can change until the transaction ends. Its audience is
/// frozen now, unless its event had participants when it was opened; the caller writes that down.
pub(crate) fn lock_and_freeze(
    connection: &mut AnyConnection,
    keys: &EventKeys,
    lease: Lease,
) -> QueryResult<Option<NotificationRecord>> {
    if dispatch::lock_notifications(connection, &[lease.notification_id])? != [lease] {
        return Ok(None);
    }
    let Some(mut record) = find_record(connection, lease.notification_id)? else { return Ok(None) };
    let Audience::Event { id, up_to } = record.notification.audience;
    let may_have_been_empty =
        !record.notification.audience.is_frozen() && record.notification.event_id.is_some();
    let event = keys.in_participants(id);
    if may_have_been_empty && find_page_ids(connection, event, None, up_to, 1)?.is_empty() {
        record.notification.audience = Audience::Event { id, up_to: find_last_id(connection, event)? };
    }
    Ok(Some(record))
}

/// Those of the notifications that are completed.
pub(crate) fn find_completed(
    connection: &mut AnyConnection,
    ids: &[NotificationId],
) -> QueryResult<HashSet<NotificationId>> {
    notifications::table
        .filter(notifications::id.eq_any(ids))
        .filter(notifications::state.eq(NotificationState::Completed.as_str()))
        .select(notifications::id)
        .load_iter(connection)?
        .collect()
}
