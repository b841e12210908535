//! The ledger's notifications: which one a message belongs to, and how it goes on. What became of each mail is
//! in `deliveries`.

use chrono::{NaiveDateTime, SubsecRound, Utc};
use diesel::dsl::max;
use diesel::prelude::*;
use diesel::result::Error;

use super::connection::AnyConnection;
use super::deliveries::delete_failed;
use super::participants::find_last_id;
use super::schema::notifications;
use super::{Store, StoreError, dialect};
use crate::domain::notification::{Identity, Kind, Notification, Request};

/// What the ledger says of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Its fan-out is to run: it is new, or was interrupted.
    Running {
        /// The notification.
        notification: Notification,
        /// Whether an earlier run had begun.
        resumed: bool,
    },
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
            Self::Running { resumed, .. } => *resumed,
            Self::Completed(_) => true,
            Self::Conflict(_) => false,
        };
        attached && identity.key().is_none()
    }
}

/// Where a notification is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Somebody may be undecided.
    Running,
    /// Everyone was decided.
    Completed,
}

impl State {
    /// The word in the ledger and in `status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
        }
    }
}

/// A notification with its life so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The notification.
    pub notification: Notification,
    /// The `message_id` of its message, when it had one.
    pub message_key: Option<String>,
    /// Where it is in its life.
    pub state: State,
    /// When its message came for the first time, UTC.
    pub received_at: NaiveDateTime,
    /// When everyone was decided, UTC.
    pub completed_at: Option<NaiveDateTime>,
    /// When the broker was known to have its message's ack, UTC.
    pub acked_at: Option<NaiveDateTime>,
}

impl Store {
    /// Finds the notification that a message belongs to, or opens a new one, in one transaction.
    ///
    /// A `message_id` decides for ever. Without one, a message is new unless the broker hints at a repetition:
    /// then it belongs to the newest notification of the same kind and event, also without a `message_id`,
    /// that is running or completed but not known to be acked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn open_notification(&self, identity: &Identity, request: Request) -> Result<Opened, StoreError> {
        self.write("open a notification", |connection| {
            let found = match identity.key() {
                Some(key) => find_by_key(connection, key)?,
                None if identity.redelivered => find_newest_not_acked(connection, request)?,
                None => None,
            };
            match found {
                Some(row) => Ok(attach(&row.try_into()?, request)),
                None => insert_notification(connection, identity.key(), request)
                    .map(|notification| Opened::Running { notification, resumed: false }),
            }
        })
    }

    /// The notification with this key, if there is one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_notification(&self, notification_id: i64) -> Result<Option<Entry>, StoreError> {
        self.run("find a notification", |connection| {
            notifications::table
                .find(notification_id)
                .select(NotificationRow::as_select())
                .first(connection)
                .optional()?
                .map(Entry::try_from)
                .transpose()
        })
    }

    /// Marks a notification as completed; one that is keeps its time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn complete_notification(&self, notification_id: i64) -> Result<(), StoreError> {
        self.write("complete a notification", |connection| {
            diesel::update(notifications::table.find(notification_id))
                .filter(notifications::state.eq(State::Running.as_str()))
                .set((
                    notifications::state.eq(State::Completed.as_str()),
                    notifications::completed_at.eq(now()),
                ))
                .execute(connection)
                .map(drop)
        })
    }

    /// Notes that the broker knows of the acks of these notifications.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn mark_acked(&self, notification_ids: &[i64]) -> Result<(), StoreError> {
        let acked_at = now();
        self.write("note that messages are acked", |connection| {
            notification_ids.iter().try_for_each(|id| {
                diesel::update(notifications::table.find(id))
                    .filter(notifications::acked_at.is_null())
                    .set(notifications::acked_at.eq(acked_at))
                    .execute(connection)
                    .map(drop)
            })
        })
    }

    /// Makes the people whose mail failed undecided again, and tells how many they are. Those who failed for a
    /// permanent reason only if `permanent_too`. The notification stays completed: a message of it that comes
    /// once more is acked as before, and whoever reopened it is the only one to send.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn reopen_failed(&self, notification_id: i64, permanent_too: bool) -> Result<usize, StoreError> {
        self.write("reopen a notification", |connection| {
            delete_failed(connection, notification_id, permanent_too)
        })
    }
}

/// UTC, to the millisecond.
pub(super) fn now() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(3)
}

/// What to do with a message whose notification is known.
fn attach(entry: &Entry, request: Request) -> Opened {
    let notification = entry.notification;
    if (notification.kind, notification.event_id) != (request.kind, request.event_id) {
        return Opened::Conflict(notification);
    }
    match entry.state {
        State::Completed => Opened::Completed(notification),
        State::Running => Opened::Running { notification, resumed: true },
    }
}

fn find_by_key(connection: &mut AnyConnection, key: &str) -> QueryResult<Option<NotificationRow>> {
    notifications::table
        .filter(notifications::message_key.eq(key))
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()
}

/// The newest one that is not known to be acked. One that is completed is in question only while none came after
/// it: that its ack was never noted must not swallow a message of some later day.
fn find_newest_not_acked(
    connection: &mut AnyConnection,
    request: Request,
) -> QueryResult<Option<NotificationRow>> {
    let newest_not_acked = nameless(request)
        .filter(notifications::acked_at.is_null())
        .order(notifications::id.desc())
        .select(NotificationRow::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = newest_not_acked else {
        return Ok(None);
    };
    let newest: Option<i64> = nameless(request).select(max(notifications::id)).first(connection)?;
    let in_question = row.state == State::Running.as_str() || newest == Some(row.id);
    Ok(in_question.then_some(row))
}

/// Those of this kind and event whose messages had no `message_id`.
#[diesel::dsl::auto_type]
fn nameless(request: Request) -> _ {
    let (event_id, kind): (i64, &'static str) = (request.event_id, request.kind.as_str());
    notifications::table
        .filter(notifications::event_id.eq(event_id))
        .filter(notifications::kind.eq(kind))
        .filter(notifications::message_key.is_null())
}

/// Freezes who is part of it. Wants a write transaction, for the key that it reads back.
fn insert_notification(
    connection: &mut AnyConnection,
    key: Option<&str>,
    request: Request,
) -> QueryResult<Notification> {
    let max_participant_id = find_last_id(connection, request.event_id)?;
    diesel::insert_into(notifications::table)
        .values((
            notifications::message_key.eq(key),
            notifications::kind.eq(request.kind.as_str()),
            notifications::event_id.eq(request.event_id),
            notifications::max_participant_id.eq(max_participant_id),
            notifications::state.eq(State::Running.as_str()),
            notifications::received_at.eq(now()),
        ))
        .execute(connection)?;
    Ok(Notification {
        id: dialect::last_inserted_id(connection)?,
        kind: request.kind,
        event_id: request.event_id,
        max_participant_id,
    })
}

/// A row of `notifications`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = notifications)]
pub(super) struct NotificationRow {
    id: i64,
    message_key: Option<String>,
    kind: String,
    event_id: i64,
    max_participant_id: i64,
    state: String,
    received_at: NaiveDateTime,
    completed_at: Option<NaiveDateTime>,
    acked_at: Option<NaiveDateTime>,
}

impl TryFrom<NotificationRow> for Entry {
    type Error = Error;

    fn try_from(row: NotificationRow) -> QueryResult<Self> {
        let unknown = |what: &str, word: &str| {
            let id = row.id;
            Error::DeserializationError(format!("notification {id} has the unknown {what} {word:?}").into())
        };
        Ok(Self {
            notification: Notification {
                id: row.id,
                kind: Kind::from_word(&row.kind).ok_or_else(|| unknown("kind", &row.kind))?,
                event_id: row.event_id,
                max_participant_id: row.max_participant_id,
            },
            state: match row.state.as_str() {
                "running" => State::Running,
                "completed" => State::Completed,
                other => return Err(unknown("state", other)),
            },
            message_key: row.message_key,
            received_at: row.received_at,
            completed_at: row.completed_at,
            acked_at: row.acked_at,
        })
    }
}
