//! The outcomes of the ledger. Outcomes are added, and changed only when a mail comes back (`returned`). Only `fanmail retry` deletes failed ones, and
//! those of people who had no address or a suppressed one; it and a worker that sends, those of dry-run mode; and a purge, those of old notifications.

use std::collections::{BTreeSet, HashSet};

use diesel::prelude::*;

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::outcome::{Outcome, Status, Verdict};
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::DatabaseTime;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::recording::{concern_deferrals, update_deferrals};
use crate::store::ledger::deliveries::row::DeliveryRow;
use crate::store::schema::deliveries;

pub(crate) mod row;

impl Store {
    /// Which participants with `after < id <= up_to` have an outcome already. Deferred ones have none: see
    /// [`Self::deferrals_between`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn decided_between(
        &self,
        notification_id: NotificationId,
        after: impl Into<Option<ParticipantId>>,
        up_to: ParticipantId,
    ) -> Result<HashSet<ParticipantId>, StoreError> {
        let first = ParticipantId::first_after(after.into());
        self.run("read which participants are decided", |connection| {
            deliveries::table
                .filter(deliveries::notification_id.eq(notification_id))
                .filter(deliveries::participant_id.ge(first))
                .filter(deliveries::participant_id.le(up_to))
                .select(deliveries::participant_id)
                .load_iter(connection)?
                .collect()
        })
    }

    /// Commits the outcomes of valid leases, all or none, and returns the leases that are not valid any more; their outcomes
    /// are refused. An outcome that exists already stays as it is, so this may be repeated. A mail that is deferred gets a row
    /// in `deferrals`; a later outcome of it replaces that row.
    ///
    /// # Errors
    /// When the database does not answer; then none of them is recorded.
    pub fn record_outcomes(&self, outcomes: &[Outcome]) -> Result<BTreeSet<Lease>, StoreError> {
        if outcomes.is_empty() {
            return Ok(BTreeSet::new());
        }
        if concern_deferrals(outcomes) {
            return self.write("record outcomes", |connection| insert_outcomes(connection, outcomes));
        }
        let rows = OutcomeRows::new(outcomes);
        let record = |connection: &mut AnyConnection| {
            dispatch::record_deliveries(connection, &rows.ids, &rows.deliveries)
        };
        self.write_once("record outcomes", record).map(|current| rows.refused(&current))
    }
}

/// Outcomes as the database takes them.
struct OutcomeRows {
    leases: BTreeSet<Lease>,
    ids: Vec<NotificationId>,
    deliveries: Vec<DeliveryRow>,
}

impl OutcomeRows {
    fn new(outcomes: &[Outcome]) -> Self {
        let decided_at = DatabaseTime::now();
        let leases: BTreeSet<Lease> = outcomes.iter().map(|outcome| outcome.lease).collect();
        let ids = leases.iter().map(|lease| lease.notification_id).collect();
        let deliveries =
            outcomes.iter().filter_map(|outcome| DeliveryRow::new(outcome, decided_at)).collect();
        Self { leases, ids, deliveries }
    }

    fn refused(self, current: &[Lease]) -> BTreeSet<Lease> {
        self.leases.into_iter().filter(|lease| !current.contains(lease)).collect()
    }
}

/// Adds the outcomes of valid leases in a write transaction of the caller. Returns the leases that are not valid.
pub(crate) fn insert_outcomes(
    connection: &mut AnyConnection,
    outcomes: &[Outcome],
) -> QueryResult<BTreeSet<Lease>> {
    if outcomes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = OutcomeRows::new(outcomes);
    let current = dispatch::insert_deliveries(connection, &rows.ids, &rows.deliveries)?;
    if concern_deferrals(outcomes) {
        update_deferrals(connection, outcomes, &current)?;
    }
    Ok(rows.refused(&current))
}

/// The outcomes of dry-run mode.
#[diesel::dsl::auto_type]
pub(crate) fn is_dry_run() -> _ {
    let status: &'static str = Status::Sent.as_str();
    let detail: &'static str = Verdict::DRY_RUN;
    deliveries::status.eq(status).and(deliveries::smtp_code.is_null()).and(deliveries::detail.eq(detail))
}

/// The outcomes that are not of dry-run mode. A relay's own words have a code.
#[diesel::dsl::auto_type]
pub(crate) fn is_real() -> _ {
    let dry_run: &'static str = Verdict::DRY_RUN;
    let is_real = deliveries::smtp_code
        .is_not_null()
        .or(deliveries::detail.is_null())
        .or(deliveries::detail.ne(dry_run));
    is_real.assume_not_null()
}

/// The outcomes of participants who had no address.
#[diesel::dsl::auto_type]
pub(crate) fn has_no_address() -> _ {
    let status: &'static str = Status::Skipped.as_str();
    let detail: &'static str = Verdict::NO_ADDRESS;
    deliveries::status.eq(status).and(deliveries::detail.eq(detail))
}

/// Deletes the outcomes of dry-run mode, and returns their number.
pub(crate) fn delete_dry_run(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
) -> QueryResult<usize> {
    let of_notification = deliveries::table.filter(deliveries::notification_id.eq(notification_id));
    diesel::delete(of_notification.filter(is_dry_run())).execute(connection)
}

/// Deletes outcomes `failed`, and returns their number.
pub(crate) fn delete_failed(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
    permanent_too: bool,
) -> QueryResult<usize> {
    let failed = deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .filter(deliveries::status.eq(Status::Failed.as_str()));
    if permanent_too {
        diesel::delete(failed).execute(connection)
    } else {
        diesel::delete(failed.filter(deliveries::permanent.eq(false))).execute(connection)
    }
}
