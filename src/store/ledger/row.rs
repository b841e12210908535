//! A notification of the ledger with its state and lease as Rust types.

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::result::Error;

use crate::domain::audience::Audience;
use crate::domain::channel::ChannelName;
use crate::domain::ids::{Epoch, EventId, NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::message::details::{DetailsJson, MessageDetails};
use crate::domain::notification::Notification;
use crate::domain::priority::Priority;
use crate::store::backend::any::AnyConnection;
use crate::store::schema::notifications;

/// The state of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationState {
    /// A worker holds its message, and the fan-out has not begun.
    Waiting,
    /// Recipients may be undecided.
    Running,
    /// Every recipient had an outcome.
    Completed,
    /// Something of the application's data cannot be read, for the reason in its row. Its message is acked. Workers try it again.
    SetAside,
    /// It was closed without completing, for the reason in its row. Its message is a dead letter.
    Abandoned,
}

impl NotificationState {
    /// Every state.
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Running, Self::Completed, Self::SetAside, Self::Abandoned];

    /// The words of the states that have not ended.
    pub(crate) const OPEN: [&str; 2] = ["waiting", "running"];

    /// The words of the states in which deferred mails are tried again.
    pub(crate) const SWEPT: [&str; 2] = ["completed", "set_aside"];

    /// The words of the states in which people may be undecided, and a worker sends to them.
    pub(crate) const UNDECIDED: [&str; 3] = ["waiting", "running", "set_aside"];

    /// Whether its people may be undecided and a message of it is expected: it is waiting or running.
    #[must_use]
    pub fn is_open(self) -> bool {
        Self::OPEN.contains(&self.as_str())
    }

    /// Whether its message only needs an ack: nothing is left to be done, or the ledger has the rest of the work.
    #[must_use]
    pub fn needs_only_ack(self) -> bool {
        matches!(self, Self::Completed | Self::SetAside)
    }

    /// The word in the ledger and in `status`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::SetAside => "set_aside",
            Self::Abandoned => "abandoned",
        }
    }

    /// The state that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// The error for a word that this binary does not know. The tables forbid none (decision 0008).
pub(crate) fn unknown_word(notification_id: NotificationId, what: &str, word: &str) -> Error {
    Error::DeserializationError(
        format!(
            "notification {notification_id} has the unknown {what} {word:?}; a newer fanmail has written it, use that one"
        )
        .into(),
    )
}

/// A notification with its state and lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationRecord {
    /// The notification.
    pub notification: Notification,
    /// What its message carries beyond kind and event.
    pub details: Option<DetailsJson>,
    /// How it reaches people.
    pub channel: ChannelName,
    /// The `message_id` of its message, when it had one.
    pub message_key: Option<String>,
    /// Its state.
    pub state: NotificationState,
    /// When its message arrived for the first time, UTC.
    pub received_at: NaiveDateTime,
    /// When it was completed, UTC.
    pub completed_at: Option<NaiveDateTime>,
    /// When the broker was known to have the ack of its message, UTC.
    pub acked_at: Option<NaiveDateTime>,
    /// The number of its newest lease.
    pub epoch: Epoch,
    /// The worker that has leased it.
    pub holder: Option<Holder>,
    /// The session that holds its message, or carried it when it was acked.
    pub broker_session: Option<String>,
    /// Why it is abandoned or set aside.
    pub reason: Option<String>,
    /// When it is tried again, if it is set aside, or when it begins, if it waits for further ones of its event, UTC.
    pub not_before: Option<NaiveDateTime>,
    /// Since when it, or the first one whose place it has taken, waits for further ones of its event, UTC. The ledger has its work, and no
    /// message is expected.
    pub coalescing_since: Option<NaiveDateTime>,
    /// The newer notification that has ended it, or is about to.
    pub superseded_by: Option<NotificationId>,
}

impl NotificationRecord {
    /// The message that asks for it. The recipients of a notice are in the ledger already.
    #[must_use]
    pub fn message(&self) -> Message {
        let Notification { kind, event_id, priority, .. } = self.notification;
        let (details, priority) = (self.details.clone(), Some(priority));
        Message { kind, event_id, recipients: None, details, source: None, priority }
    }

    /// Whether it waits for further ones of its event, and no process has begun it.
    #[must_use]
    pub fn is_coalescing(&self) -> bool {
        self.coalescing_since.is_some() && self.state == NotificationState::Waiting && self.holder.is_none()
    }

    /// Whether the message asks for this notification. What it carries may be written differently when it is published again. What a
    /// route makes of a message may have changed meanwhile, and its routing key has not.
    #[must_use]
    pub fn is_asked_for_by(&self, message: &Message) -> bool {
        if let Some(source) = &message.source
            && let Ok(details) = MessageDetails::read(self.details.as_ref())
            && let Some(routing_key) = details.routing_key()
        {
            return *source.routing_key == *routing_key;
        }
        let Notification { kind, event_id, .. } = self.notification;
        (kind, event_id) == (message.kind, message.event_id)
    }
}

/// The worker that has leased a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The worker's name.
    pub owner: String,
    /// When the lease ends, by the database's clock, UTC.
    pub until: NaiveDateTime,
    /// Whether that time has passed.
    pub expired: bool,
}

/// A row of `notifications`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = notifications)]
pub(crate) struct NotificationRow {
    pub(crate) id: NotificationId,
    message_key: Option<String>,
    channel: String,
    kind: String,
    event_id: Option<i64>,
    event_key: Option<String>,
    audience: String,
    max_participant_id: ParticipantId,
    priority: i32,
    content: Option<String>,
    pub(crate) state: String,
    received_at: NaiveDateTime,
    completed_at: Option<NaiveDateTime>,
    acked_at: Option<NaiveDateTime>,
    lease_owner: Option<String>,
    lease_until: Option<NaiveDateTime>,
    epoch: Epoch,
    pub(crate) broker_session: Option<String>,
    pub(crate) delivery_tag: Option<i64>,
    pub(crate) delivered_at: Option<NaiveDateTime>,
    reason: Option<String>,
    not_before: Option<NaiveDateTime>,
    superseded_by: Option<NotificationId>,
    coalescing_since: Option<NaiveDateTime>,
}

impl NotificationRow {
    /// `None` when its word is unknown. No message opens a row about an event without its key; its people are taken for ones who have left.
    fn audience(&self, event_id: Option<EventId>) -> Option<Audience> {
        let id = event_id.unwrap_or(EventId::Number(i64::MIN));
        let given = Audience::Given { count: self.max_participant_id.0 };
        let known =
            [Audience::Event { id, up_to: self.max_participant_id }, Audience::Recipients { id }, given];
        known.into_iter().find(|audience| audience.as_str() == self.audience)
    }

    /// The record at the database's time `clock`.
    ///
    /// # Errors
    /// When a word in it is unknown.
    pub(crate) fn into_record(self, clock: NaiveDateTime) -> QueryResult<NotificationRecord> {
        let row = self;
        let unknown = |what: &str, word: &str| unknown_word(row.id, what, word);
        let event_id =
            event_id_of(row.event_id, row.event_key.as_deref()).map_err(|key| unknown("event", &key))?;
        Ok(NotificationRecord {
            notification: Notification {
                id: row.id,
                kind: Kind::from_word(&row.kind).ok_or_else(|| unknown("kind", &row.kind))?,
                event_id,
                audience: row.audience(event_id).ok_or_else(|| unknown("audience", &row.audience))?,
                priority: Priority::from_number(row.priority),
            },
            details: row.content.as_deref().map(DetailsJson::from_ledger),
            channel: ChannelName::from_word(&row.channel).ok_or_else(|| unknown("channel", &row.channel))?,
            state: NotificationState::from_word(&row.state).ok_or_else(|| unknown("state", &row.state))?,
            message_key: row.message_key,
            received_at: row.received_at,
            completed_at: row.completed_at,
            acked_at: row.acked_at,
            epoch: row.epoch,
            broker_session: row.broker_session,
            reason: row.reason,
            not_before: row.not_before,
            superseded_by: row.superseded_by,
            coalescing_since: row.coalescing_since,
            holder: row.lease_owner.zip(row.lease_until).map(|(owner, until)| Holder {
                owner,
                until,
                expired: until <= clock,
            }),
        })
    }
}

/// The event of the columns `event_id` and `event_key`, of which at most one has a value. An error is a text that is no key.
fn event_id_of(event_id: Option<i64>, event_key: Option<&str>) -> Result<Option<EventId>, String> {
    match (event_id, event_key) {
        (Some(id), _) => Ok(Some(EventId::Number(id))),
        (None, Some(key)) => EventId::from_text(key).map(Some).map_err(|_| key.to_owned()),
        (None, None) => Ok(None),
    }
}

/// The event of a notification; `None` when it is not about one, or does not exist.
pub(crate) fn find_event_id(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
) -> QueryResult<Option<EventId>> {
    let columns: Option<(Option<i64>, Option<String>)> = notifications::table
        .find(notification_id)
        .select((notifications::event_id, notifications::event_key))
        .first(connection)
        .optional()?;
    let (event_id, event_key) = columns.unwrap_or_default();
    event_id_of(event_id, event_key.as_deref()).map_err(|key| unknown_word(notification_id, "event", &key))
}
