//! How a notification ends: completed once everyone is decided or deferred, which is checked against the tables, or
//! abandoned. Acks are left to `acks`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::NaiveDateTime;
use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::DatabaseTime;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::row::NotificationState;
use crate::store::schema::{deferrals, deliveries, notifications, participants};
use crate::store::source::participants::find_page_ids;

/// A notification that is to be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completing {
    /// Its lease.
    pub lease: Lease,
    /// Everyone up to this participant is known to be decided or deferred (see [`Store::find_decided_end`]).
    pub after: ParticipantId,
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

/// How far all participants of a range are decided or deferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedPage {
    /// One of them is not.
    Undecided,
    /// All up to this one; there are more behind it.
    UpTo(ParticipantId),
    /// All up to the frozen end.
    Last,
}

impl Store {
    /// Completes notifications in one transaction, and ends their leases. One result for each, in their order. One that is
    /// completed already keeps its time.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed, or the reply to the commit was lost: it may be repeated.
    pub fn complete_notifications(&self, completing: &[Completing]) -> Result<Vec<Completion>, StoreError> {
        if completing.is_empty() {
            return Ok(Vec::new());
        }
        // The common case is one statement, without a transaction around it.
        if let [one] = completing
            && self.write_once("complete a notification", |connection| complete_one(connection, *one))? > 0
        {
            return Ok(vec![Completion::Completed]);
        }
        let mut ids: Vec<NotificationId> = completing.iter().map(|one| one.lease.notification_id).collect();
        ids.sort_unstable();
        self.write("complete notifications", |connection| {
            let leases = dispatch::lock_notifications(connection, &ids)?;
            let mut by_end: BTreeMap<ParticipantId, Vec<NotificationId>> = BTreeMap::new();
            for one in completing.iter().filter(|one| leases.contains(&one.lease)) {
                by_end.entry(one.after).or_default().push(one.lease.notification_id);
            }
            let valid: usize = by_end.values().map(Vec::len).sum();
            let mut completed = 0;
            for (after, ids) in &by_end {
                completed += complete(connection, ids, *after)?;
            }
            // Unless all of them were completed just now, each one is looked at.
            let ended = if completed == valid { None } else { Some(find_completed(connection, &ids)?) };
            let result = |one: &Completing| {
                let is_completed =
                    ended.as_ref().is_none_or(|ended| ended.contains(&one.lease.notification_id));
                match leases.contains(&one.lease) {
                    false => Completion::LeaseLost,
                    true if is_completed => Completion::Completed,
                    true => Completion::Undecided,
                }
            };
            Ok(completing.iter().map(result).collect())
        })
    }

    /// Whether the first `limit` participants behind `after` are decided or deferred. Range queries and no join, as for the
    /// pages of a fan-out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_decided_end(
        &self,
        notification: &Notification,
        after: ParticipantId,
        limit: u32,
    ) -> Result<DecidedPage, StoreError> {
        let Audience::Event { id: event_id, up_to } = notification.audience;
        let page = self.run("read the keys of participants", |connection| {
            find_page_ids(connection, event_id, after, up_to, limit)
        })?;
        let Some(last) = page.last().copied() else { return Ok(DecidedPage::Last) };
        let mut undecided: BTreeSet<ParticipantId> = page.iter().copied().collect();
        for id in self.decided_between(notification.id, after, last)? {
            undecided.remove(&id);
        }
        if !undecided.is_empty() {
            let deferred = self.deferrals_between(notification.id, after, last)?;
            undecided.retain(|id| !deferred.contains_key(id));
        }
        Ok(match undecided.is_empty() {
            false => DecidedPage::Undecided,
            true if page.len() < limit as usize => DecidedPage::Last,
            true => DecidedPage::UpTo(last),
        })
    }

    /// Marks a notification as abandoned for a `reason`, and ends its lease. `false` when the lease is not valid any more;
    /// then nothing has changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn abandon_notification(&self, lease: Lease, reason: &str) -> Result<bool, StoreError> {
        self.write("abandon a notification", |connection| {
            let leased =
                notifications::table.find(lease.notification_id).filter(notifications::epoch.eq(lease.epoch));
            let abandoned =
                diesel::update(leased.filter(notifications::state.eq_any(NotificationState::OPEN)))
                    .set((
                        notifications::state.eq(NotificationState::Abandoned.as_str()),
                        notifications::completed_at.eq(DatabaseTime::now().nullable()),
                        notifications::reason.eq(reason),
                        notifications::lease_owner.eq(None::<String>),
                        notifications::lease_until.eq(None::<NaiveDateTime>),
                    ))
                    .execute(connection)?;
            // It is abandoned already if the reply to the first try was lost.
            let abandoned_before =
                leased.filter(notifications::state.eq(NotificationState::Abandoned.as_str()));
            Ok(abandoned > 0 || abandoned_before.count().get_result::<i64>(connection)? > 0)
        })
    }
}

/// The participants behind `after` of a notification who are neither decided nor deferred.
#[diesel::dsl::auto_type]
fn undecided(after: ParticipantId) -> _ {
    let decided = deliveries::table
        .filter(deliveries::notification_id.eq(notifications::id))
        .filter(deliveries::participant_id.eq(participants::id));
    let deferred = deferrals::table
        .filter(deferrals::notification_id.eq(notifications::id))
        .filter(deferrals::participant_id.eq(participants::id));
    participants::table
        .filter(participants::event_id.nullable().eq(notifications::event_id))
        .filter(participants::id.gt(after))
        .filter(participants::id.le(notifications::max_participant_id))
        .filter(not(exists(decided)))
        .filter(not(exists(deferred)))
}

/// The columns of a completed notification, which has no lease.
#[diesel::dsl::auto_type]
fn completed() -> _ {
    let state: &'static str = NotificationState::Completed.as_str();
    let now: diesel::dsl::Nullable<DatabaseTime> = DatabaseTime::now().nullable();
    let owner: Option<String> = None;
    let until: Option<NaiveDateTime> = None;
    (
        notifications::state.eq(state),
        notifications::completed_at.eq(now),
        notifications::lease_owner.eq(owner),
        notifications::lease_until.eq(until),
    )
}

/// Completes those of the notifications, which are locked, whose participants behind `after` are all decided or deferred.
/// Returns their number.
fn complete(
    connection: &mut AnyConnection,
    ids: &[NotificationId],
    after: ParticipantId,
) -> QueryResult<usize> {
    let running = notifications::table
        .filter(notifications::id.eq_any(ids))
        .filter(notifications::state.eq(NotificationState::Running.as_str()));
    diesel::update(running.filter(not(exists(undecided(after.max(ParticipantId(0)))))))
        .set(completed())
        .execute(connection)
}

/// The same for one that is not locked.
fn complete_one(connection: &mut AnyConnection, one: Completing) -> QueryResult<usize> {
    let running = notifications::table
        .find(one.lease.notification_id)
        .filter(notifications::epoch.eq(one.lease.epoch))
        .filter(notifications::state.eq(NotificationState::Running.as_str()));
    diesel::update(running.filter(not(exists(undecided(one.after.max(ParticipantId(0)))))))
        .set(completed())
        .execute(connection)
}

/// Those of the notifications that are completed.
fn find_completed(
    connection: &mut AnyConnection,
    ids: &[NotificationId],
) -> QueryResult<HashSet<NotificationId>> {
    notifications::table
        .filter(notifications::id.eq_any(ids))
        .filter(notifications::state.eq(NotificationState::Completed.as_str()))
        .select(notifications::id)
        .load_iter(connection)?
        .collect()
}
