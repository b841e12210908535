//! Opening notifications that no message of the broker carries. There is nothing to ack, so their acks count as recorded from the
//! first moment, and if their worker dies, the ledger alone tells that they are to be sent: `set_aside_sweep` finds them. Where they
//! come from is left to the caller.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::config::coalesce::Coalescing;
use crate::domain::audience::Audience;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::DatabaseTime;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::attach::Attachment;
use crate::store::ledger::opening::coalesce::{Waits, coalesce};
use crate::store::ledger::opening::insert::{audience_of, list_given, row_of};
use crate::store::ledger::opening::row::NewNotification;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::notifications;
use crate::store::source::keys::AppKeys;
use crate::store::source::participants::find_audiences;

/// A notification that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What it says.
    pub message: Message,
    /// Names it for ever, as the `message_id` of a message does. Not empty.
    pub key: String,
    /// Whether its fan-out is expected to begin at once. Else it is opened as waiting.
    pub starts_at_once: bool,
}

/// What a wanted notification turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedWanted {
    /// This call has leased it.
    Ours {
        /// The notification.
        notification: Notification,
        /// The lease of this worker.
        lease: Lease,
        /// Whether an earlier fan-out may have begun: it was abandoned.
        resumed: bool,
        /// Whether its state is running and its audience is frozen, so that it need not be started.
        started: bool,
    },
    /// It waits for further ones of its event, and any worker begins it.
    LeftToLedger {
        /// The notification.
        notification: Notification,
        /// For how long it waits.
        waits: Waits,
    },
    /// The ledger has it already, and it is sent or was.
    Known(Notification),
    /// Its key belongs to a notification that says something else.
    Conflict(Notification),
}

/// What is done about the audiences of new notifications. An error over the rows of a result may leave a connection of `MariaDB`
/// useless, so that one that cannot be read is not tried in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audiences {
    /// They are read and frozen.
    Read,
    /// They cannot be read, and are frozen when each notification begins.
    Leave,
}

/// The notification with a key.
enum KeyOwner {
    Known(Box<NotificationRecord>),
    NewOf(usize),
}

impl Store {
    /// Opens the wanted notifications in one transaction, and leases them for the owner of `lease_request`. One result for each of
    /// them, in their order.
    ///
    /// # Errors
    /// When the database does not answer, or the participants of an event cannot be read; then none is opened, or only the reply to
    /// the commit was lost. May be repeated: those that were opened are `Known` then, and the sweep finds them.
    pub fn open_wanted(
        &self,
        wanted: &[Wanted],
        audiences: Audiences,
        lease_request: &LeaseRequest,
    ) -> Result<Vec<OpenedWanted>, StoreError> {
        let keys = (self.app_keys()?, self.coalescing);
        self.write("open notifications", |connection| {
            open(connection, keys, wanted, lease_request, audiences)
        })
    }
}

/// The same as [`Store::open_wanted`] in a write transaction of the caller.
pub(crate) fn open(
    connection: &mut AnyConnection,
    (keys, coalescing): (AppKeys, Option<Coalescing>),
    wanted: &[Wanted],
    lease_request: &LeaseRequest,
    audiences: Audiences,
) -> QueryResult<Vec<OpenedWanted>> {
    let clock = dispatch::clock(connection)?;
    let until = lease_request.until_from(clock);
    let attachment = Attachment { owner: &lease_request.owner, clock, until, keys, coalescing };
    let mut owners = find_by_keys(connection, wanted, &attachment)?;
    let mut opened: Vec<Option<OpenedWanted>> = Vec::with_capacity(wanted.len());
    let mut new = Vec::new();
    for (index, one) in wanted.iter().enumerate() {
        opened.push(match owners.get(one.key.as_str()) {
            Some(KeyOwner::Known(record)) => Some(attachment.open_known(connection, record, one)?),
            Some(KeyOwner::NewOf(_)) => None,
            None => {
                owners.insert(one.key.clone(), KeyOwner::NewOf(index));
                new.push(index);
                None
            }
        });
    }
    insert(connection, wanted, &new, &attachment, audiences, &mut opened)?;
    Ok(wanted
        .iter()
        .zip(0..)
        .filter_map(|(one, index)| match owners.get(one.key.as_str()) {
            Some(KeyOwner::NewOf(first)) if *first != index => {
                copy_of(opened[*first].as_ref()?, wanted[*first].message.asks_for_same(&one.message))
            }
            _ => opened[index].clone(),
        })
        .collect())
}

/// Those of the keys that notifications have, also ended ones.
pub(crate) fn find_known_keys(
    connection: &mut AnyConnection,
    keys: &[String],
) -> QueryResult<HashSet<String>> {
    /// Keys in one statement.
    const AT_ONCE: usize = 500;
    let mut known = HashSet::new();
    for keys in keys.chunks(AT_ONCE) {
        let found: Vec<Option<String>> = notifications::table
            .filter(notifications::message_key.eq_any(keys))
            .select(notifications::message_key)
            .load(connection)?;
        known.extend(found.into_iter().flatten());
    }
    Ok(known)
}

fn find_by_keys(
    connection: &mut AnyConnection,
    wanted: &[Wanted],
    attachment: &Attachment<'_>,
) -> QueryResult<HashMap<String, KeyOwner>> {
    let rows: Vec<NotificationRow> = notifications::table
        .filter(notifications::message_key.eq_any(wanted.iter().map(|one| one.key.as_str())))
        .select(NotificationRow::as_select())
        .load(connection)?;
    let owner = |row: NotificationRow| -> QueryResult<Option<(String, KeyOwner)>> {
        let record = row.into_record(attachment.clock)?;
        Ok(record.message_key.clone().map(|key| (key, KeyOwner::Known(Box::new(record)))))
    };
    rows.into_iter().filter_map(|row| owner(row).transpose()).collect()
}

/// What a wanted notification turns out to be whose key an earlier one of the same call has.
fn copy_of(first: &OpenedWanted, is_same: bool) -> Option<OpenedWanted> {
    let (OpenedWanted::Ours { notification, .. } | OpenedWanted::LeftToLedger { notification, .. }) = first
    else {
        return None;
    };
    Some(if is_same { OpenedWanted::Known(*notification) } else { OpenedWanted::Conflict(*notification) })
}

impl Attachment<'_> {
    /// An abandoned one is sent after all, as if its message were published again.
    fn open_known(
        &self,
        connection: &mut AnyConnection,
        record: &NotificationRecord,
        wanted: &Wanted,
    ) -> QueryResult<OpenedWanted> {
        let notification = record.notification;
        if !record.is_asked_for_by(&wanted.message) {
            return Ok(OpenedWanted::Conflict(notification));
        }
        if record.state != NotificationState::Abandoned || record.holder.is_some() {
            return Ok(OpenedWanted::Known(notification));
        }
        let epoch = record.epoch.next();
        let as_it_was_read = notifications::table
            .find(notification.id)
            .filter(notifications::epoch.eq(record.epoch))
            .filter(notifications::state.eq(NotificationState::Abandoned.as_str()));
        let reopened = diesel::update(as_it_was_read)
            .set((
                notifications::state.eq(NotificationState::Waiting.as_str()),
                notifications::completed_at.eq(None::<chrono::NaiveDateTime>),
                notifications::reason.eq(None::<String>),
                notifications::acked_at.eq(self.clock),
                notifications::lease_owner.eq(self.owner),
                notifications::lease_until.eq(self.until),
                notifications::epoch.eq(epoch),
            ))
            .execute(connection)?;
        Ok(if reopened == 0 {
            OpenedWanted::Known(notification)
        } else {
            let lease = Lease { notification_id: notification.id, epoch };
            OpenedWanted::Ours { notification, lease, resumed: true, started: false }
        })
    }
}

/// Inserts notifications for the wanted ones with the indices `new`, and freezes their audiences.
fn insert(
    connection: &mut AnyConnection,
    wanted: &[Wanted],
    new: &[usize],
    attachment: &Attachment<'_>,
    audiences: Audiences,
    opened: &mut [Option<OpenedWanted>],
) -> QueryResult<()> {
    if new.is_empty() {
        return Ok(());
    }
    let events: Vec<EventId> = new.iter().filter_map(|index| wanted[*index].message.event_id).collect();
    let audiences = match audiences {
        Audiences::Read => find_audiences(connection, attachment.keys, &events)?,
        Audiences::Leave => HashMap::new(),
    };
    let received_at = DatabaseTime::now();
    let rows: Vec<NewNotification<'_>> = new
        .iter()
        .map(|index| {
            let one = &wanted[*index];
            let audience = audience_of(&one.message, &audiences);
            NewNotification {
                acked_at: Some(attachment.clock),
                ..row_of(&one.message, Some(&one.key), audience, one.starts_at_once, attachment, received_at)
            }
        })
        .collect();
    let ids = dispatch::insert_notifications(connection, &rows)?;
    list_given(connection, ids.iter().copied().zip(new.iter().map(|index| &wanted[*index].message)))?;
    let messages = ids.iter().copied().zip(new.iter().map(|index| &wanted[*index].message));
    let mut waiting = coalesce(connection, attachment.coalescing, attachment.clock, messages)?;
    for ((index, row), id) in new.iter().zip(&rows).zip(ids) {
        let audience = audience_of(&wanted[*index].message, &audiences);
        let new = opened_new(&wanted[*index], row, audience, id);
        opened[*index] = Some(match (waiting.remove(&id), new) {
            (Some(waits), OpenedWanted::Ours { notification, .. }) => {
                OpenedWanted::LeftToLedger { notification, waits }
            }
            (_, new) => new,
        });
    }
    Ok(())
}

fn opened_new(
    wanted: &Wanted,
    row: &NewNotification<'_>,
    audience: Audience,
    id: NotificationId,
) -> OpenedWanted {
    let Message { kind, event_id, priority, .. } = wanted.message;
    OpenedWanted::Ours {
        notification: Notification { id, kind, event_id, audience, priority: priority.unwrap_or_default() },
        lease: Lease { notification_id: id, epoch: row.epoch },
        resumed: false,
        started: wanted.starts_at_once && audience.is_frozen(),
    }
}
