//! Retention: old notifications and their outcomes leave the ledger, a small transaction at a time.
//!
//! A notification goes before its outcomes. From then on it is unknown to everybody: `status` does not list it, a
//! worker that gets its message opens a new one under a new key, and whoever still holds its lease finds their
//! writes refused. The other way round `status` would show people who got nothing, and a retry would mail them
//! all again. Outcomes that an interrupted purge has left behind belong to nobody; the next purge takes them
//! first.

use std::collections::VecDeque;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::{count_star, exists, max, min, not};
use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::retention::selection::{
    KEYS, completed, find_ack_markers, find_orphaned_outcomes, purge_eligible, purgeable,
};
use crate::store::schema::{deliveries, notifications};

pub(crate) mod selection;

/// Most rows that one transaction deletes. Measured with SQLite, an unoptimized build and 2,000,000 outcomes in the
/// table: 1 ms for 1000 outcomes of one notification, 8 ms at most; 40 ms for 500 notifications of one person.
/// With 20,000 rows these are 40 ms and 1.4 s, and the whole purge takes no less time.
const ROWS: u32 = 1000;

/// One purge, between its transactions.
pub struct Purge<'a> {
    store: &'a Store,
    /// What was completed before goes, UTC.
    before: NaiveDateTime,
    /// Notifications that are kept because [`find_ack_markers`] says so.
    ack_markers: Vec<NotificationId>,
    /// Next in turn: notifications that have expired, and keys of those that are gone but for some outcomes.
    found: VecDeque<NotificationId>,
    /// Up to which key expired ones have been looked for.
    looked_up_to: NotificationId,
    /// The notification that is gone but for outcomes of participants with larger keys than this.
    current: Option<(NotificationId, ParticipantId)>,
}

/// What a purge will delete, and what it will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgePlan {
    /// What was completed before goes, UTC.
    pub before: NaiveDateTime,
    /// Notifications that go.
    pub notifications: u64,
    /// Their outcomes, and those that an interrupted purge has left behind.
    pub outcomes: u64,
    /// When the first of these notifications was completed, UTC.
    pub oldest: Option<NaiveDateTime>,
    /// When the last of them was.
    pub newest: Option<NaiveDateTime>,
    /// Old enough, but messages may still be told by them: the keys.
    pub not_acked: Vec<NotificationId>,
    /// Old enough, but somebody sends to their people: the keys.
    pub leased: Vec<NotificationId>,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Notifications.
    pub notifications: u64,
    /// Outcomes.
    pub outcomes: u64,
}

impl Store {
    /// Prepares to delete what was completed longer than `age` ago, by the database's clock. Reads through the
    /// keys of all notifications, once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn purge(&self, age: TimeDelta) -> Result<Purge<'_>, StoreError> {
        self.run("look for what is old", |connection| {
            let before = dispatch::clock(connection)?.checked_sub_signed(age).unwrap_or(NaiveDateTime::MIN);
            Ok(Purge {
                store: self,
                before,
                ack_markers: find_ack_markers(connection)?,
                found: find_orphaned_outcomes(connection)?,
                looked_up_to: NotificationId(0),
                current: None,
            })
        })
    }
}

impl Purge<'_> {
    /// Counts without deleting anything. Good before the first step.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn plan(&self) -> Result<PurgePlan, StoreError> {
        let (before, ack_markers) = (self.before, &self.ack_markers);
        self.store.read("count what is old", |connection| {
            let now = dispatch::clock(connection)?;
            let (notifications, oldest, newest) = purgeable(before, ack_markers.clone(), now)
                .select((count_star(), min(notifications::completed_at), max(notifications::completed_at)))
                .first::<(i64, _, _)>(connection)?;
            let mut outcomes: i64 = deliveries::table
                .filter(
                    deliveries::notification_id
                        .eq_any(purgeable(before, ack_markers.clone(), now).select(notifications::id)),
                )
                .count()
                .get_result(connection)?;
            for id in &self.found {
                outcomes += deliveries::table
                    .filter(deliveries::notification_id.eq(id))
                    .count()
                    .get_result::<i64>(connection)?;
            }
            let in_question = notifications::acked_at.is_null().or(notifications::id.eq_any(ack_markers));
            Ok(PurgePlan {
                before,
                notifications: notifications.unsigned_abs(),
                outcomes: outcomes.unsigned_abs(),
                oldest,
                newest,
                not_acked: completed(before)
                    .filter(in_question)
                    .order(notifications::id)
                    .select(notifications::id)
                    .load(connection)?,
                leased: purge_eligible(before, ack_markers.clone())
                    .filter(notifications::lease_until.gt(now))
                    .order(notifications::id)
                    .select(notifications::id)
                    .load(connection)?,
            })
        })
    }

    /// Deletes some, in one transaction; `None` when nothing is left.
    ///
    /// # Errors
    /// When the database does not answer; then this transaction has changed nothing, and a new purge goes on.
    pub fn step(&mut self) -> Result<Option<Purged>, StoreError> {
        if self.current.is_none() && self.found.is_empty() {
            self.find_more()?;
        }
        if self.current.is_none() && self.found.is_empty() {
            return Ok(None);
        }
        let (store, found, current) = (self.store, self.found.clone(), self.current);
        let deleted = store.write("delete what is old", |connection| {
            // A transaction that lost against another is repeated, from where it began.
            self.found.clone_from(&found);
            self.current = current;
            self.delete_some(connection)
        })?;
        Ok(Some(deleted))
    }

    fn find_more(&mut self) -> Result<(), StoreError> {
        let Self { before, ack_markers, looked_up_to, .. } = self;
        let ids: Vec<NotificationId> = self.store.run("look for what is old", |connection| {
            let now = dispatch::clock(connection)?;
            purgeable(*before, ack_markers.clone(), now)
                .filter(notifications::id.gt(*looked_up_to))
                .order(notifications::id)
                .select(notifications::id)
                .limit(KEYS)
                .load(connection)
        })?;
        self.looked_up_to = ids.last().copied().unwrap_or(self.looked_up_to);
        self.found = ids.into();
        Ok(())
    }

    fn delete_some(&mut self, connection: &mut AnyConnection) -> QueryResult<Purged> {
        let now = dispatch::clock(connection)?;
        let mut purged = Purged::default();
        let mut rows_left = ROWS;
        while rows_left > 0 {
            let (id, after) = if let Some(current) = self.current.take() {
                current
            } else if let Some(id) = self.found.pop_front() {
                // Somebody may have leased it meanwhile.
                let it =
                    purgeable(self.before, self.ack_markers.clone(), now).filter(notifications::id.eq(id));
                purged.notifications += diesel::delete(it).execute(connection)? as u64;
                rows_left -= 1;
                if rows_left == 0 {
                    self.current = Some((id, ParticipantId::MIN));
                    break;
                }
                (id, ParticipantId::MIN)
            } else {
                break;
            };
            let last = nth_participant(connection, id, after, rows_left)?;
            let deleted = delete_outcomes(connection, id, after, last.unwrap_or(ParticipantId::MAX))?;
            purged.outcomes += deleted as u64;
            rows_left = rows_left.saturating_sub(u32::try_from(deleted).unwrap_or(u32::MAX));
            // None deleted: the notification is still there, or another purge is at it.
            self.current = last.filter(|_| deleted > 0).map(|last| (id, last));
        }
        Ok(purged)
    }
}

/// The participant of the `n`th outcome from there on, in the order of their keys, if there are so many.
fn nth_participant(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    after: ParticipantId,
    n: u32,
) -> QueryResult<Option<ParticipantId>> {
    deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::participant_id.gt(after))
        .order(deliveries::participant_id)
        .select(deliveries::participant_id)
        .limit(1)
        .offset(i64::from(n) - 1)
        .first(connection)
        .optional()
}

/// Deletes outcomes of a range of participants, unless their notification is there.
fn delete_outcomes(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    after: ParticipantId,
    up_to: ParticipantId,
) -> QueryResult<usize> {
    diesel::delete(
        deliveries::table
            .filter(deliveries::notification_id.eq(notification_id))
            .filter(deliveries::participant_id.gt(after))
            .filter(deliveries::participant_id.le(up_to))
            .filter(not(exists(notifications::table.find(notification_id)))),
    )
    .execute(connection)
}
