//! Deferrals: mails that were tried in vain for a temporary reason, with the time of the next attempt. What the sweep of
//! a worker reads of them. How they are written is left to `recording`; when a mail is deferred, and for how long, to the
//! worker.
//!
//! A participant has a deferral, a delivery, or neither. If a program other than this one has written a delivery beside a
//! deferral, the delivery counts: [`Store::read_due_page`] deletes the deferral.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::dsl::{exists, min};
use diesel::prelude::*;

use crate::domain::ids::{EventId, NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::due::{find_due_page, find_next, list_due};
use crate::store::ledger::deferrals::recording::{delete_up_to, find_decided};
use crate::store::ledger::deferrals::row::{COLUMNS, Columns};
use crate::store::ledger::row::NotificationRecord;
use crate::store::schema::{deferrals, notifications};

pub(crate) mod due;
mod postponing;
pub(crate) mod recording;
pub mod reopening;
pub(crate) mod row;

/// When a mail is tried again, and what is known of its attempts so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deferral {
    /// The participant.
    pub participant_id: ParticipantId,
    /// How many times the mail was deferred, at least 1.
    pub tries: u32,
    /// The relay's last reply code. 354 when the body was transmitted and no reply came.
    pub code: Option<u16>,
    /// For how long the next attempt has been due, by the database's clock; zero when it is not due yet.
    pub overdue: Duration,
}

impl Deferral {
    /// The deferral of a row at the database's time `clock`.
    fn new((participant_id, tries, code, next_try_at): Columns, clock: NaiveDateTime) -> Self {
        Self {
            participant_id,
            tries: u32::try_from(tries).unwrap_or(0).max(1),
            code: code.and_then(|code| u16::try_from(code).ok()),
            overdue: (clock - next_try_at).to_std().unwrap_or_default(),
        }
    }
}

impl Store {
    /// Up to `limit` notifications, completed or set aside, with a deferral that is due by the database's clock, the one that has waited
    /// longest first. Those that are running are left out: their message brings a fan-out, and a second lease would fence
    /// that off. The holder of a lease, if there is one, may be alive.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_due_notifications(&self, limit: u32) -> Result<Vec<NotificationRecord>, StoreError> {
        self.run("list notifications with due deferrals", |connection| {
            let clock = dispatch::clock(connection)?;
            list_due(connection, clock, limit as usize)
        })
    }

    /// The time until the next deferral is due, by the database's clock: zero when one is due, `None` when there is none.
    /// Deferrals of running notifications count, although [`Self::list_due_notifications`] leaves them out: pause before
    /// asking again. Those of abandoned ones do not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn time_to_next_deferral(&self) -> Result<Option<Duration>, StoreError> {
        self.run("find the next deferral", |connection| {
            let clock = dispatch::clock(connection)?;
            Ok(find_next(connection)?.map(|next| (next - clock).to_std().unwrap_or_default()))
        })
    }

    /// Up to `limit` due deferrals of the notification with keys after `after`, in key order. An empty page is the last one; one
    /// with fewer than `limit` rows may be followed by another. While very many are due, the pages have those that have waited
    /// longest; the others come when the first page is read anew.
    ///
    /// Range queries and no join, as for the pages of a fan-out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_due_page(
        &self,
        notification_id: NotificationId,
        after: impl Into<Option<ParticipantId>>,
        limit: u32,
    ) -> Result<Vec<Deferral>, StoreError> {
        let after = after.into();
        let (mut page, decided) = self.run("read a page of deferrals", |connection| {
            let clock = dispatch::clock(connection)?;
            let page = find_due_page(connection, clock, notification_id, after, limit as usize)?;
            let page: Vec<Deferral> = page.into_iter().map(|row| Deferral::new(row, clock)).collect();
            let pairs = page.iter().map(|deferral| (notification_id, deferral.participant_id));
            let decided = find_decided(connection, pairs)?;
            Ok((page, decided))
        })?;
        if !decided.is_empty() {
            self.delete_replaced(notification_id, &decided)?;
        }
        page.retain(|deferral| !decided.contains(&(notification_id, deferral.participant_id)));
        Ok(page)
    }

    /// Up to `limit` participants of the notification whose deferrals are due, as [`Self::read_due_page`] finds them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_due_participants(
        &self,
        notification_id: NotificationId,
        limit: u32,
    ) -> Result<Vec<ParticipantId>, StoreError> {
        self.run("read who has a due deferral", |connection| {
            let clock = dispatch::clock(connection)?;
            let due = find_due_page(connection, clock, notification_id, None, limit as usize)?;
            Ok(due.into_iter().map(|(participant_id, ..)| participant_id).collect())
        })
    }

    /// The deferrals of the participants with `after < id <= up_to`, due or not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn deferrals_between(
        &self,
        notification_id: NotificationId,
        after: impl Into<Option<ParticipantId>>,
        up_to: ParticipantId,
    ) -> Result<HashMap<ParticipantId, Deferral>, StoreError> {
        let first = ParticipantId::first_after(after.into());
        self.run("read which participants are deferred", |connection| {
            let clock = dispatch::clock(connection)?;
            let rows: Vec<Columns> = deferrals::table
                .filter(deferrals::notification_id.eq(notification_id))
                .filter(deferrals::participant_id.ge(first))
                .filter(deferrals::participant_id.le(up_to))
                .select(COLUMNS)
                .load(connection)?;
            let deferrals = rows.into_iter().map(|row| Deferral::new(row, clock));
            Ok(deferrals.map(|deferral| (deferral.participant_id, deferral)).collect())
        })
    }

    /// Whether the event was cancelled after this notification was opened.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn is_cancelled_since(&self, notification: &Notification) -> Result<bool, StoreError> {
        let Some(event_id) = notification.event_id else { return Ok(false) };
        self.run("find a later cancellation", |connection| {
            let later = notifications::table
                .filter(notifications::kind.eq(Kind::Cancelled.as_str()))
                .filter(notifications::id.gt(notification.id));
            match event_id {
                EventId::Number(id) => diesel::select(exists(later.filter(notifications::event_id.eq(id))))
                    .get_result(connection),
                EventId::Text(key) => {
                    let later = later.filter(notifications::event_key.eq(key.as_str()));
                    diesel::select(exists(later)).get_result(connection)
                }
            }
        })
    }

    /// How many deferrals there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn count_deferrals(&self) -> Result<u64, StoreError> {
        self.run("count the deferrals", |connection| {
            deferrals::table.count().get_result(connection).map(i64::unsigned_abs)
        })
    }

    /// When the next deferral of a notification is or was due, UTC; `None` when it has none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_next_try(
        &self,
        notification_id: NotificationId,
    ) -> Result<Option<NaiveDateTime>, StoreError> {
        self.run("find the next deferral of a notification", |connection| {
            deferrals::table
                .filter(deferrals::notification_id.eq(notification_id))
                .select(min(deferrals::next_try_at))
                .first(connection)
        })
    }

    /// Deletes deferrals of participants who have a delivery.
    fn delete_replaced(
        &self,
        notification_id: NotificationId,
        decided: &HashSet<(NotificationId, ParticipantId)>,
    ) -> Result<(), StoreError> {
        let ids: Vec<ParticipantId> = decided.iter().map(|(_, id)| *id).collect();
        self.write("delete deferrals of decided participants", |connection| {
            delete_up_to(connection, notification_id, &ids, i32::MAX)
        })
    }
}
