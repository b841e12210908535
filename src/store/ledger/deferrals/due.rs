//! Which deferrals are due: of which notifications, and a page of one notification. The statements are chosen so that their
//! cost does not depend on how many deferrals there are, as long as few are due, or many notifications have some.
//!
//! Those of an abandoned notification are never due: no worker sends it, only `fanmail retry`.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDateTime;
use diesel::dsl::min;
use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::store::backend::any::AnyConnection;
use crate::store::ledger::deferrals::row::{COLUMNS, Columns};
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::{deferrals, notifications};

/// Due deferrals that are read along the index by time. If there are no more, they are all; 1,000 take about a millisecond.
const MAX_LONGEST_DUE: usize = 1000;

/// Up to `limit` notifications, completed or set aside, with a deferral that is due at `clock`, the one that has waited longest first.
pub(crate) fn list_due(
    connection: &mut AnyConnection,
    clock: NaiveDateTime,
    limit: usize,
) -> QueryResult<Vec<NotificationRecord>> {
    let longest_due = find_longest_due(connection, clock)?;
    let mut seen = HashSet::new();
    let mut ids: Vec<NotificationId> =
        longest_due.iter().map(|(id, _)| *id).filter(|id| seen.insert(*id)).collect();
    let mut listed = Vec::new();
    for ids in ids.chunks(limit.max(1)) {
        if listed.len() < limit {
            listed.extend(load_completed(connection, clock, ids)?);
        }
    }
    // One with many deferrals hides the others. Finding them reads all that are due: 200,000 take 50 to 80 ms.
    while longest_due.len() == MAX_LONGEST_DUE && listed.len() < limit {
        let more = find_others(connection, clock, &ids, limit - listed.len())?;
        if more.is_empty() {
            break;
        }
        listed.extend(load_completed(connection, clock, &more)?);
        ids.extend(more);
    }
    listed.truncate(limit);
    Ok(listed)
}

/// Up to `limit` deferrals of the notification that are due at `clock`, with keys after `after`, in key order.
pub(crate) fn find_due_page(
    connection: &mut AnyConnection,
    clock: NaiveDateTime,
    notification_id: NotificationId,
    after: Option<ParticipantId>,
    limit: usize,
) -> QueryResult<Vec<Columns>> {
    let Some(first) = ParticipantId::first_behind(after) else { return Ok(Vec::new()) };
    let longest_due = find_longest_due(connection, clock)?;
    let of_page =
        longest_due.iter().filter(|(id, participant_id)| *id == notification_id && *participant_id >= first);
    let mut ids: Vec<ParticipantId> = of_page.map(|(_, participant_id)| *participant_id).collect();
    let due = deferrals::table
        .filter(deferrals::notification_id.eq(notification_id))
        .filter(deferrals::next_try_at.le(clock))
        .order(deferrals::participant_id)
        .select(COLUMNS);
    if ids.len() >= limit || longest_due.len() < MAX_LONGEST_DUE {
        ids.sort_unstable();
        ids.truncate(limit);
        return due.filter(deferrals::participant_id.eq_any(ids)).load(connection);
    }
    // Reads those in between that are not due: up to 200 ms for 200,000.
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    due.filter(deferrals::participant_id.ge(first)).limit(limit).load(connection)
}

/// When the next deferral is or was due.
pub(crate) fn find_next(connection: &mut AnyConnection) -> QueryResult<Option<NaiveDateTime>> {
    // The first of the index. PostgreSQL computes `min` from all rows as soon as there is a subquery.
    swept().order(deferrals::next_try_at).select(deferrals::next_try_at).first(connection).optional()
}

/// The deferrals of notifications that exist and are not abandoned. With this subquery, a database looks at the notification of
/// each deferral that it reads, and cannot join the tables.
#[diesel::dsl::auto_type]
fn swept() -> _ {
    let abandoned: &'static str = NotificationState::Abandoned.as_str();
    let state = notifications::table
        .filter(notifications::id.eq(deferrals::notification_id))
        .select(notifications::state)
        .single_value();
    deferrals::table.filter(state.ne(abandoned))
}

/// The deferrals that have been due for longest, of any notification, in that order.
fn find_longest_due(
    connection: &mut AnyConnection,
    clock: NaiveDateTime,
) -> QueryResult<Vec<(NotificationId, ParticipantId)>> {
    swept()
        .filter(deferrals::next_try_at.le(clock))
        .order(deferrals::next_try_at)
        .select((deferrals::notification_id, deferrals::participant_id))
        .limit(i64::try_from(MAX_LONGEST_DUE).unwrap_or(i64::MAX))
        .load(connection)
}

/// Keys of notifications with due deferrals, apart from `seen`, the one that has waited longest first.
fn find_others(
    connection: &mut AnyConnection,
    clock: NaiveDateTime,
    seen: &[NotificationId],
    limit: usize,
) -> QueryResult<Vec<NotificationId>> {
    swept()
        .filter(deferrals::next_try_at.le(clock))
        .filter(deferrals::notification_id.ne_all(seen))
        .group_by(deferrals::notification_id)
        .order(min(deferrals::next_try_at))
        .select(deferrals::notification_id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)
}

/// Those of the notifications that exist and are completed or set aside, in the order of `ids`.
fn load_completed(
    connection: &mut AnyConnection,
    clock: NaiveDateTime,
    ids: &[NotificationId],
) -> QueryResult<Vec<NotificationRecord>> {
    let rows: Vec<NotificationRow> = notifications::table
        .filter(notifications::id.eq_any(ids))
        .filter(notifications::state.eq_any(NotificationState::SWEPT))
        .select(NotificationRow::as_select())
        .load(connection)?;
    let mut rows: HashMap<NotificationId, NotificationRow> =
        rows.into_iter().map(|row| (row.id, row)).collect();
    let record = |row: NotificationRow| match row.into_record(clock) {
        Ok(record) => Some(record),
        Err(error) => {
            // The newer worker that has written it also sends it, and the others are not held up.
            log::debug!("leaving a notification with deferrals to another worker: {error}");
            None
        }
    };
    Ok(ids.iter().filter_map(|id| rows.remove(id).and_then(record)).collect())
}
