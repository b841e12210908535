//! Leases: which worker may work on a notification, and until when no other worker may. Times are the database's, so that
//! the clocks of the workers' machines do not matter. When a lease is renewed or taken over is left to the worker.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::ids::{Epoch, NotificationId};
use crate::domain::lease::Lease;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::notifications;

/// Which worker requests leases, and for how long.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    /// The worker's name, unique among the workers of this database.
    pub owner: String,
    /// How long a lease is valid unless it is renewed.
    pub term: Duration,
}

impl LeaseRequest {
    /// The end of a lease that begins now.
    pub(crate) fn until(&self, connection: &mut AnyConnection) -> QueryResult<NaiveDateTime> {
        dispatch::clock(connection).map(|clock| self.until_from(clock))
    }

    /// The end of a lease that begins at the database's time `clock`.
    pub(crate) fn until_from(&self, clock: NaiveDateTime) -> NaiveDateTime {
        let term = TimeDelta::from_std(self.term).unwrap_or(TimeDelta::MAX);
        clock.checked_add_signed(term).unwrap_or(NaiveDateTime::MAX)
    }
}

impl Store {
    /// Leases a notification that was seen with this epoch and this end of its lease, whether it was free or not. `epoch` is that of the
    /// new lease ([`Epoch::of_take_over`]); a call that failed is repeated with the same one. `None` when its lease has changed
    /// since: the holder has renewed it, or another worker was quicker.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn take_over(
        &self,
        seen: Lease,
        seen_until: Option<NaiveDateTime>,
        epoch: Epoch,
        lease_request: &LeaseRequest,
    ) -> Result<Option<Lease>, StoreError> {
        self.write("lease a notification", |connection| {
            compare_and_set(connection, seen, seen_until, epoch, lease_request)
        })
    }

    /// Renews leases, and returns those that are not valid any more.
    ///
    /// # Errors
    /// When the database does not answer; then none is renewed.
    pub fn renew_leases(
        &self,
        leases: &[Lease],
        lease_request: &LeaseRequest,
    ) -> Result<Vec<Lease>, StoreError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let mut leases = leases.to_vec();
        leases.sort_unstable();
        self.write("renew leases", |connection| {
            let until = lease_request.until(connection)?;
            let mut lost = Vec::new();
            // Every transaction that locks several notifications does so in key order.
            for lease in &leases {
                let renewed = diesel::update(notifications::table.find(lease.notification_id))
                    .filter(notifications::epoch.eq(lease.epoch))
                    .filter(notifications::lease_owner.is_not_null())
                    .set(notifications::lease_until.eq(until))
                    .execute(connection)?;
                if renewed == 0 {
                    lost.push(*lease);
                }
            }
            Ok(lost)
        })
    }

    /// Ends a lease now, so that another worker need not wait. Changes nothing when the lease is not valid any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        self.write("release a lease", |connection| {
            diesel::update(notifications::table.find(lease.notification_id))
                .filter(notifications::epoch.eq(lease.epoch))
                .set(no_lease())
                .execute(connection)
                .map(drop)
        })
    }

    /// The same for many, in one transaction.
    ///
    /// # Errors
    /// When the database does not answer; then none is released.
    pub fn release_leases(&self, leases: &[Lease]) -> Result<(), StoreError> {
        if leases.is_empty() {
            return Ok(());
        }
        let ids: Vec<NotificationId> = leases.iter().map(|lease| lease.notification_id).collect();
        self.write("release leases", |connection| {
            let mut valid = dispatch::lock_notifications(connection, &ids)?;
            valid.retain(|lease| leases.contains(lease));
            let ids = valid.iter().map(|lease| lease.notification_id);
            diesel::update(notifications::table.filter(notifications::id.eq_any(ids)))
                .set(no_lease())
                .execute(connection)
                .map(drop)
        })
    }
}

/// Renews a lease that the owner has already, and returns whether it has: only the reply to the commit of an earlier call was lost.
/// The owner counts the term from the present call.
fn renew_held(
    connection: &mut AnyConnection,
    lease: Lease,
    lease_request: &LeaseRequest,
    until: NaiveDateTime,
) -> QueryResult<bool> {
    let row = notifications::table
        .find(lease.notification_id)
        .filter(notifications::epoch.eq(lease.epoch))
        .filter(notifications::lease_owner.eq(&lease_request.owner));
    let renewed = diesel::update(row).set(notifications::lease_until.eq(until)).execute(connection)?;
    Ok(renewed > 0)
}

/// The columns of a notification that no process has leased.
#[diesel::dsl::auto_type]
pub(crate) fn no_lease() -> _ {
    let owner: Option<String> = None;
    let until: Option<NaiveDateTime> = None;
    (notifications::lease_owner.eq(owner), notifications::lease_until.eq(until))
}

/// Leases the notification if its lease is still the one that was seen, or has the new epoch already. Needs a write transaction.
fn compare_and_set(
    connection: &mut AnyConnection,
    seen: Lease,
    seen_until: Option<NaiveDateTime>,
    epoch: Epoch,
    lease_request: &LeaseRequest,
) -> QueryResult<Option<Lease>> {
    let until = lease_request.until(connection)?;
    let change = (
        notifications::lease_owner.eq(&lease_request.owner),
        notifications::lease_until.eq(until),
        notifications::epoch.eq(epoch),
    );
    let row = notifications::table.find(seen.notification_id);
    let seen_row = diesel::update(row).filter(notifications::epoch.eq(seen.epoch));
    let taken = match seen_until {
        Some(seen_until) => {
            seen_row.filter(notifications::lease_until.eq(seen_until)).set(change).execute(connection)?
        }
        None => seen_row.filter(notifications::lease_until.is_null()).set(change).execute(connection)?,
    };
    let lease = Lease { notification_id: seen.notification_id, epoch };
    Ok((taken > 0 || renew_held(connection, lease, lease_request, until)?).then_some(lease))
}
