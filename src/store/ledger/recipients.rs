//! The list of recipients of a notification to participants whose keys are text. It gives each key a number from 1 on, which
//! outcomes, deferrals and Message-IDs name. It is written while pages are read, and never changed; a purge deletes it.
//!
//! Only the holder of the lease appends. A page that was appended but not sent, half sent, or appended by a worker that then
//! stopped, is the same to the next one: recipients without an outcome. The number of rows is the largest number.

use diesel::dsl::{exists, max, not};
use diesel::prelude::*;

use crate::domain::audience::{Audience, Listing};
use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::backend::transaction;
use crate::store::error::StoreError;
use crate::store::ledger::recipients::row::{Appended, NewRecipients, RecipientRow};
use crate::store::schema::{INSERT_ROWS, deferrals, deliveries, notifications, recipients};
use crate::store::source::keys::AppKeys;
use crate::store::source::listed::{count_unlisted, find_keyed};
use crate::store::source::participants::find_by_ids;

mod given;
pub mod row;

impl Store {
    /// Appends to the list of recipients, all or none.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed, or the reply to the commit was lost: it may be repeated.
    pub fn append_recipients(&self, new: &NewRecipients<'_>) -> Result<Appended, StoreError> {
        self.write_once("list recipients", |connection| match dispatch::append_recipients(connection, new)? {
            Some(appended) => Ok(appended),
            None => transaction::write(connection, |connection| append_in_transaction(connection, new)),
        })
    }

    /// Up to `limit` recipients of the notification with numbers behind `after`, in their order, with their keys.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_recipients(
        &self,
        notification_id: NotificationId,
        after: ParticipantId,
        limit: u32,
    ) -> Result<Vec<(ParticipantId, String)>, StoreError> {
        let limit: i64 = limit.into();
        let rows: Vec<(ParticipantId, Option<String>)> = self.run("read recipients", |connection| {
            recipients::table
                .filter(recipients::notification_id.eq(notification_id))
                .filter(recipients::id.gt(after))
                .order(recipients::id)
                .select((recipients::id, recipients::user_key))
                .limit(limit)
                .load(connection)
        })?;
        Ok(rows.into_iter().map(with_key).collect())
    }

    /// The last one on the list of recipients of the notification, with its key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_last_recipient(
        &self,
        notification_id: NotificationId,
    ) -> Result<Option<(ParticipantId, String)>, StoreError> {
        let last: Option<(ParticipantId, Option<String>)> =
            self.run("read the last recipient", |connection| {
                recipients::table
                    .filter(recipients::notification_id.eq(notification_id))
                    .order(recipients::id.desc())
                    .select((recipients::id, recipients::user_key))
                    .first(connection)
                    .optional()
            })?;
        Ok(last.map(with_key))
    }

    /// Those of the people of the notification who take part in its event, or who have a row in `users`, by the numbers or keys that the
    /// ledger has, in any order.
    ///
    /// # Errors
    /// When the database does not answer, or one of them cannot be read.
    pub fn find_participants(
        &self,
        notification: &Notification,
        ids: &[ParticipantId],
    ) -> Result<Vec<Participant>, StoreError> {
        self.with_app_keys(|keys| match notification.audience {
            Audience::Event { id, .. } => self.run("read participants", |connection| {
                find_by_ids(connection, keys.zones, keys.events.in_participants(id), ids)
            }),
            Audience::Recipients { id } => self.run("read participants", |connection| {
                let listed = find_by_numbers(connection, notification.id, ids)?;
                if listed.is_empty() { Ok(Vec::new()) } else { find_keyed(connection, keys, id, &listed) }
            }),
            Audience::Given { .. } => self.find_given(notification.id, ids),
        })
    }

    /// How far the recipients of the notification are listed; `None` when it does not exist.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_listing(&self, notification_id: NotificationId) -> Result<Option<Listing>, StoreError> {
        self.run("read how far recipients are listed", |connection| find_listing(connection, notification_id))
    }
}

pub(crate) fn find_listing(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
) -> QueryResult<Option<Listing>> {
    let end: Option<ParticipantId> = notifications::table
        .find(notification_id)
        .select(notifications::max_participant_id)
        .first(connection)
        .optional()?;
    Ok(end.map(Listing::from_end))
}

/// Those of the recipients with these numbers, with their keys, in any order.
pub(crate) fn find_by_numbers(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    ids: &[ParticipantId],
) -> QueryResult<Vec<(ParticipantId, String)>> {
    let rows: Vec<(ParticipantId, Option<String>)> = recipients::table
        .filter(recipients::notification_id.eq(notification_id))
        .filter(recipients::id.eq_any(ids))
        .select((recipients::id, recipients::user_key))
        .load(connection)?;
    Ok(rows.into_iter().map(with_key).collect())
}

/// Every row has a key; the column may hold NULL.
fn with_key((id, key): (ParticipantId, Option<String>)) -> (ParticipantId, String) {
    (id, key.unwrap_or_default())
}

/// The first `limit` numbers behind `after` of a list of `count` recipients.
pub(crate) fn numbers_behind(after: Option<ParticipantId>, count: i64, limit: u32) -> Vec<ParticipantId> {
    let after = after.map_or(0, |ParticipantId(id)| id.clamp(0, count));
    (after + 1..=count.min(after + i64::from(limit))).map(ParticipantId).collect()
}

/// The recipients from `first` on of a notification who are neither decided nor deferred.
#[diesel::dsl::auto_type]
pub(crate) fn undecided_recipients(first: ParticipantId) -> _ {
    let decided = deliveries::table
        .filter(deliveries::notification_id.eq(notifications::id))
        .filter(deliveries::participant_id.eq(recipients::id));
    let deferred = deferrals::table
        .filter(deferrals::notification_id.eq(notifications::id))
        .filter(deferrals::participant_id.eq(recipients::id));
    recipients::table
        .filter(recipients::notification_id.eq(notifications::id))
        .filter(recipients::id.ge(first))
        .filter(not(exists(decided)))
        .filter(not(exists(deferred)))
}

/// Participants and pending ones of a notification whose people are listed. Before the list is complete, those of the event count whom
/// the next pages would list.
pub(crate) fn count_listed(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    keys: AppKeys,
    event_id: Option<EventId>,
) -> QueryResult<(u64, u64)> {
    let listed = recipients::table.filter(recipients::notification_id.eq(notification_id));
    let undecided = listed
        .filter(not(exists(
            deliveries::table
                .filter(deliveries::notification_id.eq(notification_id))
                .filter(deliveries::participant_id.eq(recipients::id)),
        )))
        .filter(not(exists(
            deferrals::table
                .filter(deferrals::notification_id.eq(notification_id))
                .filter(deferrals::participant_id.eq(recipients::id)),
        )));
    let participants: i64 = listed.count().get_result(connection)?;
    let pending: i64 = undecided.count().get_result(connection)?;
    let unlisted = match (find_listing(connection, notification_id)?, event_id) {
        (Some(Listing::Reading | Listing::ReadOnce), Some(event_id)) => {
            count_unlisted(connection, keys, notification_id, event_id)?
        }
        _ => 0,
    };
    Ok((participants.unsigned_abs() + unlisted, pending.unsigned_abs() + unlisted))
}

/// Appends in a write transaction of the caller, in several statements.
fn append_in_transaction(connection: &mut AnyConnection, new: &NewRecipients<'_>) -> QueryResult<Appended> {
    let NewRecipients { lease, after, keys, listing } = *new;
    let notification_id = lease.notification_id;
    if dispatch::lock_notifications(connection, &[notification_id])? != [lease] {
        return Ok(Appended::LeaseLost);
    }
    let last: Option<ParticipantId> = recipients::table
        .filter(recipients::notification_id.eq(notification_id))
        .select(max(recipients::id))
        .first(connection)?;
    let is_frozen = matches!(find_listing(connection, notification_id)?, Some(Listing::Frozen(_)));
    if is_frozen || last.is_some_and(|last| last > after) {
        return Ok(Appended::Moved);
    }
    let numbered = (after.0 + 1..).zip(keys);
    let rows: Vec<RecipientRow<'_>> =
        numbered.map(|(id, key)| RecipientRow::of_key(notification_id, ParticipantId(id), key)).collect();
    rows.chunks(INSERT_ROWS).try_for_each(|rows| dispatch::insert_recipients(connection, rows))?;
    if let Some(listing) = listing {
        diesel::update(notifications::table.find(notification_id))
            .set(notifications::max_participant_id.eq(listing.end()))
            .execute(connection)?;
    }
    Ok(Appended::Done)
}
