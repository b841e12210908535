//! The ledger's outcomes: what became of each mail. Outcomes are added, never changed; only a retry that somebody
//! asks for takes failed ones away, and a purge those of old notifications.

use std::collections::{BTreeSet, HashSet};

use chrono::NaiveDateTime;
use diesel::prelude::*;

use super::connection::AnyConnection;
use super::ledger::now;
use super::schema::deliveries;
use super::{Store, StoreError, dialect};
use crate::domain::notification::Lease;
use crate::domain::outcome::{Outcome, Status};

impl Store {
    /// Which participants with `after < id <= up_to` have an outcome already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn decided_between(
        &self,
        notification_id: i64,
        after: i64,
        up_to: i64,
    ) -> Result<HashSet<i64>, StoreError> {
        self.run("read who is decided", |connection| {
            deliveries::table
                .filter(deliveries::notification_id.eq(notification_id))
                .filter(deliveries::participant_id.gt(after))
                .filter(deliveries::participant_id.le(up_to))
                .select(deliveries::participant_id)
                .load_iter(connection)?
                .collect()
        })
    }

    /// Commits the outcomes of valid leases, all or none, and names the leases that are not valid any more: their
    /// outcomes are refused. An outcome that is there already stays as it is, so this may be repeated.
    ///
    /// # Errors
    /// When the database does not answer; then none of them is recorded.
    pub fn record_outcomes(&self, outcomes: &[Outcome]) -> Result<BTreeSet<Lease>, StoreError> {
        if outcomes.is_empty() {
            return Ok(BTreeSet::new());
        }
        let decided_at = now();
        let leases: BTreeSet<Lease> = outcomes.iter().map(|outcome| outcome.lease).collect();
        let ids: Vec<i64> = leases.iter().map(|lease| lease.notification_id).collect();
        self.write("record outcomes", |connection| {
            let valid = dialect::lock_notifications(connection, &ids)?;
            let refused: BTreeSet<Lease> = leases
                .iter()
                .filter(|lease| !valid.contains(&(lease.notification_id, lease.epoch)))
                .copied()
                .collect();
            let rows: Vec<DeliveryRow> = outcomes
                .iter()
                .filter(|outcome| !refused.contains(&outcome.lease))
                .map(|outcome| DeliveryRow::new(outcome, decided_at))
                .collect();
            dialect::insert_deliveries(connection, &rows)?;
            Ok(refused)
        })
    }
}

/// Makes people undecided again, and tells how many.
pub(super) fn delete_failed(
    connection: &mut AnyConnection,
    notification_id: i64,
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

/// A row of `deliveries`.
#[derive(Insertable)]
#[diesel(table_name = deliveries, treat_none_as_default_value = false)]
pub(super) struct DeliveryRow {
    notification_id: i64,
    participant_id: i64,
    status: &'static str,
    attempts: i32,
    permanent: bool,
    smtp_code: Option<i32>,
    detail: Option<String>,
    decided_at: NaiveDateTime,
}

impl DeliveryRow {
    fn new(outcome: &Outcome, decided_at: NaiveDateTime) -> Self {
        Self {
            notification_id: outcome.lease.notification_id,
            participant_id: outcome.participant_id,
            status: outcome.status.as_str(),
            attempts: i32::try_from(outcome.attempts).unwrap_or(i32::MAX),
            permanent: outcome.permanent,
            smtp_code: outcome.smtp_code.map(i32::from),
            detail: outcome.detail.clone(),
            decided_at,
        }
    }
}
