//! Which notifications a purge may delete, which it must keep, and which outcomes an interrupted purge has left behind. The
//! deleting is left to `retention`.

use std::collections::VecDeque;

use chrono::NaiveDateTime;
use diesel::dsl::{exists, min, not};
use diesel::prelude::*;

use crate::domain::ids::{EventId, NotificationId};
use crate::store::backend::any::AnyConnection;
use crate::store::ledger::row::NotificationState;
use crate::store::schema::{deferrals, deliveries, notifications};

/// Most keys that one query reads.
pub const KEYS_PER_QUERY: i64 = 10_000;

/// Completed before `before`.
#[diesel::dsl::auto_type]
pub fn completed_before(before: NaiveDateTime) -> _ {
    let completed: &'static str = NotificationState::Completed.as_str();
    notifications::table
        .filter(notifications::state.eq(completed))
        .filter(notifications::completed_at.lt(before))
}

/// Completed before `before`, whose ack is recorded and which are not `ack_markers`.
#[diesel::dsl::auto_type]
pub fn purge_eligible(before: NaiveDateTime, ack_markers: Vec<NotificationId>) -> _ {
    let completed: completed_before = completed_before(before);
    completed.filter(notifications::acked_at.is_not_null()).filter(notifications::id.ne_all(ack_markers))
}

/// The same without those that are leased at the database's time `now`, and without those that have deferrals.
#[diesel::dsl::auto_type]
pub fn purgeable(before: NaiveDateTime, ack_markers: Vec<NotificationId>, now: NaiveDateTime) -> _ {
    let purge_eligible: purge_eligible = purge_eligible(before, ack_markers);
    let has_deferrals: has_deferrals = has_deferrals();
    purge_eligible
        .filter(notifications::lease_until.is_null().or(notifications::lease_until.le(now)))
        .filter(not(has_deferrals))
}

/// Whether some of its mails are deferred.
#[diesel::dsl::auto_type]
pub fn has_deferrals() -> _ {
    exists(deferrals::table.filter(deferrals::notification_id.eq(notifications::id)))
}

/// Acked notifications that keep an older one from swallowing messages. A redelivered message without an id belongs to the
/// newest notification of its kind and event if the ack of that one is not recorded. A notification whose ack was never
/// recorded, because its worker died, is harmless only while a newer one exists.
pub fn find_ack_markers(connection: &mut AnyConnection) -> QueryResult<Vec<NotificationId>> {
    let without_message_id = notifications::table.filter(notifications::message_key.is_null());
    let unacked: Vec<(EventId, String, String)> = without_message_id
        .filter(notifications::acked_at.is_null())
        .filter(notifications::event_id.is_not_null())
        .select((notifications::event_id.assume_not_null(), notifications::kind, notifications::channel))
        .distinct()
        .load(connection)?;
    let mut ack_markers = Vec::new();
    for (event_id, kind, channel) in unacked {
        let newest: Option<(NotificationId, Option<NaiveDateTime>)> = without_message_id
            .filter(notifications::event_id.eq(event_id))
            .filter(notifications::kind.eq(kind))
            .filter(notifications::channel.eq(channel))
            .order(notifications::id.desc())
            .select((notifications::id, notifications::acked_at))
            .first(connection)
            .optional()?;
        ack_markers.extend(newest.and_then(|(id, acked_at)| acked_at.map(|_| id)));
    }
    Ok(ack_markers)
}

/// Keys of notifications that are deleted and still have outcomes. Searches the gaps between the keys of notifications, so
/// that it need not read all outcomes.
pub fn find_orphaned_outcomes(connection: &mut AnyConnection) -> QueryResult<VecDeque<NotificationId>> {
    let mut orphaned_outcomes = VecDeque::new();
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
                && let Some(found) = first_with_outcomes(connection, after, id)?
            {
                orphaned_outcomes.push_back(found);
                after = found;
            }
            after = id;
        }
        if last_page {
            return Ok(orphaned_outcomes);
        }
    }
}

/// Keys of notifications that are deleted and still have deferrals. A purge leaves none: a notification with deferrals was
/// deleted by hand.
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
