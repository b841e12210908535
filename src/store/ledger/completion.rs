//! How a notification ends: completed once everyone is decided or deferred, which is checked against the tables, or
//! abandoned. Acks are left to `acks`.

use std::collections::BTreeMap;

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::DatabaseTime;
use crate::store::backend::dispatch;
use crate::store::backend::prepared::PreparedUpdate;
use crate::store::error::StoreError;
use crate::store::ledger::leases::no_lease;
use crate::store::ledger::notifications::find_completed;
use crate::store::ledger::recipients::undecided_recipients;
use crate::store::ledger::row::{NotificationState, find_event_id};
use crate::store::schema::{deferrals, deliveries, notifications, participants};
use crate::store::source::event_keys::{EventKeys, of_event};

/// A notification that is to be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completing {
    /// Its lease.
    pub lease: Lease,
    /// Everyone up to this participant is known to be decided or deferred (see [`Store::find_decided_end`]). Up to the largest
    /// key: nothing is checked.
    pub after: Option<ParticipantId>,
    /// Whether its people are listed in the ledger (`Audience::is_listed`).
    pub listed: bool,
}

/// What became of a [`Completing`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// It is completed, and its lease has ended.
    Completed,
    /// A participant up to the frozen end is neither decided nor deferred. Nothing has changed.
    Undecided,
    /// The lease is not valid any more. Nothing has changed.
    LeaseLost,
}

/// From how many notifications on one statement for all of them costs fewer round trips than one for each.
pub(crate) const LOCKED_BATCH: usize = 4;

impl Store {
    /// Completes notifications in one transaction, and ends their leases. One result for each, in their order. One that is
    /// completed already keeps its time.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed, or the reply to the commit was lost: it may be repeated.
    pub fn complete_notifications(&self, completing: &[Completing]) -> Result<Vec<Completion>, StoreError> {
        let keys = self.event_keys()?;
        match completing {
            [] => Ok(Vec::new()),
            // The common case is one statement, without a transaction around it.
            [one]
                if self.write_once("complete a notification", |connection| {
                    complete_running(connection, &keys, *one)
                })? =>
            {
                Ok(vec![Completion::Completed])
            }
            _ => self.write("complete notifications", |connection| {
                complete_all(connection, &keys, completing, None)
            }),
        }
    }
}

/// The participants from `$first` on of a notification, with `$of_event`, who are neither decided nor deferred.
macro_rules! undecided {
    ($of_event:expr, $first:expr) => {{
        let decided = deliveries::table
            .filter(deliveries::notification_id.eq(notifications::id))
            .filter(deliveries::participant_id.eq(participants::id));
        let deferred = deferrals::table
            .filter(deferrals::notification_id.eq(notifications::id))
            .filter(deferrals::participant_id.eq(participants::id));
        participants::table
            .filter($of_event)
            .filter(participants::id.ge($first))
            .filter(participants::id.le(notifications::max_participant_id))
            .filter(not(exists(decided)))
            .filter(not(exists(deferred)))
    }};
}

/// The columns of a completed notification, which has no lease.
#[diesel::dsl::auto_type]
fn completed() -> _ {
    let state: &'static str = NotificationState::Completed.as_str();
    let now: diesel::dsl::Nullable<DatabaseTime> = DatabaseTime::now().nullable();
    let no_lease: no_lease = no_lease();
    (notifications::state.eq(state), notifications::completed_at.eq(now), no_lease)
}

fn complete_running(connection: &mut AnyConnection, keys: &EventKeys, one: Completing) -> QueryResult<bool> {
    complete_one(connection, keys, one, NotificationState::Running)
}

/// Completes a notification that is in this `state` if everyone behind `after` is decided or deferred. `false`: nothing has changed. On `PostgreSQL`
/// this statement is planned for the notification's own people. With `id = ANY (…)`, it reads all participants of all events
/// (a merge join; seen with statistics of one event with a million people).
pub(crate) fn complete_one(
    connection: &mut AnyConnection,
    keys: &EventKeys,
    one: Completing,
    state: NotificationState,
) -> QueryResult<bool> {
    let leased = notifications::id
        .eq(one.lease.notification_id)
        .and(notifications::epoch.eq(one.lease.epoch))
        .and(notifications::state.eq(state.as_str()));
    let first = ParticipantId::first_after(one.after);
    let completed = if one.after == Some(ParticipantId::MAX) {
        PreparedUpdate::new(completed(), leased).execute(connection)
    } else if one.listed {
        let undecided = exists(undecided_recipients(first));
        // The list is complete.
        let is_frozen = notifications::max_participant_id.ge(0);
        PreparedUpdate::new(completed(), leased.and(is_frozen).and(not(undecided))).execute(connection)
    } else if keys.key_type == EventKeyType::Number {
        let of_event = participants::event_id.nullable().eq(notifications::event_id);
        let undecided = exists(undecided!(of_event, first));
        PreparedUpdate::new(completed(), leased.and(not(undecided))).execute(connection)
    } else if let Some(event_id) = find_event_id(connection, one.lease.notification_id)? {
        // Not compared with the column of the ledger: its collation and type are not those of the application's.
        of_event!(keys.in_participants(event_id), participants::event_id, is_of_event => {
            let undecided = exists(undecided!(is_of_event, first));
            PreparedUpdate::new(completed(), leased.and(not(undecided))).execute(connection)
        })
    } else {
        return Ok(false);
    };
    completed.map(|completed| completed > 0)
}

/// Completes those of the notifications, which are locked and have few people, for whom everyone is decided or deferred.
/// Written so that `PostgreSQL` cannot join whole tables: for each notification it looks at the people of its event, by the
/// event, and for each of them at the outcome.
fn complete_short(connection: &mut AnyConnection, ids: &[NotificationId]) -> QueryResult<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let decided = deliveries::table
        .filter(deliveries::notification_id.eq(notifications::id))
        .filter(deliveries::participant_id.eq(participants::id))
        .select(deliveries::participant_id);
    let deferred = deferrals::table
        .filter(deferrals::notification_id.eq(notifications::id))
        .filter(deferrals::participant_id.eq(participants::id))
        .select(deferrals::participant_id);
    let undecided = participants::table
        .filter(participants::event_id.nullable().eq(notifications::event_id))
        // Not by the key alone: a range of keys has the people of many events.
        .filter((participants::id + 0).le(notifications::max_participant_id))
        .filter(decided.single_value().is_null())
        .filter(deferred.single_value().is_null())
        .select(participants::id);
    let running = notifications::table
        .filter(notifications::id.eq_any(ids))
        .filter(notifications::state.eq(NotificationState::Running.as_str()));
    diesel::update(running.filter(undecided.single_value().is_null()))
        .set(completed())
        .execute(connection)
        .map(drop)
}

/// Completes notifications in a write transaction of the caller. `locked`: their leases, if they are locked already.
pub(crate) fn complete_all(
    connection: &mut AnyConnection,
    keys: &EventKeys,
    completing: &[Completing],
    locked: Option<&[Lease]>,
) -> QueryResult<Vec<Completion>> {
    let by_id: BTreeMap<Lease, Completing> = completing.iter().map(|one| (one.lease, *one)).collect();
    let is_few = by_id.len() < LOCKED_BATCH || !dispatch::has_round_trips(connection);
    if is_few && complete_each(connection, keys, &by_id)? {
        return Ok(vec![Completion::Completed; completing.len()]);
    }
    let ids: Vec<NotificationId> = by_id.keys().map(|lease| lease.notification_id).collect();
    let leases = match locked {
        Some(leases) => leases.to_vec(),
        None => dispatch::lock_notifications(connection, &ids)?,
    };
    if !is_few {
        complete_locked(connection, keys, &by_id, &leases)?;
    }
    let ended = find_completed(connection, &ids)?;
    let result = |one: &Completing| match leases.contains(&one.lease) {
        false => Completion::LeaseLost,
        true if ended.contains(&one.lease.notification_id) => Completion::Completed,
        true => Completion::Undecided,
    };
    Ok(completing.iter().map(result).collect())
}

/// Completes each with a statement of its own, which is prepared and checks the lease by itself. In key order, as in every
/// transaction that locks several notifications. Returns whether all were completed.
fn complete_each(
    connection: &mut AnyConnection,
    keys: &EventKeys,
    by_id: &BTreeMap<Lease, Completing>,
) -> QueryResult<bool> {
    let mut all = true;
    for one in by_id.values() {
        all &= complete_running(connection, keys, *one)?;
    }
    Ok(all)
}

/// Completes those whose `leases` are locked, in few statements.
fn complete_locked(
    connection: &mut AnyConnection,
    keys: &EventKeys,
    by_id: &BTreeMap<Lease, Completing>,
    leases: &[Lease],
) -> QueryResult<()> {
    let mut short = Vec::new();
    for lease in leases {
        match by_id.get(lease) {
            Some(Completing { after: None, listed: false, .. }) if keys.key_type == EventKeyType::Number => {
                short.push(lease.notification_id);
            }
            Some(one) => drop(complete_running(connection, keys, *one)?),
            None => {}
        }
    }
    complete_short(connection, &short)
}
