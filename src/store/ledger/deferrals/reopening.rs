//! Failed mails of a completed notification become deferred ones that are due, so that the sweep of any worker tries them again: what
//! a person asks for who can start no process of their own. `fanmail retry` sends by itself instead, and is in `retrying`.
//!
//! Safe beside a sweep that has the lease: it works on deferrals, and what has failed is none until this is committed. A `fanmail retry`
//! that has it works on all who have no outcome, so there is nothing to do beside it.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::dsl::exists;
use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::outcome::Status;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::row::{DeferralRow, next_try_at};
use crate::store::ledger::row::{NotificationRecord, NotificationRow, NotificationState};
use crate::store::schema::{INSERT_ROWS, deferrals, deliveries, notifications, workers};

/// Mails that change in one transaction.
const PAGE: i64 = 1_000;

/// What a page has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeDue {
    /// So many mails are due now that were failed, and the last of them, if there may be more.
    Failed(u64, Option<ParticipantId>),
    /// There is no such notification.
    Unknown,
    /// It is not completed: a worker has it, or `fanmail retry` is needed.
    NotCompleted,
    /// A `fanmail retry` sends it at the moment.
    Retried,
}

impl Store {
    /// Makes up to a thousand failed mails behind `after` deferred ones that are due at once: those that may pass, and others if
    /// `permanent_too`. May be repeated.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn make_failed_due(
        &self,
        id: NotificationId,
        permanent_too: bool,
        after: Option<ParticipantId>,
    ) -> Result<MadeDue, StoreError> {
        self.write("try failed mails again", |connection| {
            dispatch::lock_notifications(connection, &[id])?;
            if let Some(refusal) = refusal(connection, id)? {
                return Ok(refusal);
            }
            let Some(first) = ParticipantId::first_behind(after) else { return Ok(MadeDue::Failed(0, None)) };
            let failed = find_failed(connection, id, permanent_too, first)?;
            let clock = dispatch::clock(connection)?;
            for some in failed.chunks(INSERT_ROWS) {
                let ids: Vec<ParticipantId> =
                    some.iter().map(|(participant_id, ..)| *participant_id).collect();
                diesel::delete(
                    deliveries::table
                        .filter(deliveries::notification_id.eq(id))
                        .filter(deliveries::participant_id.eq_any(ids)),
                )
                .execute(connection)?;
                let rows: Vec<DeferralRow> = some.iter().map(|failure| due(id, failure, clock)).collect();
                dispatch::insert_deferrals(connection, &rows)?;
            }
            let is_last = failed.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
            let last = failed.last().map(|(participant_id, ..)| *participant_id);
            Ok(MadeDue::Failed(failed.len() as u64, last.filter(|_| !is_last)))
        })
    }

    /// Makes all deferred mails of a completed notification due at once, and returns how many were not.
    ///
    /// # Errors
    /// When the database does not answer; then nothing has changed.
    pub fn make_deferred_due(&self, id: NotificationId) -> Result<u64, StoreError> {
        self.write("try deferred mails at once", |connection| {
            dispatch::lock_notifications(connection, &[id])?;
            if refusal(connection, id)?.is_some() {
                return Ok(0);
            }
            let clock = next_try_at(dispatch::clock(connection)?, Duration::ZERO);
            let later = deferrals::table
                .filter(deferrals::notification_id.eq(id))
                .filter(deferrals::next_try_at.gt(clock));
            let moved = diesel::update(later).set(deferrals::next_try_at.eq(clock)).execute(connection)?;
            Ok(moved as u64)
        })
    }
}

type Failed = (ParticipantId, Option<i32>, Option<String>);

/// Why nothing of it can be tried again so, if that is so.
fn refusal(connection: &mut AnyConnection, id: NotificationId) -> QueryResult<Option<MadeDue>> {
    let clock = dispatch::clock(connection)?;
    let row: Option<NotificationRow> =
        notifications::table.find(id).select(NotificationRow::as_select()).first(connection).optional()?;
    let Some(row) = row else { return Ok(Some(MadeDue::Unknown)) };
    let NotificationRecord { state, holder, .. } = row.into_record(clock)?;
    if state != NotificationState::Completed {
        return Ok(Some(MadeDue::NotCompleted));
    }
    let Some(holder) = holder.filter(|holder| !holder.expired) else { return Ok(None) };
    let is_worker: bool = diesel::select(exists(workers::table.find(holder.owner))).get_result(connection)?;
    Ok((!is_worker).then_some(MadeDue::Retried))
}

fn find_failed(
    connection: &mut AnyConnection,
    id: NotificationId,
    permanent_too: bool,
    first: ParticipantId,
) -> QueryResult<Vec<Failed>> {
    let mut failed = deliveries::table
        .filter(deliveries::notification_id.eq(id))
        .filter(deliveries::participant_id.ge(first))
        .filter(deliveries::status.eq(Status::Failed.as_str()))
        .into_boxed();
    if !permanent_too {
        failed = failed.filter(deliveries::permanent.eq(false));
    }
    failed
        .order(deliveries::participant_id)
        .select((deliveries::participant_id, deliveries::smtp_code, deliveries::detail))
        .limit(PAGE)
        .load(connection)
}

/// As one that was deferred for the first time: it has the whole of `DEFER_SCHEDULE` but the first pause before it.
fn due(
    notification_id: NotificationId,
    (participant_id, code, detail): &Failed,
    clock: NaiveDateTime,
) -> DeferralRow {
    DeferralRow {
        notification_id,
        participant_id: *participant_id,
        tries: 1,
        next_try_at: next_try_at(clock, Duration::ZERO),
        smtp_code: *code,
        detail: detail.clone().unwrap_or_default(),
    }
}
