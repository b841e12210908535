//! A row of `notifications` to be, as it is inserted when its message arrives.

#![expect(clippy::ref_option_ref, reason = "the code that `Insertable` generates")]

#[cfg(any(feature = "mysql", feature = "postgres"))]
use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::prelude::*;
#[cfg(any(feature = "mysql", feature = "postgres"))]
use diesel::result::Error;

#[cfg(any(feature = "mysql", feature = "postgres"))]
use crate::domain::ids::NotificationId;
use crate::domain::ids::{Epoch, ParticipantId};
use crate::store::backend::clock::DatabaseTime;
use crate::store::schema::notifications;

/// A row of `notifications` to be. The receipt tells the rows of one call apart, or where no message carries them, the key.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = notifications, treat_none_as_default_value = false)]
pub(crate) struct NewNotification<'a> {
    pub message_key: Option<&'a str>,
    pub channel: &'static str,
    pub kind: &'static str,
    pub event_id: Option<i64>,
    pub event_key: Option<&'a str>,
    pub audience: &'static str,
    pub max_participant_id: ParticipantId,
    pub priority: i32,
    pub content: Option<&'a str>,
    pub content_digest: Option<String>,
    pub state: &'static str,
    pub received_at: DatabaseTime,
    pub lease_owner: &'a str,
    pub lease_until: NaiveDateTime,
    pub epoch: Epoch,
    pub broker_session: Option<&'a str>,
    pub delivery_tag: Option<i64>,
    pub delivered_at: Option<NaiveDateTime>,
    pub acked_at: Option<NaiveDateTime>,
}

impl NewNotification<'_> {
    /// How many bytes of text it has, of those that differ much.
    pub fn size(&self) -> usize {
        self.content.map_or(0, str::len) + self.message_key.map_or(0, str::len)
    }
}

/// Key, session, delivery tag and key of the message of a row that was inserted.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) type InsertedKey = (NotificationId, Option<String>, Option<i64>, Option<String>);

/// What tells the rows of one call apart.
#[cfg(any(feature = "mysql", feature = "postgres"))]
#[derive(PartialEq, Eq, Hash)]
enum RowName<'a> {
    /// Session and delivery tag of its message.
    Receipt(&'a str, Option<i64>),
    /// No message carries it.
    Key(Option<&'a str>),
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
impl<'a> RowName<'a> {
    fn new(session: Option<&'a str>, tag: Option<i64>, key: Option<&'a str>) -> Self {
        session.map_or(Self::Key(key), |session| Self::Receipt(session, tag))
    }
}

/// The keys of inserted rows, in the order of `rows`.
///
/// # Errors
/// When one of them is missing.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn keys_in_order(
    rows: &[NewNotification<'_>],
    inserted: &[InsertedKey],
) -> QueryResult<Vec<NotificationId>> {
    let by_name: HashMap<RowName<'_>, NotificationId> = inserted
        .iter()
        .map(|(id, session, tag, key)| (RowName::new(session.as_deref(), *tag, key.as_deref()), *id))
        .collect();
    let key = |row: &NewNotification<'_>| {
        by_name.get(&RowName::new(row.broker_session, row.delivery_tag, row.message_key)).copied()
    };
    rows.iter().map(|row| key(row).ok_or(Error::NotFound)).collect()
}
