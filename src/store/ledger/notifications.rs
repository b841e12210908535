//! The notifications of the ledger: how they are opened, completed and reopened. Which notification a message belongs to is
//! left to `identity`, what became of each mail to `deliveries`.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::channel::ChannelName;
use crate::domain::ids::{Epoch, NotificationId};
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::DatabaseTime;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deliveries::delete_failed;
use crate::store::ledger::leases::{self, LeaseRequest};
use crate::store::ledger::old_identity::find_of_message;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::notifications;
use crate::store::source::participants::find_last_id;

/// What a message turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// A notification that this worker has leased: it is new, or was interrupted.
    Ours {
        /// The notification.
        notification: Notification,
        /// The lease of this worker.
        lease: Lease,
        /// Whether an earlier fan-out had begun.
        resumed: bool,
    },
    /// A notification that another worker has leased.
    Elsewhere(Notification),
    /// A completed notification: the message only needs an ack.
    Completed(Notification),
    /// Its `message_id` belongs to a notification that asks for something else.
    Conflict(Notification),
}

impl Opened {
    /// Whether only the broker's redelivered flag has attached the message to a notification.
    #[must_use]
    pub fn decided_by_redelivered_flag(&self, identity: &Identity) -> bool {
        let attached = match self {
            Self::Ours { resumed, .. } => *resumed,
            Self::Elsewhere(_) | Self::Completed(_) => true,
            Self::Conflict(_) => false,
        };
        attached && identity.redelivered && identity.key().is_none()
    }
}

impl Store {
    /// Finds the notification that a message belongs to (see `identity`), or opens a new one, in one transaction. A
    /// running notification without a lease is leased as `lease_request` says.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn open_notification(
        &self,
        identity: &Identity,
        message: Message,
        lease_request: &LeaseRequest,
    ) -> Result<Opened, StoreError> {
        self.write("open a notification", |connection| {
            match find_of_message(connection, identity, message, &lease_request.owner)? {
                Some(row) => {
                    let clock = dispatch::clock(connection)?;
                    attach(connection, &row.into_record(clock)?, message, lease_request)
                }
                None => insert_notification(connection, identity.key(), message, lease_request),
            }
        })
    }

    /// The notification with this key, if it exists.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_notification(
        &self,
        notification_id: NotificationId,
    ) -> Result<Option<NotificationRecord>, StoreError> {
        self.run("find a notification", |connection| {
            let clock = dispatch::clock(connection)?;
            notifications::table
                .find(notification_id)
                .select(NotificationRow::as_select())
                .first(connection)
                .optional()?
                .map(|row: NotificationRow| row.into_record(clock))
                .transpose()
        })
    }

    /// Marks a notification as completed and ends its lease. One that is completed already keeps its time. `false` when the
    /// lease is not valid any more; then nothing has changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn complete_notification(&self, lease: Lease) -> Result<bool, StoreError> {
        self.write_once("complete a notification", |connection| {
            let leased =
                notifications::table.find(lease.notification_id).filter(notifications::epoch.eq(lease.epoch));
            let completed = diesel::update(leased)
                .filter(notifications::state.eq(NotificationState::Running.as_str()))
                .set((
                    notifications::state.eq(NotificationState::Completed.as_str()),
                    notifications::completed_at.eq(DatabaseTime::now().nullable()),
                    notifications::lease_owner.eq(None::<String>),
                    notifications::lease_until.eq(None::<NaiveDateTime>),
                ))
                .execute(connection)?;
            // It is completed already if the reply to the first try was lost.
            Ok(completed > 0 || leased.count().get_result(connection).map(|found: i64| found > 0)?)
        })
    }

    /// Records that the broker has the acks of these notifications.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn mark_acked(&self, notification_ids: &[NotificationId]) -> Result<(), StoreError> {
        let acked_at = DatabaseTime::now();
        // Every transaction that locks several notifications does so in key order.
        let mut notification_ids = notification_ids.to_vec();
        notification_ids.sort_unstable();
        self.write("record that messages are acked", |connection| {
            notification_ids.iter().try_for_each(|id| {
                diesel::update(notifications::table.find(id))
                    .filter(notifications::acked_at.is_null())
                    .set(notifications::acked_at.eq(acked_at.nullable()))
                    .execute(connection)
                    .map(drop)
            })
        })
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
        let id = lease.notification_id;
        self.write("reopen a notification", |connection| {
            if dispatch::lock_notifications(connection, &[id])? != [lease] {
                return Ok(None);
            }
            delete_failed(connection, id, permanent_too).map(Some)
        })
    }
}

/// What to do with a message whose notification exists.
fn attach(
    connection: &mut AnyConnection,
    record: &NotificationRecord,
    message: Message,
    lease_request: &LeaseRequest,
) -> QueryResult<Opened> {
    let notification = record.notification;
    if (notification.kind, notification.event_id) != (message.kind, Some(message.event_id)) {
        return Ok(Opened::Conflict(notification));
    }
    if record.state == NotificationState::Completed {
        return Ok(Opened::Completed(notification));
    }
    let until = match &record.holder {
        // Only time shows whether the holder is still alive.
        Some(holder) if holder.owner != lease_request.owner => return Ok(Opened::Elsewhere(notification)),
        holder => holder.as_ref().map(|holder| holder.until),
    };
    let seen = Lease { notification_id: notification.id, epoch: record.epoch };
    Ok(match leases::compare_and_set(connection, seen, until, lease_request)? {
        Some(lease) => Opened::Ours { notification, lease, resumed: true },
        None => Opened::Elsewhere(notification),
    })
}

/// Freezes the audience. Needs a write transaction, for the key that it reads back.
fn insert_notification(
    connection: &mut AnyConnection,
    key: Option<&str>,
    message: Message,
    lease_request: &LeaseRequest,
) -> QueryResult<Opened> {
    let up_to = find_last_id(connection, message.event_id)?;
    let audience = Audience::Event { id: message.event_id, up_to };
    let (epoch, until) = (Epoch::FIRST, lease_request.until(connection)?);
    diesel::insert_into(notifications::table)
        .values((
            notifications::message_key.eq(key),
            notifications::channel.eq(ChannelName::Email.as_str()),
            notifications::audience.eq(audience.as_str()),
            notifications::kind.eq(message.kind.as_str()),
            notifications::event_id.eq(message.event_id),
            notifications::max_participant_id.eq(up_to),
            notifications::state.eq(NotificationState::Running.as_str()),
            notifications::received_at.eq(DatabaseTime::now()),
            notifications::lease_owner.eq(&lease_request.owner),
            notifications::lease_until.eq(until),
            notifications::epoch.eq(epoch),
        ))
        .execute(connection)?;
    let id = dispatch::last_inserted_id(connection)?;
    let Message { kind, event_id } = message;
    Ok(Opened::Ours {
        notification: Notification { id, kind, event_id: Some(event_id), audience },
        lease: Lease { notification_id: id, epoch },
        resumed: false,
    })
}
