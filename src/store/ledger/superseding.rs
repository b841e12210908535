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
use crate::store::ledger::dry_runs::is_of_dry_run;
use crate::store::ledger::leases::no_lease;
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::ledger::tally::of_event;
use crate::store::schema::{deferrals, notifications};

/// What the other notifications of an event mean for one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Related {
    /// The newest one that supersedes it. An abandoned UPDATED does not: it is not sent. Nor does one that waits for further ones, or
    /// of which a dry run has the mails.
    pub newer: Option<NotificationId>,
    /// Whether [`Store::list_superseded`] may have some.
    pub has_older: bool,
}

/// Another notification of the same event.
#[derive(Queryable, Selectable)]
#[diesel(table_name = notifications)]
struct Other {
    id: NotificationId,
    kind: String,
    state: String,
    superseded_by: Option<NotificationId>,
    coalescing_since: Option<NaiveDateTime>,
    lease_owner: Option<String>,
}

impl Other {
    /// Whether it ends an older one of this kind, with these details.
    fn supersedes(&self, older: Kind, details: Option<&DetailsJson>) -> bool {
        let Some(kind) = Kind::from_word(&self.kind) else { return false };
        let is_abandoned = self.state == NotificationState::Abandoned.as_str();
        // It ends older ones once it begins.
        let is_coalescing = self.coalescing_since.is_some()
            && self.state == NotificationState::Waiting.as_str()
            && self.lease_owner.is_none();
        self.superseded_by.is_none()
            && !(is_abandoned && kind != Kind::Cancelled)
            && !is_coalescing
            && supersedes(kind, older, details)
    }
}

/// Those of which people may get a mail yet.
#[diesel::dsl::auto_type]
fn may_be_sent() -> _ {
    let set_aside: &'static str = NotificationState::SetAside.as_str();
    let abandoned: &'static str = NotificationState::Abandoned.as_str();
    let deferred = deferrals::table.filter(deferrals::notification_id.eq(notifications::id));
    notifications::completed_at
        .is_null()
        .or(notifications::state.eq(set_aside))
        .or(notifications::lease_owner.is_not_null())
        .or(exists(deferred).and(notifications::state.ne(abandoned)))
}

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
    /// What the other notifications of the event mean for this one, which has these details: one query, because every fan-out begins with
    /// it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_related(
        &self,
        notification: &Notification,
        details: Option<&DetailsJson>,
    ) -> Result<Related, StoreError> {
        if notification.event_id.is_none() {
            return Ok(Related::default());
        }
        self.run("look for other notifications of an event", |connection| {
            let others: Vec<Other> = of_event(notification.event_id)
                .filter(notifications::id.ne(notification.id))
                .filter(notifications::id.gt(notification.id).or(may_be_sent().assume_not_null()))
                .order(notifications::id.desc())
                .select(Other::as_select())
                .load(connection)?;
            let Notification { id, kind, .. } = *notification;
            let mut newer = None;
            for other in others.iter().filter(|other| other.id > id && other.supersedes(kind, details)) {
                if !is_of_dry_run(connection, other.id)? {
                    newer = Some(other);
                    break;
                }
            }
            let has_older = others.iter().any(|other| {
                let older = Kind::from_word(&other.kind);
                other.id < id && older.is_some_and(|older| supersedes(kind, older, None))
            });
            Ok(Related { newer: newer.map(|newer| newer.id), has_older })
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
            let rows: Vec<NotificationRow> = of_event(newer.event_id)
                .filter(notifications::id.lt(newer.id))
                .filter(may_be_sent().assume_not_null())
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
