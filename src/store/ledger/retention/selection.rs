//! Which notifications a purge may delete, which it must keep, and which outcomes an interrupted purge has left behind. The
//! deleting is left to `retention`.

use std::collections::VecDeque;

use chrono::NaiveDateTime;
use diesel::dsl::{exists, min, not};
use diesel::prelude::*;

use crate::domain::ids::NotificationId;
use crate::domain::kind::Kind;
use crate::domain::reminder::ReminderOffset;
use crate::store::backend::any::AnyConnection;
use crate::store::ledger::row::NotificationState;
use crate::store::schema::{deferrals, deliveries, notifications, recipients};

/// Most keys that one query reads.
pub const KEYS_PER_QUERY: i64 = 10_000;

/// Completed or abandoned before `before`.
#[diesel::dsl::auto_type]
pub fn ended_before(before: NaiveDateTime) -> _ {
    let completed: &'static str = NotificationState::Completed.as_str();
    let abandoned: &'static str = NotificationState::Abandoned.as_str();
    notifications::table
        .filter(notifications::state.eq(completed).or(notifications::state.eq(abandoned)))
        .filter(notifications::completed_at.lt(before))
}

/// Ended before `before`, and their ack is recorded.
#[diesel::dsl::auto_type]
pub fn purge_eligible(before: NaiveDateTime) -> _ {
    let ended: ended_before = ended_before(before);
    ended.filter(notifications::acked_at.is_not_null())
}

/// The same without those that are leased at the database's time `now`, without those whose mails will be tried again, and without
/// reminders that may be due still: no row would tell the next look that they were sent.
#[diesel::dsl::auto_type]
pub fn purgeable(before: NaiveDateTime, now: NaiveDateTime) -> _ {
    let purge_eligible: purge_eligible = purge_eligible(before);
    let will_be_swept: will_be_swept = will_be_swept();
    let reminder: &'static str = Kind::Reminder.as_str();
    let reminders_before: NaiveDateTime = now - ReminderOffset::LONGEST_TOLERANCE;
    purge_eligible
        .filter(notifications::kind.ne(reminder).or(notifications::completed_at.lt(reminders_before)))
        .filter(notifications::lease_until.is_null().or(notifications::lease_until.le(now)))
        .filter(not(will_be_swept))
}

/// Whether some of its mails are deferred, and a worker tries them again. No worker does that for an abandoned notification.
#[diesel::dsl::auto_type]
pub fn will_be_swept() -> _ {
    let abandoned: &'static str = NotificationState::Abandoned.as_str();
    exists(deferrals::table.filter(deferrals::notification_id.eq(notifications::id)))
        .and(notifications::state.ne(abandoned))
}

/// Keys of notifications that are deleted and still have outcomes. Searches the gaps between the keys of notifications, so
/// that it need not read all outcomes.
pub fn find_orphaned_outcomes(connection: &mut AnyConnection) -> QueryResult<VecDeque<NotificationId>> {
    find_orphaned(connection, first_with_outcomes)
}

/// Keys of notifications that are deleted and still have a list of recipients.
pub fn find_orphaned_recipients(connection: &mut AnyConnection) -> QueryResult<VecDeque<NotificationId>> {
    find_orphaned(connection, first_with_recipients)
}

/// Keys of notifications that are deleted and still have rows. `first_between` finds the first key with a row between two keys.
fn find_orphaned(
    connection: &mut AnyConnection,
    first_between: impl Fn(
        &mut AnyConnection,
        NotificationId,
        NotificationId,
    ) -> QueryResult<Option<NotificationId>>,
) -> QueryResult<VecDeque<NotificationId>> {
    let mut orphaned = VecDeque::new();
    let mut after = NotificationId::MIN;
    loop {
        let mut ids: Vec<NotificationId> = notifications::table
            .filter(notifications::id.gt(after))
            .order(notifications::id)
            .select(notifications::id)
            .limit(KEYS_PER_QUERY)
            .load(connection)?;
        let last_page = ids.is_empty();
        if last_page {
            ids.push(NotificationId::MAX);
        }
        for id in ids {
            // Two adjacent keys have no gap between them.
            while after.0.checked_add(1) < Some(id.0)
                && let Some(found) = first_between(connection, after, id)?
            {
                orphaned.push_back(found);
                after = found;
            }
            after = id;
        }
        if last_page {
            return Ok(orphaned);
        }
    }
}

/// Keys of notifications that are deleted and still have deferrals: abandoned ones, and others that were deleted by hand.
pub fn find_orphaned_deferrals(connection: &mut AnyConnection) -> QueryResult<VecDeque<NotificationId>> {
    deferrals::table
        .filter(not(exists(notifications::table.filter(notifications::id.eq(deferrals::notification_id)))))
        .select(deferrals::notification_id)
        .distinct()
        .load_iter(connection)?
        .collect()
}

/// The first key between `after` and `before` that has outcomes.
fn first_with_outcomes(
    connection: &mut AnyConnection,
    after: NotificationId,
    before: NotificationId,
) -> QueryResult<Option<NotificationId>> {
    deliveries::table
        .filter(deliveries::notification_id.gt(after))
        .filter(deliveries::notification_id.lt(before))
        .select(min(deliveries::notification_id))
        .first(connection)
}

/// The first key between `after` and `before` that has a list of recipients.
fn first_with_recipients(
    connection: &mut AnyConnection,
    after: NotificationId,
    before: NotificationId,
) -> QueryResult<Option<NotificationId>> {
    recipients::table
        .filter(recipients::notification_id.gt(after))
        .filter(recipients::notification_id.lt(before))
        .select(min(recipients::notification_id))
        .first(connection)
}
