//! New UPDATEDs that wait until no further one of their event has come for a while. They give up their lease, and the ledger has their
//! work from then on: `list_left_behind` finds each when it is due. One that comes takes the place of those that wait.

use std::collections::HashMap;

use chrono::{NaiveDateTime, SubsecRound as _, TimeDelta};
use diesel::prelude::*;

use crate::config::coalesce::Coalescing;
use crate::domain::ids::{Epoch, EventId, NotificationId};
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::message::details::DetailsJson;
use crate::domain::superseding::supersedes;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::abandoning::set_for_no_one;
use crate::store::ledger::leases::no_lease;
use crate::store::ledger::row::NotificationState;
use crate::store::ledger::superseding::close;
use crate::store::ledger::tally::of_event;
use crate::store::schema::notifications;

/// A new notification that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// When it begins, unless another one takes its place, UTC.
    pub until: NaiveDateTime,
    /// Those whose place it takes.
    pub replaced: Vec<NotificationId>,
}

/// One that waits already.
struct Waiting {
    id: NotificationId,
    epoch: Epoch,
    since: NaiveDateTime,
    details: Option<DetailsJson>,
}

/// Has those of the new notifications wait that are UPDATEDs, in the transaction that has inserted them. `clock` is the time of the
/// database's clock.
pub(crate) fn coalesce<'a>(
    connection: &mut AnyConnection,
    coalescing: Option<Coalescing>,
    clock: NaiveDateTime,
    new: impl Iterator<Item = (NotificationId, &'a Message)>,
) -> QueryResult<HashMap<NotificationId, Waits>> {
    let mut waiting = HashMap::new();
    let Some(times) = coalescing else { return Ok(waiting) };
    let mut updated: Vec<(NotificationId, EventId, &Message)> = new
        .filter(|(_, message)| message.kind == Kind::Updated)
        .filter_map(|(id, message)| Some((id, message.event_id?, message)))
        .collect();
    updated.sort_unstable_by_key(|(id, ..)| *id);
    for (id, event_id, message) in updated {
        let older = find_waiting(connection, event_id, id)?;
        let is_replaced = |one: &&Waiting| supersedes(message.kind, Kind::Updated, one.details.as_ref());
        let replaced: Vec<&Waiting> = older.iter().filter(is_replaced).collect();
        let since = replaced.iter().map(|one| one.since).min().unwrap_or(clock);
        let until = end_of(clock, times.quiet).min(end_of(since, times.longest));
        for one in &replaced {
            set_for_no_one(connection, one.id)?;
            close(connection, one.id, id)?;
            // A worker that has seen it wait must not lease it.
            diesel::update(notifications::table.find(one.id))
                .set(notifications::epoch.eq(one.epoch.next()))
                .execute(connection)?;
        }
        diesel::update(notifications::table.find(id))
            .set((
                notifications::state.eq(NotificationState::Waiting.as_str()),
                notifications::coalescing_since.eq(since),
                notifications::not_before.eq(until),
                no_lease(),
            ))
            .execute(connection)?;
        waiting.insert(id, Waits { until, replaced: replaced.iter().map(|one| one.id).collect() });
    }
    Ok(waiting)
}

impl Store {
    /// How many wait. Reads those that have not ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn count_coalescing(&self) -> Result<u64, StoreError> {
        let count: i64 = self.run("count the updates that wait for further ones", |connection| {
            notifications::table
                .filter(notifications::completed_at.is_null())
                .filter(notifications::coalescing_since.is_not_null())
                .filter(notifications::state.eq(NotificationState::Waiting.as_str()))
                .filter(notifications::lease_owner.is_null())
                .count()
                .get_result(connection)
        })?;
        Ok(count.unsigned_abs())
    }
}

fn end_of(time: NaiveDateTime, pause: std::time::Duration) -> NaiveDateTime {
    let pause = TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX);
    time.checked_add_signed(pause).unwrap_or(NaiveDateTime::MAX).trunc_subsecs(3)
}

/// Those of the event that wait and that no process has leased. Nothing else can change them until the transaction ends.
fn find_waiting(
    connection: &mut AnyConnection,
    event_id: EventId,
    newer: NotificationId,
) -> QueryResult<Vec<Waiting>> {
    let ids: Vec<NotificationId> = of_event(Some(event_id))
        .filter(notifications::id.lt(newer))
        .filter(notifications::completed_at.is_null())
        .filter(notifications::coalescing_since.is_not_null())
        .order(notifications::id)
        .select(notifications::id)
        .load(connection)?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    dispatch::lock_notifications(connection, &ids)?;
    let rows: Vec<(NotificationId, Epoch, NaiveDateTime, Option<String>)> = notifications::table
        .filter(notifications::id.eq_any(&ids))
        .filter(notifications::state.eq(NotificationState::Waiting.as_str()))
        .filter(notifications::lease_owner.is_null())
        .order(notifications::id)
        .select((
            notifications::id,
            notifications::epoch,
            notifications::coalescing_since.assume_not_null(),
            notifications::content,
        ))
        .load(connection)?;
    let details = |content: &str| DetailsJson::from_ledger(content);
    Ok(rows
        .into_iter()
        .map(|(id, epoch, since, content)| {
            let details = content.as_deref().map(details);
            Waiting { id, epoch, since, details }
        })
        .collect())
}
