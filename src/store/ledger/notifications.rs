//! The notifications of the ledger: how one is found by its key, and reopened. Opening is left to `opening`, completing to
//! `completion`, what became of each mail to `deliveries`.

use std::collections::HashSet;

use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deliveries::{delete_dry_run, delete_failed};
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::notifications;
use crate::store::source::keys::{AppKeys, ParticipantKeys};
use crate::store::source::participants::{find_audience, find_page_ids};

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
    pub(crate) fn reopen(
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
/// frozen now, unless its event had participants when it was opened. Needs a write transaction.
pub(crate) fn lock_and_freeze(
    connection: &mut AnyConnection,
    keys: AppKeys,
    lease: Lease,
) -> QueryResult<Option<NotificationRecord>> {
    if dispatch::lock_notifications(connection, &[lease.notification_id])? != [lease] {
        return Ok(None);
    }
    let Some(mut record) = find_record(connection, lease.notification_id)? else { return Ok(None) };
    if let Audience::Event { id, up_to } = record.notification.audience
        && !record.notification.audience.is_frozen()
        && record.notification.event_id.is_some()
        && is_empty_up_to(connection, keys, id, up_to)?
    {
        let audience = find_audience(connection, keys, id)?;
        diesel::update(notifications::table.find(record.notification.id))
            .set((
                notifications::audience.eq(audience.as_str()),
                notifications::max_participant_id.eq(audience.end()),
            ))
            .execute(connection)?;
        record.notification.audience = audience;
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

/// Whether the event has no participant with a key up to this one. Keys that are text are none.
fn is_empty_up_to(
    connection: &mut AnyConnection,
    keys: AppKeys,
    event_id: EventId,
    up_to: ParticipantId,
) -> QueryResult<bool> {
    if matches!(keys.participants, ParticipantKeys::Texts(_)) {
        return Ok(true);
    }
    Ok(find_page_ids(connection, keys.events.in_participants(event_id), None, up_to, 1)?.is_empty())
}
