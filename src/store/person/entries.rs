//! What the ledger has about one recipient of one notification.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::address_hash::AddressHash;
use crate::domain::ids::{Epoch, NotificationId, ParticipantId};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
use crate::store::person::Place;
use crate::store::schema::{deferrals, deliveries, notifications, recipients, soft_bounces};
use crate::store::suppressions::bytes;

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub place: Place,
    /// `None` if the notification was deleted, and the rest of it is left to the next purge.
    pub notification: Option<NotificationEntry>,
    /// The row on the list of recipients, if there is such a list.
    pub recipient: Option<RecipientEntry>,
    /// The outcome.
    pub outcome: Option<OutcomeEntry>,
    /// The deferral.
    pub deferral: Option<DeferralEntry>,
}

/// A notification, with what its message has said to all of its recipients.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = notifications)]
pub struct NotificationEntry {
    /// Its key.
    pub id: NotificationId,
    /// Its kind.
    pub kind: String,
    /// The event, if its key is a number.
    pub event_id: Option<i64>,
    /// The event, if its key is text.
    pub event_key: Option<String>,
    /// Who it is for.
    pub audience: String,
    /// Its state.
    pub state: String,
    /// The `message_id` of its message.
    pub message_key: Option<String>,
    /// When its message arrived, UTC.
    pub received_at: NaiveDateTime,
    /// When it ended, UTC.
    pub completed_at: Option<NaiveDateTime>,
    /// What its message carries, as JSON.
    pub content: Option<String>,
    pub(crate) max_participant_id: ParticipantId,
    pub(crate) lease_until: Option<NaiveDateTime>,
    pub(crate) epoch: Epoch,
}

/// A row on a list of recipients.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = recipients)]
pub struct RecipientEntry {
    /// How the application knows them.
    pub user_key: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The language.
    pub locale: Option<String>,
    /// What the message says to them alone, as JSON.
    pub data: Option<String>,
}

/// An outcome.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub struct OutcomeEntry {
    /// What became of the mail.
    pub status: String,
    /// How many times it was submitted to the relay.
    pub attempts: i32,
    /// Whether trying again cannot help.
    pub permanent: bool,
    /// The relay's reply code.
    pub smtp_code: Option<i32>,
    /// The relay's words, or ours.
    pub detail: Option<String>,
    /// When it was recorded, UTC.
    pub decided_at: NaiveDateTime,
    /// What was said when the mail came back.
    pub reported_code: Option<String>,
    /// When that was, UTC.
    pub reported_at: Option<NaiveDateTime>,
}

/// A mail that will be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = deferrals)]
pub struct DeferralEntry {
    /// How often it was deferred.
    pub tries: i32,
    /// When it is tried again, UTC.
    pub next_try_at: NaiveDateTime,
    /// The relay's reply code.
    pub smtp_code: Option<i32>,
    /// The relay's words, or ours.
    pub detail: Option<String>,
}

impl RecipientEntry {
    /// Whether nothing of a person is left.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { user_key, email, name, locale, data } = self;
        [user_key, email, name, locale, data].iter().all(|text| text.is_none())
    }
}

impl Store {
    /// What the ledger has about these recipients, in their order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_entries(&self, places: &[Place]) -> Result<Vec<Entry>, StoreError> {
        self.run("read what there is about a person", |connection| {
            places.iter().map(|place| read_entry(connection, *place)).collect()
        })
    }
}

/// A soft bounce of the last 30 days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoftBounce {
    /// Of which mail.
    pub place: Place,
    /// When it came, UTC.
    pub reported_at: NaiveDateTime,
}

impl Store {
    /// The soft bounces of an address. They are few: the third suppresses it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_soft_bounces(&self, hash: &AddressHash) -> Result<Vec<SoftBounce>, StoreError> {
        self.run("read soft bounces", |connection| {
            let rows: Vec<(NotificationId, ParticipantId, NaiveDateTime)> = soft_bounces::table
                .filter(soft_bounces::address_hash.eq(bytes(hash)))
                .order((soft_bounces::notification_id, soft_bounces::participant_id))
                .select((
                    soft_bounces::notification_id,
                    soft_bounces::participant_id,
                    soft_bounces::reported_at,
                ))
                .load(connection)?;
            let soft = |(notification_id, participant_id, reported_at)| SoftBounce {
                place: Place { notification_id, participant_id },
                reported_at,
            };
            Ok(rows.into_iter().map(soft).collect())
        })
    }
}

pub(crate) fn read_entry(connection: &mut AnyConnection, place: Place) -> QueryResult<Entry> {
    let Place { notification_id, participant_id } = place;
    let notification = notifications::table
        .find(notification_id)
        .select(NotificationEntry::as_select())
        .first(connection)
        .optional()?;
    let is_listed = notification.as_ref().is_none_or(|one: &NotificationEntry| one.audience != "event");
    let recipient = if is_listed {
        let row = recipients::table.find((notification_id, participant_id));
        row.select(RecipientEntry::as_select()).first(connection).optional()?
    } else {
        None
    };
    let outcome = deliveries::table
        .find((notification_id, participant_id))
        .select(OutcomeEntry::as_select())
        .first(connection)
        .optional()?;
    let deferral = deferrals::table
        .find((notification_id, participant_id))
        .select(DeferralEntry::as_select())
        .first(connection)
        .optional()?;
    Ok(Entry { place, notification, recipient, outcome, deferral })
}
