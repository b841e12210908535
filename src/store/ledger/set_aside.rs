//! Notifications that are set aside, because something of the application's data cannot be read, or because a dry run has met one that
//! a worker has begun. Their messages are acked, so the ledger has the rest of the work: the reason, and when it is tried again. Trying
//! it is left to the worker.
//!
//! Set aside counts as ended for its message, as abandoned does: `completed_at` has the time at which that happened first.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::lease::Lease;
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::completion::{Completing, Completion, complete_one};
use crate::store::ledger::leases::no_lease;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::notifications;

/// The first and the longest pause between two tries. In between, a pause is as long as the notification has been set aside.
const PAUSES: [TimeDelta; 2] = [TimeDelta::minutes(1), TimeDelta::minutes(5)];

/// Why a dry run sets a notification aside.
pub const MET_BY_DRY_RUN: &str =
    "a dry run has met it, and leaves it to workers that send: some of its mails are sent";

/// A notification that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its row.
    pub record: NotificationRecord,
    /// The time until it is tried again, by the database's clock; zero when that is due.
    pub due_in: Duration,
}

impl SetAside {
    fn new(record: NotificationRecord, clock: NaiveDateTime) -> Self {
        let due_in = record.not_before.and_then(|not_before| (not_before - clock).to_std().ok());
        Self { record, due_in: due_in.unwrap_or_default() }
    }
}

impl Store {
    /// Leaves a notification to workers that send: it is set aside, and due at once. `false` when the lease is not valid any more, or the
    /// notification has ended. May be repeated when the reply was lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn leave_to_senders(&self, lease: Lease) -> Result<bool, StoreError> {
        Ok(self.set_aside_for(lease, MET_BY_DRY_RUN, [TimeDelta::zero(); 2])?.is_some())
    }

    /// Sets a notification aside for a `reason`, or leaves it set aside after another try, and ends its lease. Returns the time
    /// until the next try; `None` when the lease is not valid any more, or the notification has ended: then nothing has
    /// changed. May be repeated when the reply was lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn set_aside(&self, lease: Lease, reason: &str) -> Result<Option<Duration>, StoreError> {
        self.set_aside_for(lease, reason, PAUSES)
    }

    fn set_aside_for(
        &self,
        lease: Lease,
        reason: &str,
        [shortest, longest]: [TimeDelta; 2],
    ) -> Result<Option<Duration>, StoreError> {
        self.write("set a notification aside", |connection| {
            if dispatch::lock_notifications(connection, &[lease.notification_id])? != [lease] {
                return Ok(None);
            }
            let clock = dispatch::clock(connection)?;
            let row = notifications::table.find(lease.notification_id);
            let (state, ended_at): (String, Option<NaiveDateTime>) =
                row.select((notifications::state, notifications::completed_at)).first(connection)?;
            let since = match NotificationState::from_word(&state) {
                Some(NotificationState::SetAside) => ended_at.unwrap_or(clock),
                Some(state) if state.is_open() => clock,
                _ => return Ok(None),
            };
            let pause = (clock - since).clamp(shortest, longest);
            diesel::update(row)
                .set((
                    notifications::state.eq(NotificationState::SetAside.as_str()),
                    notifications::completed_at.eq(since),
                    notifications::reason.eq(reason),
                    notifications::not_before.eq(clock.checked_add_signed(pause)),
                    no_lease(),
                ))
                .execute(connection)?;
            Ok(Some(pause.to_std().unwrap_or_default()))
        })
    }

    /// Up to `limit` notifications that are set aside, in the order in which they are due. Reads all notifications, because none
    /// of the indexes has their state: a million take 0.1 to 0.2 s.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_set_aside(&self, limit: u32) -> Result<Vec<SetAside>, StoreError> {
        self.run("list the notifications that are set aside", |connection| {
            let clock = dispatch::clock(connection)?;
            let rows: Vec<NotificationRow> = notifications::table
                .filter(notifications::state.eq(NotificationState::SetAside.as_str()))
                .order((notifications::not_before, notifications::id))
                .limit(limit.into())
                .select(NotificationRow::as_select())
                .load(connection)?;
            // A row with an unknown word is left to the newer worker that has written it.
            let records = rows.into_iter().filter_map(|row| row.into_record(clock).ok());
            Ok(records.map(|record| SetAside::new(record, clock)).collect())
        })
    }

    /// Completes a notification that is set aside, as [`Self::complete_notifications`] does with running ones. May be repeated
    /// when the reply was lost.
    ///
    /// # Errors
    /// When the database does not answer, or the participants cannot be read.
    pub fn complete_set_aside(&self, completing: Completing) -> Result<Completion, StoreError> {
        let lease = completing.lease;
        let keys = self.event_keys()?;
        self.write("complete a notification that was set aside", |connection| {
            let leased =
                notifications::table.find(lease.notification_id).filter(notifications::epoch.eq(lease.epoch));
            if complete_one(connection, &keys, completing, NotificationState::SetAside)? {
                diesel::update(leased)
                    .set((
                        notifications::reason.eq(None::<String>),
                        notifications::not_before.eq(None::<NaiveDateTime>),
                    ))
                    .execute(connection)?;
                return Ok(Completion::Completed);
            }
            let state: Option<String> = leased.select(notifications::state).first(connection).optional()?;
            Ok(match state.as_deref().and_then(NotificationState::from_word) {
                Some(NotificationState::Completed) => Completion::Completed,
                Some(NotificationState::SetAside) => Completion::Undecided,
                _ => Completion::LeaseLost,
            })
        })
    }
}
