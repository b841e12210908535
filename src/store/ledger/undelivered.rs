//! The mails that did not arrive: outcomes `failed` and `bounced`, and deferrals, a page at a time, of one notification or of all. What
//! the reasons have in common is left to `report`.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::outcome::Status;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::error::StoreError;
use crate::store::ledger::recipients::find_by_numbers;
use crate::store::person::Place;
use crate::store::schema::{INSERT_ROWS, deferrals, deliveries};

/// Where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UndeliveredTable {
    /// Outcomes `failed` and `bounced`.
    Outcomes,
    /// Deferrals without an outcome.
    Deferrals,
}

/// A mail that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndeliveredMail {
    /// Whose, by the number that the ledger has.
    pub place: Place,
    /// What became of it.
    pub fate: Fate,
    /// How many times it was submitted to the relay; of a deferred one, how many times it was deferred.
    pub attempts: i32,
    /// The relay's last reply code.
    pub code: Option<i32>,
    /// The relay's words, or ours. Of a mail that came back, the enhanced status code of the report.
    pub words: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is given up.
    Failed {
        /// Whether trying again cannot help.
        permanent: bool,
    },
    /// The relay took it, and it came back.
    Bounced,
    /// It is tried again.
    Deferred {
        /// When, UTC.
        next_try_at: NaiveDateTime,
    },
}

/// Notification, participant, status, permanent, attempts, reply code, words, and code of the report.
type Outcome =
    (NotificationId, ParticipantId, String, bool, i32, Option<i32>, Option<String>, Option<String>);
/// Notification, participant, tries, next attempt, reply code and words.
type Deferral = (NotificationId, ParticipantId, i32, NaiveDateTime, Option<i32>, Option<String>);

impl Store {
    /// Up to `limit` of them behind `after`, in the order of notifications and participants: those of one notification, or of all. Each
    /// page is a range of the primary key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_undelivered(
        &self,
        table: UndeliveredTable,
        of: Option<NotificationId>,
        after: Option<Place>,
        limit: u32,
    ) -> Result<Vec<UndeliveredMail>, StoreError> {
        self.run("read which mails did not arrive", |connection| {
            let mut found = Vec::new();
            // Two ranges, as not every database takes the comparison of a pair of columns for one.
            if let Some(id) = of.or(after.map(|place| place.notification_id))
                && let Some(first) = ParticipantId::first_behind(after.map(|place| place.participant_id))
            {
                found = match table {
                    UndeliveredTable::Outcomes => outcomes_of(connection, id, first, limit.into())?,
                    UndeliveredTable::Deferrals => deferrals_of(connection, id, first, limit.into())?,
                };
            }
            let left = i64::from(limit) - i64::try_from(found.len()).unwrap_or(i64::MAX);
            if of.is_none() && left > 0 {
                let first = after.map_or(NotificationId::MIN, |place| {
                    NotificationId(place.notification_id.0.saturating_add(1))
                });
                found.extend(match table {
                    UndeliveredTable::Outcomes => outcomes_from(connection, first, left)?,
                    UndeliveredTable::Deferrals => deferrals_from(connection, first, left)?,
                });
            }
            Ok(found)
        })
    }

    /// The application's keys of those of these recipients who are on the list of the notification and have one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_listed_keys(
        &self,
        notification_id: NotificationId,
        ids: &[ParticipantId],
    ) -> Result<HashMap<ParticipantId, String>, StoreError> {
        self.run("read the keys of recipients", |connection| {
            let mut keys = HashMap::new();
            for ids in ids.chunks(INSERT_ROWS) {
                let listed = find_by_numbers(connection, notification_id, ids)?;
                // Someone whom a notice names by the address has none.
                keys.extend(listed.into_iter().filter(|(_, key)| !key.is_empty()));
            }
            Ok(keys)
        })
    }
}

#[diesel::dsl::auto_type]
fn undelivered() -> _ {
    let failed: &'static str = Status::Failed.as_str();
    let bounced: &'static str = Status::Bounced.as_str();
    deliveries::table.filter(deliveries::status.eq(failed).or(deliveries::status.eq(bounced)))
}

const OUTCOME: (
    deliveries::notification_id,
    deliveries::participant_id,
    deliveries::status,
    deliveries::permanent,
    deliveries::attempts,
    deliveries::smtp_code,
    deliveries::detail,
    deliveries::reported_code,
) = (
    deliveries::notification_id,
    deliveries::participant_id,
    deliveries::status,
    deliveries::permanent,
    deliveries::attempts,
    deliveries::smtp_code,
    deliveries::detail,
    deliveries::reported_code,
);

fn outcomes_of(
    connection: &mut AnyConnection,
    id: NotificationId,
    first: ParticipantId,
    limit: i64,
) -> QueryResult<Vec<UndeliveredMail>> {
    undelivered()
        .filter(deliveries::notification_id.eq(id))
        .filter(deliveries::participant_id.ge(first))
        .order(deliveries::participant_id)
        .limit(limit)
        .select(OUTCOME)
        .load_iter::<Outcome, _>(connection)?
        .map(|row| row.map(of_outcome))
        .collect()
}

fn outcomes_from(
    connection: &mut AnyConnection,
    first: NotificationId,
    limit: i64,
) -> QueryResult<Vec<UndeliveredMail>> {
    undelivered()
        .filter(deliveries::notification_id.ge(first))
        .order((deliveries::notification_id, deliveries::participant_id))
        .limit(limit)
        .select(OUTCOME)
        .load_iter::<Outcome, _>(connection)?
        .map(|row| row.map(of_outcome))
        .collect()
}

fn of_outcome(
    (notification_id, participant_id, status, permanent, attempts, code, detail, reported): Outcome,
) -> UndeliveredMail {
    let place = Place { notification_id, participant_id };
    // What the relay said when it took the mail is not why it came back.
    let (fate, code, words) = if status == Status::Bounced.as_str() {
        (Fate::Bounced, None, reported)
    } else {
        (Fate::Failed { permanent }, code, detail)
    };
    UndeliveredMail { place, fate, attempts, code, words }
}

/// Deferrals. One beside a delivery does not count: the next sweep deletes it.
#[diesel::dsl::auto_type]
fn deferred() -> _ {
    deferrals::table.filter(not(exists(
        deliveries::table
            .filter(deliveries::notification_id.eq(deferrals::notification_id))
            .filter(deliveries::participant_id.eq(deferrals::participant_id)),
    )))
}

const DEFERRAL: (
    deferrals::notification_id,
    deferrals::participant_id,
    deferrals::tries,
    deferrals::next_try_at,
    deferrals::smtp_code,
    deferrals::detail,
) = (
    deferrals::notification_id,
    deferrals::participant_id,
    deferrals::tries,
    deferrals::next_try_at,
    deferrals::smtp_code,
    deferrals::detail,
);

fn deferrals_of(
    connection: &mut AnyConnection,
    id: NotificationId,
    first: ParticipantId,
    limit: i64,
) -> QueryResult<Vec<UndeliveredMail>> {
    deferred()
        .filter(deferrals::notification_id.eq(id))
        .filter(deferrals::participant_id.ge(first))
        .order(deferrals::participant_id)
        .limit(limit)
        .select(DEFERRAL)
        .load_iter::<Deferral, _>(connection)?
        .map(|row| row.map(of_deferral))
        .collect()
}

fn deferrals_from(
    connection: &mut AnyConnection,
    first: NotificationId,
    limit: i64,
) -> QueryResult<Vec<UndeliveredMail>> {
    deferred()
        .filter(deferrals::notification_id.ge(first))
        .order((deferrals::notification_id, deferrals::participant_id))
        .limit(limit)
        .select(DEFERRAL)
        .load_iter::<Deferral, _>(connection)?
        .map(|row| row.map(of_deferral))
        .collect()
}

fn of_deferral(
    (notification_id, participant_id, attempts, next_try_at, code, words): Deferral,
) -> UndeliveredMail {
    let place = Place { notification_id, participant_id };
    UndeliveredMail { place, fate: Fate::Deferred { next_try_at }, attempts, code, words }
}
