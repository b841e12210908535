//! Retention: deletes old notifications and their outcomes, in small transactions. What may be deleted is left to
//! `selection`.
//!
//! A notification is deleted before its outcomes. From then on it does not exist: `status` does not list it, a worker that
//! gets its message opens a new notification under a new key, and the ledger refuses the writes of a lease on it. In the
//! other order, `status` would show participants without an outcome, and a retry would mail all of them again. The outcomes
//! that an interrupted purge has left behind belong to no notification; the next purge deletes them first.
//!
//! A completed notification with deferrals is kept: its mails are still to be sent. Those of an abandoned one are not. Its
//! deferrals are deleted last, like those of a notification that was deleted by hand. So are lists of recipients. At the very end come rows
//! of the outbox that were taken long enough ago: the ledger has had their notifications since then; soft bounces that count no more; and the
//! log of erasures, which is kept for three years. Suppressions stay.

use std::collections::VecDeque;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::{count_star, max, min, not};
use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::retention::deletion::{
    ROWS_PER_STEP, count_old_records, count_outbox_rows, delete_deferrals, delete_old_records,
    delete_outbox_rows, delete_outcomes, delete_recipients, nth_participant,
};
use crate::store::ledger::retention::selection::{
    KEYS_PER_QUERY, ended_before, find_orphaned_deferrals, find_orphaned_outcomes, find_orphaned_recipients,
    purge_eligible, purgeable, will_be_swept,
};
use crate::store::ledger::row::NotificationState;
use crate::store::schema::{deliveries, notifications};

mod deletion;
pub(crate) mod selection;

/// A purge, between its transactions.
pub struct Purge<'a> {
    store: &'a Store,
    /// Deletes notifications that were completed or abandoned before, UTC.
    before: NaiveDateTime,
    /// To be deleted next: expired notifications, and keys of deleted ones that still have outcomes.
    pending: VecDeque<NotificationId>,
    /// Deleted notifications that still have deferrals. They are searched for when nothing else is left.
    orphaned_deferrals: Option<VecDeque<NotificationId>>,
    /// Deleted notifications that still have a list of recipients, once they were looked for.
    orphaned_recipients: Option<VecDeque<NotificationId>>,
    /// The largest key up to which the search for expired notifications has come.
    searched_up_to: NotificationId,
    /// A deleted notification that still has outcomes of participants with larger keys than this one.
    current: Option<(NotificationId, Option<ParticipantId>)>,
}

/// What a purge will delete, and what it will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurgePlan {
    /// Deletes notifications that were completed or abandoned before, UTC.
    pub before: NaiveDateTime,
    /// Notifications to be deleted.
    pub notifications: u64,
    /// Their outcomes, and those that an interrupted purge has left behind.
    pub outcomes: u64,
    /// When the first of these notifications ended, UTC.
    pub oldest: Option<NaiveDateTime>,
    /// When the last of these notifications ended, UTC.
    pub newest: Option<NaiveDateTime>,
    /// Those of them that are abandoned.
    pub abandoned: Vec<NotificationId>,
    /// Expired, but kept: no ack is recorded, so their message may come again, and must find them.
    pub not_acked: Vec<NotificationId>,
    /// Expired, but kept: a retry has leased them.
    pub leased: Vec<NotificationId>,
    /// Expired, but kept: some of their mails are deferred.
    pub deferred: Vec<NotificationId>,
    /// Rows of the outbox that were taken before, to be deleted.
    pub outbox_rows: u64,
    /// Soft bounces that count no more.
    pub soft_bounces: u64,
    /// Rows of the log of erasures that are old enough.
    pub erasures: u64,
}

/// What was deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Notifications.
    pub notifications: u64,
    /// Outcomes.
    pub outcomes: u64,
    /// Rows of the outbox.
    pub outbox_rows: u64,
    /// Soft bounces.
    pub soft_bounces: u64,
    /// Rows of the log of erasures.
    pub erasures: u64,
}

impl Store {
    /// Prepares to delete notifications that were completed or abandoned longer than `age` ago, by the database's clock. Reads the keys
    /// of all notifications once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn purge(&self, age: TimeDelta) -> Result<Purge<'_>, StoreError> {
        self.run("find old notifications", |connection| {
            let before = dispatch::clock(connection)?.checked_sub_signed(age).unwrap_or(NaiveDateTime::MIN);
            Ok(Purge {
                store: self,
                before,
                pending: find_orphaned_outcomes(connection)?,
                orphaned_deferrals: None,
                orphaned_recipients: None,
                searched_up_to: NotificationId(0),
                current: None,
            })
        })
    }
}

impl Purge<'_> {
    /// Counts and deletes nothing. The numbers are right before the first step.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn plan(&self) -> Result<PurgePlan, StoreError> {
        let before = self.before;
        self.store.read("count old notifications", |connection| {
            let now = dispatch::clock(connection)?;
            let (notifications, oldest, newest) = purgeable(before, now)
                .select((count_star(), min(notifications::completed_at), max(notifications::completed_at)))
                .first::<(i64, _, _)>(connection)?;
            let mut outcomes: i64 = deliveries::table
                .filter(deliveries::notification_id.eq_any(purgeable(before, now).select(notifications::id)))
                .count()
                .get_result(connection)?;
            for id in &self.pending {
                outcomes += deliveries::table
                    .filter(deliveries::notification_id.eq(id))
                    .count()
                    .get_result::<i64>(connection)?;
            }
            let (soft_bounces, erasures) = count_old_records(connection, before)?;
            Ok(PurgePlan {
                before,
                notifications: notifications.unsigned_abs(),
                outcomes: outcomes.unsigned_abs(),
                oldest,
                newest,
                abandoned: purgeable(before, now)
                    .filter(notifications::state.eq(NotificationState::Abandoned.as_str()))
                    .order(notifications::id)
                    .select(notifications::id)
                    .load(connection)?,
                not_acked: ended_before(before)
                    .filter(notifications::acked_at.is_null())
                    .order(notifications::id)
                    .select(notifications::id)
                    .load(connection)?,
                leased: purge_eligible(before)
                    .filter(notifications::lease_until.gt(now))
                    .filter(not(will_be_swept()))
                    .order(notifications::id)
                    .select(notifications::id)
                    .load(connection)?,
                deferred: purge_eligible(before)
                    .filter(will_be_swept())
                    .order(notifications::id)
                    .select(notifications::id)
                    .load(connection)?,
                outbox_rows: count_outbox_rows(connection, before)?,
                soft_bounces,
                erasures,
            })
        })
    }

    /// Deletes at most `ROWS_PER_STEP` rows in one transaction. `None` when nothing is left.
    ///
    /// # Errors
    /// When the database does not answer; then this transaction has changed nothing, and a new purge continues.
    pub fn step(&mut self) -> Result<Option<Purged>, StoreError> {
        let is_idle = |purge: &Self| purge.current.is_none() && purge.pending.is_empty();
        if is_idle(self) && self.orphaned_deferrals.is_none() {
            self.find_more()?;
        }
        if is_idle(self) {
            return self.delete_orphaned_deferrals();
        }
        let (store, pending, current) = (self.store, self.pending.clone(), self.current);
        let deleted = store.write("delete old notifications", |connection| {
            // After a conflict the transaction is repeated from where it began.
            self.pending.clone_from(&pending);
            self.current = current;
            self.delete_some(connection)
        })?;
        Ok(Some(deleted))
    }

    /// The last steps but those of [`Self::delete_orphaned_recipients`].
    fn delete_orphaned_deferrals(&mut self) -> Result<Option<Purged>, StoreError> {
        let store = self.store;
        let orphaned = match &mut self.orphaned_deferrals {
            Some(orphaned) => orphaned,
            none => none.insert(store.run("find old deferrals", find_orphaned_deferrals)?),
        };
        let Some(id) = orphaned.front().copied() else { return self.delete_orphaned_recipients() };
        if store.write("delete old deferrals", |connection| delete_deferrals(connection, id))? == 0 {
            orphaned.pop_front();
        }
        Ok(Some(Purged::default()))
    }

    fn delete_orphaned_recipients(&mut self) -> Result<Option<Purged>, StoreError> {
        let store = self.store;
        let orphaned = match &mut self.orphaned_recipients {
            Some(orphaned) => orphaned,
            none => none.insert(store.run("find old recipients", find_orphaned_recipients)?),
        };
        let Some(id) = orphaned.front().copied() else { return self.delete_outbox_rows() };
        if store.write("delete old recipients", |connection| delete_recipients(connection, id))? == 0 {
            orphaned.pop_front();
        }
        Ok(Some(Purged::default()))
    }

    fn delete_outbox_rows(&self) -> Result<Option<Purged>, StoreError> {
        let before = self.before;
        let deleted = self
            .store
            .write("delete old rows of the outbox", |connection| delete_outbox_rows(connection, before))?;
        if deleted == 0 {
            return self.delete_old_records();
        }
        Ok(Some(Purged { outbox_rows: deleted as u64, ..Purged::default() }))
    }

    fn delete_old_records(&self) -> Result<Option<Purged>, StoreError> {
        let before = self.before;
        let (soft_bounces, erasures) =
            self.store.write("delete old records about addresses", |connection| {
                delete_old_records(connection, before)
            })?;
        let purged = Purged { soft_bounces, erasures, ..Purged::default() };
        Ok((purged != Purged::default()).then_some(purged))
    }

    fn find_more(&mut self) -> Result<(), StoreError> {
        let Self { before, searched_up_to, .. } = self;
        let ids: Vec<NotificationId> = self.store.run("find old notifications", |connection| {
            let now = dispatch::clock(connection)?;
            purgeable(*before, now)
                .filter(notifications::id.gt(*searched_up_to))
                .order(notifications::id)
                .select(notifications::id)
                .limit(KEYS_PER_QUERY)
                .load(connection)
        })?;
        self.searched_up_to = ids.last().copied().unwrap_or(self.searched_up_to);
        self.pending = ids.into();
        Ok(())
    }

    fn delete_some(&mut self, connection: &mut AnyConnection) -> QueryResult<Purged> {
        let now = dispatch::clock(connection)?;
        let mut purged = Purged::default();
        let mut rows_left = ROWS_PER_STEP;
        while rows_left > 0 {
            let (id, after) = if let Some(current) = self.current.take() {
                current
            } else if let Some(id) = self.pending.pop_front() {
                // It may have been leased since the search.
                let expired = purgeable(self.before, now).filter(notifications::id.eq(id));
                purged.notifications += diesel::delete(expired).execute(connection)? as u64;
                rows_left -= 1;
                if rows_left == 0 {
                    self.current = Some((id, None));
                    break;
                }
                (id, None)
            } else {
                break;
            };
            let last = nth_participant(connection, id, after, rows_left)?;
            let deleted = delete_outcomes(connection, id, after, last.unwrap_or(ParticipantId::MAX))?;
            purged.outcomes += deleted as u64;
            rows_left = rows_left.saturating_sub(u32::try_from(deleted).unwrap_or(u32::MAX));
            // None deleted: the notification was kept, or another purge has deleted its outcomes.
            self.current = last.filter(|_| deleted > 0).map(|last| (id, Some(last)));
        }
        Ok(purged)
    }
}
