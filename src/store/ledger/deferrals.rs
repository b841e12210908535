//! Deferrals: mails that were tried in vain for a temporary reason, with the time of the next attempt. What the sweep of
//! a worker reads of them. How they are written is left to `recording`; when a mail is deferred, and for how long, to the
//! worker.
//!
//! A participant has a deferral, a delivery, or neither. If a program other than this one has written a delivery beside a
//! deferral, the delivery counts: [`Store::read_due_page`] deletes the deferral.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::dsl::{exists, min};
use diesel::prelude::*;

use crate::domain::audience::Audience;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::recording::{delete_up_to, find_decided};
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::{deferrals, notifications};
use crate::store::source::participants::find_by_ids;

pub(crate) mod recording;

/// Which columns a deferral is read from.
type Columns = (ParticipantId, i32, Option<i32>, NaiveDateTime);
const COLUMNS: (deferrals::participant_id, deferrals::tries, deferrals::smtp_code, deferrals::next_try_at) =
    (deferrals::participant_id, deferrals::tries, deferrals::smtp_code, deferrals::next_try_at);

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

/// A deferral with its participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeferredParticipant {
    /// The deferral.
    pub deferral: Deferral,
    /// The participant; `None` when they have left the event.
    pub participant: Option<Participant>,
}

impl Store {
    /// Up to `limit` completed notifications with a deferral that is due by the database's clock, the one that has waited
    /// longest first. Those that are running are left out: their message brings a fan-out, and a second lease would fence
    /// that off. The holder of a lease, if there is one, may be alive.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_due_notifications(&self, limit: u32) -> Result<Vec<NotificationRecord>, StoreError> {
        self.run("list notifications with due deferrals", |connection| {
            let clock = dispatch::clock(connection)?;
            let limit = limit as usize;
            let (mut listed, mut seen) = (Vec::new(), Vec::new());
            while listed.len() < limit {
                let ids = find_due_notifications(connection, clock, &seen, limit - listed.len())?;
                if ids.is_empty() {
                    break;
                }
                listed.extend(load_completed(connection, clock, &ids)?);
                seen.extend(ids);
            }
            Ok(listed)
        })
    }

    /// The time until the next deferral is due, by the database's clock: zero when one is due, `None` when there is none.
    /// Deferrals of running notifications count, although [`Self::list_due_notifications`] leaves them out: pause before
    /// asking again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn time_to_next_deferral(&self) -> Result<Option<Duration>, StoreError> {
        self.run("find the next deferral", |connection| {
            let clock = dispatch::clock(connection)?;
            let next: Option<NaiveDateTime> =
                deferrals::table.select(min(deferrals::next_try_at)).first(connection)?;
            Ok(next.map(|next| positive(next - clock)))
        })
    }

    /// Up to `limit` due deferrals of the notification with keys after `after`, in key order, with their participants. An
    /// empty page is the last one; one with fewer than `limit` rows may be followed by another.
    ///
    /// Two range queries and no join, as for the pages of a fan-out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read_due_page(
        &self,
        notification: &Notification,
        after: ParticipantId,
        limit: u32,
    ) -> Result<Vec<DeferredParticipant>, StoreError> {
        let Audience::Event { id: event_id, .. } = notification.audience;
        let (page, participants, decided) = self.run("read a page of deferrals", |connection| {
            let page = find_due_page(connection, notification.id, after, limit)?;
            let ids: Vec<ParticipantId> = page.iter().map(|deferral| deferral.participant_id).collect();
            let participants = find_by_ids(connection, event_id, &ids)?;
            let pairs = ids.iter().map(|id| (notification.id, *id));
            Ok((page, participants, find_decided(connection, pairs)?))
        })?;
        if !decided.is_empty() {
            self.delete_replaced(notification.id, &decided)?;
        }
        let mut participants: HashMap<ParticipantId, Participant> =
            participants.into_iter().map(|participant| (participant.id, participant)).collect();
        let undecided = page
            .into_iter()
            .filter(|deferral| !decided.contains(&(notification.id, deferral.participant_id)));
        Ok(undecided
            .map(|deferral| DeferredParticipant {
                participant: participants.remove(&deferral.participant_id),
                deferral,
            })
            .collect())
    }

    /// The deferrals of the participants with `after < id <= up_to`, due or not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn deferrals_between(
        &self,
        notification_id: NotificationId,
        after: ParticipantId,
        up_to: ParticipantId,
    ) -> Result<HashMap<ParticipantId, Deferral>, StoreError> {
        self.run("read which participants are deferred", |connection| {
            let clock = dispatch::clock(connection)?;
            let rows: Vec<Columns> = deferrals::table
                .filter(deferrals::notification_id.eq(notification_id))
                .filter(deferrals::participant_id.gt(after))
                .filter(deferrals::participant_id.le(up_to))
                .select(COLUMNS)
                .load(connection)?;
            Ok(rows
                .into_iter()
                .map(|row| deferral(row, clock))
                .map(|found| (found.participant_id, found))
                .collect())
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
                .filter(notifications::event_id.eq(event_id))
                .filter(notifications::kind.eq(Kind::Cancelled.as_str()))
                .filter(notifications::id.gt(notification.id));
            diesel::select(exists(later)).get_result(connection)
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

/// Keys of notifications with due deferrals, apart from `seen`, the one that has waited longest first.
fn find_due_notifications(
    connection: &mut AnyConnection,
    clock: NaiveDateTime,
    seen: &[NotificationId],
    limit: usize,
) -> QueryResult<Vec<NotificationId>> {
    deferrals::table
        .filter(deferrals::next_try_at.le(clock))
        .filter(deferrals::notification_id.ne_all(seen))
        .group_by(deferrals::notification_id)
        .order(min(deferrals::next_try_at))
        .select(deferrals::notification_id)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)
}

/// Those of the notifications that exist and are completed, in the order of `ids`.
fn load_completed(
    connection: &mut AnyConnection,
    clock: NaiveDateTime,
    ids: &[NotificationId],
) -> QueryResult<Vec<NotificationRecord>> {
    let rows: Vec<NotificationRow> = notifications::table
        .filter(notifications::id.eq_any(ids))
        .filter(notifications::state.eq(NotificationState::Completed.as_str()))
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

fn find_due_page(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    after: ParticipantId,
    limit: u32,
) -> QueryResult<Vec<Deferral>> {
    let clock = dispatch::clock(connection)?;
    let rows: Vec<Columns> = deferrals::table
        .filter(deferrals::notification_id.eq(notification_id))
        .filter(deferrals::participant_id.gt(after))
        .filter(deferrals::next_try_at.le(clock))
        .order(deferrals::participant_id)
        .select(COLUMNS)
        .limit(limit.into())
        .load(connection)?;
    Ok(rows.into_iter().map(|row| deferral(row, clock)).collect())
}

fn deferral((participant_id, tries, code, next_try_at): Columns, clock: NaiveDateTime) -> Deferral {
    Deferral {
        participant_id,
        tries: u32::try_from(tries).unwrap_or(0).max(1),
        code: code.and_then(|code| u16::try_from(code).ok()),
        overdue: positive(clock - next_try_at),
    }
}

/// A negative time is zero.
fn positive(time: TimeDelta) -> Duration {
    time.to_std().unwrap_or_default()
}
