//! The events as notifications have shown them. Each is written together with the first outcomes of its notification (`batch`), and
//! never changed. What is in one is left to `domain::event_snapshot`, what follows from it to the worker.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::domain::outcome::Status;
use crate::store::Store;
use crate::store::backend::any::{AnyConnection, MultiBackend};
use crate::store::backend::insert_parts::insert_parts;
use crate::store::backend::snapshots;
use crate::store::error::StoreError;
use crate::store::ledger::deliveries::is_real;
use crate::store::ledger::snapshots::row::NewSnapshot;
use crate::store::ledger::tally::of_event;
use crate::store::schema::{deliveries, notifications, recipients};

pub mod row;

/// How many notifications of an event are looked at for people who did not get the last one.
const LOOKED_AT: i64 = 100;

/// The notification about an event whose mails people got last, before another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierNotification {
    /// Its key.
    pub id: NotificationId,
    /// What happened to the event.
    pub kind: Kind,
    /// Who it was for.
    pub audience: Audience,
    /// The event as it was then. `None` if the ledger has nothing that can be read.
    pub snapshot: Option<EventSnapshot>,
}

/// The notifications that tell something of this event. Kinds are compared one by one, and not with a list, for which every query would
/// be prepared anew.
fn about<'a>(event_id: EventId) -> notifications::BoxedQuery<'a, MultiBackend> {
    let [created, updated, cancelled, reminder] =
        Kind::OF_EVENTS.map(|kind| notifications::kind.eq(kind.as_str()));
    of_event(Some(event_id)).filter(created.or(updated).or(cancelled).or(reminder))
}

/// The outcomes of mails that arrived, as far as is known. Those of dry-run mode did not go out.
#[diesel::dsl::auto_type]
pub(crate) fn got_mail() -> _ {
    let sent: &'static str = Status::Sent.as_str();
    let complained: &'static str = Status::Complained.as_str();
    deliveries::status.eq(sent).or(deliveries::status.eq(complained)).and(is_real())
}

impl Store {
    /// What a notification that has begun shows: its own snapshot, or that of a later notification of its event, as people who have
    /// got that one are not to get older facts behind it. `None` if it has none of its own. An error in place of one that cannot be
    /// read, which another version may have written.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_snapshot(
        &self,
        notification: &Notification,
    ) -> Result<Option<Result<EventSnapshot, String>>, StoreError> {
        let Some(event_id) = notification.event_id else { return Ok(None) };
        let json: Option<String> = self.run("read the snapshot of an event", |connection| {
            let own: Option<Option<String>> = notifications::table
                .find(notification.id)
                .select(notifications::event_snapshot)
                .first(connection)
                .optional()?;
            let Some(own) = own.flatten() else { return Ok(None) };
            let later: Option<Option<String>> = about(event_id)
                .filter(notifications::id.gt(notification.id))
                .filter(notifications::event_snapshot.is_not_null())
                .order(notifications::id.desc())
                .select(notifications::event_snapshot)
                .first(connection)
                .optional()?;
            Ok(later.flatten().or(Some(own)))
        })?;
        Ok(json.map(|json| EventSnapshot::read(&json).map_err(|error| error.to_string())))
    }

    /// The newest notification about the same event that was opened before this one and of which somebody got a mail.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_earlier(
        &self,
        notification: &Notification,
    ) -> Result<Option<EarlierNotification>, StoreError> {
        let Some(event_id) = notification.event_id else { return Ok(None) };
        self.run("find the last notification about an event", |connection| {
            let got = deliveries::table
                .filter(deliveries::notification_id.eq(notifications::id))
                .filter(got_mail())
                .select(deliveries::participant_id);
            let row: Option<Columns> = about(event_id)
                .filter(notifications::id.lt(notification.id))
                // PostgreSQL cannot make a join of whole tables of this, as it can of EXISTS.
                .filter(got.single_value().is_not_null())
                .order(notifications::id.desc())
                .select(COLUMNS)
                .first(connection)
                .optional()?;
            Ok(row.and_then(|row| earlier(event_id, row)))
        })
    }

    /// The same of one that is known to be opened before this one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_earlier_by_id(
        &self,
        notification: &Notification,
        id: NotificationId,
    ) -> Result<Option<EarlierNotification>, StoreError> {
        let Some(event_id) = notification.event_id else { return Ok(None) };
        self.run("find an earlier notification about an event", |connection| {
            let row: Option<Columns> =
                notifications::table.find(id).select(COLUMNS).first(connection).optional()?;
            Ok(row.and_then(|row| earlier(event_id, row)))
        })
    }

    /// The notifications about the same event that were opened before this one, the newest hundred.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_earlier(&self, notification: &Notification) -> Result<Vec<NotificationId>, StoreError> {
        let Some(event_id) = notification.event_id else { return Ok(Vec::new()) };
        self.run("list the notifications about an event", |connection| {
            about(event_id)
                .filter(notifications::id.lt(notification.id))
                .order(notifications::id.desc())
                .select(notifications::id)
                .limit(LOOKED_AT)
                .load(connection)
        })
    }

    /// Those of the participants, whose keys are whole numbers, who got a mail of one of the notifications, each with the newest one of
    /// which they did.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn who_got(
        &self,
        notification_ids: &[NotificationId],
        ids: &[ParticipantId],
    ) -> Result<HashMap<ParticipantId, NotificationId>, StoreError> {
        if notification_ids.is_empty() || ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows: Vec<(ParticipantId, NotificationId)> = self.run("read who got a mail", |connection| {
            deliveries::table
                .filter(deliveries::notification_id.eq_any(notification_ids))
                .filter(deliveries::participant_id.eq_any(ids))
                .filter(got_mail())
                .select((deliveries::participant_id, deliveries::notification_id))
                .load(connection)
        })?;
        let mut newest = HashMap::with_capacity(ids.len());
        for (participant_id, notification_id) in rows {
            let known = newest.entry(participant_id).or_insert(notification_id);
            *known = notification_id.max(*known);
        }
        Ok(newest)
    }

    /// Those of the participants, whose keys are text, who got a mail of a notification. Reads its whole list.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn who_got_of_list(
        &self,
        notification_id: NotificationId,
        keys: &[&str],
    ) -> Result<Vec<String>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let listed: Vec<(ParticipantId, Option<String>)> =
            self.run("read who is on a list", |connection| {
                recipients::table
                    .filter(recipients::notification_id.eq(notification_id))
                    .filter(recipients::user_key.eq_any(keys))
                    .select((recipients::id, recipients::user_key))
                    .load(connection)
            })?;
        let ids: Vec<ParticipantId> = listed.iter().map(|(id, _)| *id).collect();
        let got = self.who_got(&[notification_id], &ids)?;
        Ok(listed.into_iter().filter_map(|(id, key)| key.filter(|_| got.contains_key(&id))).collect())
    }
}

/// Key, kind, audience, its end and the snapshot.
type Columns = (NotificationId, String, String, ParticipantId, Option<String>);

const COLUMNS: (
    notifications::id,
    notifications::kind,
    notifications::audience,
    notifications::max_participant_id,
    notifications::event_snapshot,
) = (
    notifications::id,
    notifications::kind,
    notifications::audience,
    notifications::max_participant_id,
    notifications::event_snapshot,
);

/// `None` when a word in it is unknown, as to a version that is older than the one that has written it.
fn earlier(event_id: EventId, (id, kind, audience, end, json): Columns) -> Option<EarlierNotification> {
    let read = |json: String| match EventSnapshot::read(&json) {
        Ok(snapshot) => Some(snapshot),
        Err(error) => {
            log::debug!(notification = id; "notification {id}: its snapshot cannot be read: {error}");
            None
        }
    };
    let kind = Kind::from_word(&kind)?;
    let known = [Audience::Event { id: event_id, up_to: end }, Audience::Recipients { id: event_id }];
    let audience = known.into_iter().find(|one| one.as_str() == audience)?;
    Some(EarlierNotification { id, kind, audience, snapshot: json.and_then(read) })
}

/// Writes snapshots in a write transaction of the caller. One that is there already stays.
pub(crate) fn insert_snapshots(
    connection: &mut AnyConnection,
    snapshots: &[NewSnapshot<'_>],
) -> QueryResult<()> {
    // In key order, as in every transaction that locks several notifications.
    let mut sorted = snapshots.to_vec();
    sorted.sort_unstable_by_key(|one| one.lease);
    insert_parts(&sorted, |one| one.json.len()).try_for_each(|rows| snapshots::write(connection, rows))
}
