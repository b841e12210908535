//! The outcomes of a notification, counted by what became of them. What they add up to is left to `tally`.

use diesel::dsl::{case_when, count, count_star};
use diesel::prelude::*;

use crate::domain::ids::NotificationId;
use crate::domain::outcome::Status;
use crate::store::backend::any::AnyConnection;
use crate::store::ledger::deliveries::{has_no_address, is_dry_run};
use crate::store::ledger::row::unknown_word;
use crate::store::ledger::same_address::has_same_address;
use crate::store::schema::deliveries;

/// How many outcomes there are of a status.
pub(super) struct OutcomeCount {
    pub status: Status,
    pub permanent: bool,
    pub count: u64,
    /// Those of them that are of dry-run mode.
    pub dry_run: u64,
    /// Those of them that were skipped in favour of another participant with the same address.
    pub same_address: u64,
    /// Those of them that were skipped without an address.
    pub no_address: u64,
}

pub(super) fn count_outcomes(
    connection: &mut AnyConnection,
    notification_id: NotificationId,
) -> QueryResult<Vec<OutcomeCount>> {
    let rows: Vec<(String, bool, i64, i64, i64, i64)> = deliveries::table
        .filter(deliveries::notification_id.eq(notification_id))
        .group_by((deliveries::status, deliveries::permanent))
        .select((
            deliveries::status,
            deliveries::permanent,
            count_star(),
            count(case_when(is_dry_run(), deliveries::participant_id)),
            count(case_when(has_same_address(), deliveries::participant_id)),
            count(case_when(has_no_address(), deliveries::participant_id)),
        ))
        .load(connection)?;
    let known = |(word, permanent, all, dry_run, same, none): (String, bool, i64, i64, i64, i64)| {
        let status = Status::from_word(&word);
        let status = status.ok_or_else(|| unknown_word(notification_id, "status of a delivery", &word))?;
        let [count, dry_run, same_address, no_address] = [all, dry_run, same, none].map(i64::unsigned_abs);
        Ok(OutcomeCount { status, permanent, count, dry_run, same_address, no_address })
    };
    rows.into_iter().map(known).collect()
}
