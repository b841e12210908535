//! The statements of a purge that delete what belongs to notifications which are deleted. Which ones these are is left to
//! `selection`.

use chrono::NaiveDateTime;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::ledger::returned::SOFT_FOR;
use crate::store::person::erasures::KEPT_FOR;
use crate::store::schema::{
    deferrals, deliveries, erasures, notifications, outbox, recipients, soft_bounces,
};

/// Most rows that one transaction deletes. Measured with SQLite, an unoptimized build and 2,000,000 outcomes in the
/// table: 1 ms for 1000 outcomes of one notification, 8 ms at most; 40 ms for 500 notifications of one participant.
/// With 20,000 rows these are 40 ms and 1.4 s, and the whole purge takes no less time.
pub(super) const ROWS_PER_STEP: u32 = 1000;

/// The participant of the `n`th outcome after `after`, in key order; `None` if there are fewer.
pub(super) fn nth_participant(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    after: Option<ParticipantId>,
    n: u32,
) -> QueryResult<Option<ParticipantId>> {
    deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.ge(ParticipantId::first_after(after)))
        .order(deliveries::participant_id)
        .select(deliveries::participant_id)
        .limit(1)
        .offset(i64::from(n) - 1)
        .first(connection)
        .optional()
}

/// Deletes the outcomes of `after < participant <= up_to`, unless their notification exists.
pub(super) fn delete_outcomes(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    after: Option<ParticipantId>,
    up_to: ParticipantId,
) -> QueryResult<usize> {
    diesel::delete(
        deliveries::table
            .filter(deliveries::notification_id.eq(notification_id))
            .filter(deliveries::participant_id.ge(ParticipantId::first_after(after)))
            .filter(deliveries::participant_id.le(up_to))
            .filter(not(exists(notifications::table.find(notification_id)))),
    )
    .execute(connection)
}

/// Deletes at most `ROWS_PER_STEP` rows that belong to a notification, unless it exists, and returns their number. `$id` is their
/// key within the notification.
macro_rules! delete_step {
    ($connection:expr, $notification_id:expr, $table:ident, $id:ident) => {{
        let of_notification = $table::table.filter($table::notification_id.eq($notification_id));
        let last: Option<ParticipantId> = of_notification
            .order($table::$id)
            .select($table::$id)
            .limit(1)
            .offset(i64::from(ROWS_PER_STEP) - 1)
            .first($connection)
            .optional()?;
        diesel::delete(
            of_notification
                .filter($table::$id.le(last.unwrap_or(ParticipantId::MAX)))
                .filter(not(exists(notifications::table.find($notification_id)))),
        )
        .execute($connection)
    }};
}

/// Deletes a step of the deferrals of a notification.
pub(super) fn delete_deferrals(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
) -> QueryResult<usize> {
    delete_step!(connection, notification_id, deferrals, participant_id)
}

/// Deletes a step of its recipients.
pub(super) fn delete_recipients(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
) -> QueryResult<usize> {
    delete_step!(connection, notification_id, recipients, id)
}

/// How many rows of the outbox were taken before.
pub(super) fn count_outbox_rows(connection: &mut AnyConnection, before: NaiveDateTime) -> QueryResult<u64> {
    let taken: i64 = outbox::table.filter(outbox::taken_at.lt(before)).count().get_result(connection)?;
    Ok(taken.unsigned_abs())
}

/// Deletes a step of them, and returns their number.
pub(super) fn delete_outbox_rows(
    connection: &mut AnyConnection,
    before: NaiveDateTime,
) -> QueryResult<usize> {
    let ids: Vec<i64> = outbox::table
        .filter(outbox::taken_at.lt(before))
        .select(outbox::id)
        .limit(ROWS_PER_STEP.into())
        .load(connection)?;
    diesel::delete(outbox::table.filter(outbox::id.eq_any(ids))).execute(connection)
}

/// Soft bounces that count no more.
#[diesel::dsl::auto_type]
fn old_soft_bounces(now: NaiveDateTime) -> _ {
    let until: NaiveDateTime = now - SOFT_FOR;
    soft_bounces::table.filter(soft_bounces::reported_at.lt(until))
}

/// Erasures that need not be known any more.
#[diesel::dsl::auto_type]
fn old_erasures(before: NaiveDateTime, now: NaiveDateTime) -> _ {
    let until: NaiveDateTime = before.min(now - KEPT_FOR);
    erasures::table.filter(erasures::begun_at.lt(until))
}

/// How many there are of both. Suppressions are never purged.
pub(super) fn count_old_records(
    connection: &mut AnyConnection,
    before: NaiveDateTime,
) -> QueryResult<(u64, u64)> {
    let now = dispatch::clock(connection)?;
    let soft_bounces: i64 = old_soft_bounces(now).count().get_result(connection)?;
    let erasures: i64 = old_erasures(before, now).count().get_result(connection)?;
    Ok((soft_bounces.unsigned_abs(), erasures.unsigned_abs()))
}

/// Deletes them, and returns their numbers.
pub(super) fn delete_old_records(
    connection: &mut AnyConnection,
    before: NaiveDateTime,
) -> QueryResult<(u64, u64)> {
    let now = dispatch::clock(connection)?;
    let soft_bounces = diesel::delete(old_soft_bounces(now)).execute(connection)?;
    let erasures = diesel::delete(old_erasures(before, now)).execute(connection)?;
    Ok((soft_bounces as u64, erasures as u64))
}
