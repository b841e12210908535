//! The ledger's notifications: which one a message belongs to, and how it goes on. What became of each mail is
//! in `deliveries`.

use chrono::NaiveDateTime;
use diesel::dsl::{max, not};
use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::channel::Channel;
use crate::domain::ids::{Epoch, EventId, NotificationId};
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
use crate::store::ledger::leases;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::notifications;
use crate::store::source::participants::find_last_id;

/// What the ledger says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Its fan-out is ours: it is new, or was interrupted.
    Ours {
        /// The notification.
        notification: Notification,
        /// Our right to work at it.
        lease: Lease,
        /// Whether an earlier run had begun.
        resumed: bool,
    },
    /// Another worker has its lease.
    Elsewhere(Notification),
    /// All its people were decided before: it only wants an ack.
    Completed(Notification),
    /// Its `message_id` belongs to a notification that asks for something else.
    Conflict(Notification),
}

impl Opened {
    /// Whether the message was attached to a notification by the broker's hint alone, for the one that
    /// counts how often that decides.
    #[must_use]
    pub fn by_hint(&self, identity: &Identity) -> bool {
        let attached = match self {
            Self::Ours { resumed, .. } => *resumed,
            Self::Elsewhere(_) | Self::Completed(_) => true,
            Self::Conflict(_) => false,
        };
        attached && identity.redelivered && identity.key().is_none()
    }
}

impl Store {
    /// Finds the notification that a message belongs to, or opens a new one, in one transaction. One that is
    /// running and that nobody works at is leased to `lease_request`.
    ///
    /// A `message_id` decides for ever. Without one, a message is new unless the broker hints at a repetition:
    /// then it belongs to the newest notification of the same kind and event, also without a `message_id`,
    /// that is running or completed but not known to be acked.
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
            let found = match identity.key() {
                Some(key) => find_by_key(connection, key)?,
                None if identity.redelivered => find_newest_not_acked(connection, message)?,
                None => find_lost_insert(connection, message, lease_request)?,
            };
            match found {
                Some(row) => {
                    let clock = dispatch::clock(connection)?;
                    attach(connection, &row.into_entry(clock)?, message, lease_request)
                }
                None => insert_notification(connection, identity.key(), message, lease_request),
            }
        })
    }

    /// The notification with this key, if there is one.
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
                .map(|row: NotificationRow| row.into_entry(clock))
                .transpose()
        })
    }

    /// Marks a notification as completed and gives up its lease; one that is completed keeps its time. `false`
    /// when the lease is not valid any more: then nothing has changed.
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
            // It was completed already when the answer to the first try was lost.
            Ok(completed > 0 || leased.count().get_result(connection).map(|found: i64| found > 0)?)
        })
    }

    /// Notes that the broker knows of the acks of these notifications.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn mark_acked(&self, notification_ids: &[NotificationId]) -> Result<(), StoreError> {
        let acked_at = DatabaseTime::now();
        // In the order of all who lock several notifications.
        let mut notification_ids = notification_ids.to_vec();
        notification_ids.sort_unstable();
        self.write("note that messages are acked", |connection| {
            notification_ids.iter().try_for_each(|id| {
                diesel::update(notifications::table.find(id))
                    .filter(notifications::acked_at.is_null())
                    .set(notifications::acked_at.eq(acked_at.nullable()))
                    .execute(connection)
                    .map(drop)
            })
        })
    }

    /// Makes the people whose mail failed undecided again, and tells how many they are. Those who failed for a
    /// permanent reason only if `permanent_too`. The notification stays completed: a message of it that comes
    /// once more is acked as before, and whoever has the lease is the only one to send.
    ///
    /// `None` when the lease is not valid any more: then nothing has changed.
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

/// What to do with a message whose notification is known.
fn attach(
    connection: &mut AnyConnection,
    entry: &NotificationRecord,
    message: Message,
    lease_request: &LeaseRequest,
) -> QueryResult<Opened> {
    let notification = entry.notification;
    if (notification.kind, notification.event_id) != (message.kind, Some(message.event_id)) {
        return Ok(Opened::Conflict(notification));
    }
    if entry.state == NotificationState::Completed {
        return Ok(Opened::Completed(notification));
    }
    let until = match &entry.holder {
        // Whether the holder is still there, only time tells.
        Some(holder) if holder.owner != lease_request.owner => return Ok(Opened::Elsewhere(notification)),
        holder => holder.as_ref().map(|holder| holder.until),
    };
    let seen = Lease { notification_id: notification.id, epoch: entry.epoch };
    Ok(match leases::take(connection, seen, until, lease_request)? {
        Some(lease) => Opened::Ours { notification, lease, resumed: true },
        None => Opened::Elsewhere(notification),
    })
}

fn find_by_key(connection: &mut AnyConnection, key: &str) -> QueryResult<Option<NotificationRow>> {
    notifications::table
        .filter(notifications::message_key.eq(key))
        .filter(notifications::channel.eq(Channel::Email.as_str()))
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()
}

/// The newest one that is not known to be acked. One that is completed is in question only while none came after
/// it: that its ack was never noted must not swallow a message of some later day.
fn find_newest_not_acked(
    connection: &mut AnyConnection,
    message: Message,
) -> QueryResult<Option<NotificationRow>> {
    let newest_not_acked = without_message_id(message)
        .filter(notifications::acked_at.is_null())
        .order(notifications::id.desc())
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = newest_not_acked else {
        return Ok(None);
    };
    let newest: Option<NotificationId> =
        without_message_id(message).select(max(notifications::id)).first(connection)?;
    let in_question = row.state == NotificationState::Running.as_str() || newest == Some(row.id);
    Ok(in_question.then_some(row))
}

/// One that this worker has opened without knowing: the commit's answer was lost, and the question asked again. A worker
/// sends one notification of an event at a time, so one that it has and that still runs can be nothing else.
fn find_lost_insert(
    connection: &mut AnyConnection,
    message: Message,
    lease_request: &LeaseRequest,
) -> QueryResult<Option<NotificationRow>> {
    without_message_id(message)
        .filter(notifications::state.eq(NotificationState::Running.as_str()))
        .filter(notifications::lease_owner.eq(&lease_request.owner))
        .order(notifications::id.desc())
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()
}

/// Those of this kind and event whose messages had no `message_id`. Written so that SQLite finds them by the event: to it
/// `message_key IS NULL` promises one row, as any key does, and it would go through all that have none (2 ms at 5,000).
#[diesel::dsl::auto_type]
pub(crate) fn without_message_id(message: Message) -> _ {
    let (event_id, kind): (EventId, &'static str) = (message.event_id, message.kind.as_str());
    let channel: &'static str = Channel::Email.as_str();
    notifications::table
        .filter(notifications::event_id.eq(event_id))
        .filter(notifications::kind.eq(kind))
        .filter(notifications::channel.eq(channel))
        .filter(not(notifications::message_key.is_not_null()))
}

/// Freezes who is part of it. Wants a write transaction, for the key that it reads back.
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
            notifications::channel.eq(Channel::Email.as_str()),
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
