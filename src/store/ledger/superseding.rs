//! Notifications that a newer one of their event supersedes: which these are, and closing them. `superseded_by` has the newer one as
//! soon as that begins, so that workers which send older ones end them. Skipping the people of one is left to the worker.

use std::collections::HashMap;

use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;

use crate::domain::ids::NotificationId;
use crate::domain::kind::Kind;
use crate::domain::lease::Lease;
use crate::domain::message::details::DetailsJson;
use crate::domain::notification::Notification;
use crate::domain::superseding::supersedes;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::DatabaseTime;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::abandoning::{is_untouched, set_for_no_one};
use crate::store::ledger::leases::no_lease;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::ledger::tally::of_event;
use crate::store::schema::{deferrals, notifications};

/// What became of a notification that is to be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    /// It is completed.
    Closed,
    /// Something has become of some of its people already. Nothing has changed.
    Begun,
    /// The lease is not valid any more. Nothing has changed.
    LeaseLost,
}

impl Store {
    /// The newest notification that supersedes this one, which has these details. An abandoned UPDATED counts no more: it is not sent. Nor
    /// does one that waits for further ones.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_newer(
        &self,
        notification: &Notification,
        details: Option<&DetailsJson>,
    ) -> Result<Option<NotificationId>, StoreError> {
        if notification.event_id.is_none() {
            return Ok(None);
        }
        self.run("find a newer notification of an event", |connection| {
            let is_sent = notifications::state
                .ne(NotificationState::Abandoned.as_str())
                .or(notifications::kind.eq(Kind::Cancelled.as_str()));
            // It ends older ones once it begins.
            let has_begun = notifications::coalescing_since
                .is_null()
                .or(notifications::state.ne(NotificationState::Waiting.as_str()))
                .or(notifications::lease_owner.is_not_null());
            let newer: Vec<(NotificationId, String)> = of_event(notification.event_id)
                .filter(notifications::id.gt(notification.id))
                .filter(notifications::superseded_by.is_null())
                .filter(is_sent)
                .filter(has_begun)
                .order(notifications::id.desc())
                .select((notifications::id, notifications::kind))
                .load(connection)?;
            let supersedes = |word: &str| {
                Kind::from_word(word).is_some_and(|newer| supersedes(newer, notification.kind, details))
            };
            Ok(newer.into_iter().find(|(_, word)| supersedes(word)).map(|(id, _)| id))
        })
    }

    /// The older notifications which this one supersedes and of which people may get a mail yet, the oldest first: those that have not
    /// ended or are set aside, that a process works on, or that have deferred mails.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn list_superseded(&self, newer: &Notification) -> Result<Vec<NotificationRecord>, StoreError> {
        if newer.event_id.is_none() {
            return Ok(Vec::new());
        }
        self.run("list older notifications of an event", |connection| {
            let clock = dispatch::clock(connection)?;
            let deferred = deferrals::table.filter(deferrals::notification_id.eq(notifications::id));
            let rows: Vec<NotificationRow> = of_event(newer.event_id)
                .filter(notifications::id.lt(newer.id))
                .filter(
                    notifications::completed_at
                        .is_null()
                        .or(notifications::state.eq(NotificationState::SetAside.as_str()))
                        .or(notifications::lease_owner.is_not_null())
                        .or(exists(deferred)
                            .and(notifications::state.ne(NotificationState::Abandoned.as_str()))),
                )
                .order(notifications::id)
                .select(NotificationRow::as_select())
                .load(connection)?;
            // A row with an unknown word is left to the newer worker that has written it.
            let records = rows.into_iter().filter_map(|row| row.into_record(clock).ok());
            let is_superseded = |record: &NotificationRecord| {
                supersedes(newer.kind, record.notification.kind, record.details.as_ref())
            };
            Ok(records.filter(is_superseded).collect())
        })
    }

    /// Has whatever sends these notifications end, because `newer` begins.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn mark_superseded(&self, ids: &[NotificationId], newer: NotificationId) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write("mark notifications as superseded", |connection| {
            // Every transaction that locks several notifications does so in key order.
            dispatch::lock_notifications(connection, ids)?;
            let older = notifications::superseded_by.is_null().or(notifications::superseded_by.lt(newer));
            diesel::update(notifications::table.filter(notifications::id.eq_any(ids)).filter(older))
                .set(notifications::superseded_by.eq(newer))
                .execute(connection)
                .map(drop)
        })
    }

    /// Which of these notifications are marked as superseded, and by which.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_superseded(
        &self,
        ids: &[NotificationId],
    ) -> Result<HashMap<NotificationId, NotificationId>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        self.run("find superseded notifications", |connection| {
            notifications::table
                .filter(notifications::id.eq_any(ids))
                .filter(notifications::superseded_by.is_not_null())
                .select((notifications::id, notifications::superseded_by.assume_not_null()))
                .load_iter(connection)?
                .collect()
        })
    }

    /// Completes a notification that `newer` supersedes, if nothing has become of any of its people: it is for no one then, so that
    /// no row has to be written for each of them. May be repeated when the reply was lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn close_untouched(&self, lease: Lease, newer: NotificationId) -> Result<Closing, StoreError> {
        let id = lease.notification_id;
        self.write("close a superseded notification", |connection| {
            let Some((state, superseded_by)) = lock_state(connection, lease)? else {
                return Ok(Closing::LeaseLost);
            };
            if state == NotificationState::Completed.as_str() {
                let is_closed = superseded_by == Some(newer) && is_untouched(connection, id)?;
                return Ok(if is_closed { Closing::Closed } else { Closing::Begun });
            }
            if !NotificationState::UNDECIDED.contains(&state.as_str()) || !is_untouched(connection, id)? {
                return Ok(Closing::Begun);
            }
            set_for_no_one(connection, id)?;
            close(connection, id, newer)?;
            Ok(Closing::Closed)
        })
    }

    /// Completes a notification that `newer` supersedes and whose people were all skipped, or had an outcome. One that was completed
    /// before keeps its time. May be repeated when the reply was lost.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn close_superseded(&self, lease: Lease, newer: NotificationId) -> Result<Closing, StoreError> {
        let id = lease.notification_id;
        self.write("close a superseded notification", |connection| {
            let Some((state, _)) = lock_state(connection, lease)? else { return Ok(Closing::LeaseLost) };
            if state == NotificationState::Completed.as_str() {
                diesel::update(notifications::table.find(id))
                    .set(notifications::superseded_by.eq(newer))
                    .execute(connection)?;
            } else {
                close(connection, id, newer)?;
            }
            Ok(Closing::Closed)
        })
    }
}

/// State of a notification, and what has superseded it; `None` when the lease is not valid any more. Nothing else can change it until
/// the transaction ends.
fn lock_state(
    connection: &mut AnyConnection,
    lease: Lease,
) -> QueryResult<Option<(String, Option<NotificationId>)>> {
    if dispatch::lock_notifications(connection, &[lease.notification_id])? != [lease] {
        return Ok(None);
    }
    notifications::table
        .find(lease.notification_id)
        .select((notifications::state, notifications::superseded_by))
        .first(connection)
        .optional()
}

pub(crate) fn close(
    connection: &mut AnyConnection,
    id: NotificationId,
    newer: NotificationId,
) -> QueryResult<()> {
    diesel::update(notifications::table.find(id))
        .set((
            notifications::state.eq(NotificationState::Completed.as_str()),
            notifications::completed_at.eq(DatabaseTime::now().nullable()),
            notifications::reason.eq(None::<String>),
            notifications::not_before.eq(None::<NaiveDateTime>),
            notifications::superseded_by.eq(newer),
            no_lease(),
        ))
        .execute(connection)
        .map(drop)
}
