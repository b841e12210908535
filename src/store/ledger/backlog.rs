//! What is left to do, of all workers: for metrics. Exact numbers of one notification are left to `tally`.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::NotificationId;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::recipients::count_listed;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::ledger::tally::count_people;
use crate::store::schema::{deferrals, deliveries, notifications, suppressions};
use crate::store::source::keys::AppKeys;

/// Notifications whose recipients are counted, the oldest ones.
const COUNTED: i64 = 1_000;

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Notifications that are waiting or running, without those that wait for further updates (`COALESCE`).
    pub notifications: u64,
    /// Those of their recipients who have no outcome and are not deferred. People who have left their events may be missing in it.
    pub recipients: u64,
    /// For how long the oldest of these notifications has been open; zero without one.
    pub oldest: Duration,
    /// Rows of the list of suppressions.
    pub suppressions: u64,
}

impl Store {
    /// Counts. Takes some 0.1 s for each million of participants of the notifications that are open.
    ///
    /// # Errors
    /// When the database does not answer, or participants cannot be read.
    pub fn count_backlog(&self) -> Result<Backlog, StoreError> {
        let keys = self.app_keys()?;
        self.read("count the backlog", |connection| {
            let clock = dispatch::clock(connection)?;
            let open = || {
                notifications::table
                    .filter(notifications::completed_at.is_null())
                    .filter(notifications::state.eq_any(NotificationState::OPEN))
                    // Updates that wait for further ones have their own time.
                    .filter(
                        notifications::coalescing_since
                            .is_null()
                            .or(notifications::lease_owner.is_not_null()),
                    )
            };
            let number: i64 = open().count().get_result(connection)?;
            let rows: Vec<NotificationRow> = open()
                .order(notifications::id)
                .limit(COUNTED)
                .select(NotificationRow::as_select())
                .load(connection)?;
            // A row with an unknown word is left to the newer worker that has written it.
            let oldest_first: Vec<NotificationRecord> =
                rows.into_iter().filter_map(|row| row.into_record(clock).ok()).collect();
            let mut recipients = 0;
            for record in &oldest_first {
                recipients += count_left(connection, &record.notification, keys)?;
            }
            let oldest = oldest_first.iter().map(|record| record.received_at).min();
            let suppressed: i64 = suppressions::table.count().get_result(connection)?;
            Ok(Backlog {
                notifications: number.unsigned_abs(),
                recipients,
                oldest: oldest.map_or(Duration::ZERO, |since| age(clock, since)),
                suppressions: suppressed.unsigned_abs(),
            })
        })
    }
}

fn age(clock: NaiveDateTime, since: NaiveDateTime) -> Duration {
    (clock - since).to_std().unwrap_or_default()
}

/// The recipients who have no outcome and are not deferred. Where they are no list, by subtraction: looking for each of them costs ten
/// times as much.
fn count_left(
    connection: &mut AnyConnection,
    notification: &Notification,
    keys: AppKeys,
) -> QueryResult<u64> {
    let id = notification.id;
    match notification.audience {
        audience @ Audience::Event { id: event_id, up_to } if audience.is_frozen() => {
            let people = count_people(connection, keys.events.in_participants(event_id), up_to, false)?;
            Ok(people.saturating_sub(count_decided(connection, id)?))
        }
        Audience::Event { .. } => Ok(0),
        audience @ (Audience::Recipients { .. } | Audience::Given { .. }) => {
            let (_, pending) = count_listed(connection, id, keys, audience.event_id())?;
            Ok(pending)
        }
    }
}

/// Those of a notification who have an outcome or are deferred.
fn count_decided(connection: &mut AnyConnection, id: NotificationId) -> QueryResult<u64> {
    let outcomes: i64 =
        deliveries::table.filter(deliveries::notification_id.eq(id)).count().get_result(connection)?;
    let deferred: i64 =
        deferrals::table.filter(deferrals::notification_id.eq(id)).count().get_result(connection)?;
    Ok((outcomes + deferred).unsigned_abs())
}
