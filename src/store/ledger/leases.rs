//! Leases: which worker works at a notification, and until when nobody else may. Times are the database's, so that
//! the clocks of the workers' machines do not matter.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use crate::domain::lease::Lease;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::notifications;

/// Who asks for leases, and how long each of them lasts unless it is renewed.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    /// The worker's name, which no other worker has.
    pub owner: String,
    /// How long.
    pub term: Duration,
}

impl LeaseRequest {
    /// When a lease that begins now ends.
    pub(crate) fn until(&self, connection: &mut AnyConnection) -> QueryResult<NaiveDateTime> {
        let term = TimeDelta::from_std(self.term).unwrap_or(TimeDelta::MAX);
        let now = dispatch::clock(connection)?;
        Ok(now.checked_add_signed(term).unwrap_or(NaiveDateTime::MAX))
    }
}

impl Store {
    /// Takes the lease of a notification that was seen with this epoch and this end of its lease, free or not.
    /// `None` when it has changed since, because its holder or somebody else was quicker.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn take_over(
        &self,
        seen: Lease,
        seen_until: Option<NaiveDateTime>,
        lease_request: &LeaseRequest,
    ) -> Result<Option<Lease>, StoreError> {
        self.write("take the lease of a notification", |connection| {
            take(connection, seen, seen_until, lease_request)
        })
    }

    /// Renews leases, and names those that are not valid any more.
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
            // In the order of all who lock several notifications.
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

    /// Gives a lease up, so that another worker need not wait until it ends. One that is not valid any more
    /// stays as it is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn release_lease(&self, lease: Lease) -> Result<(), StoreError> {
        self.write("give up a lease", |connection| {
            diesel::update(notifications::table.find(lease.notification_id))
                .filter(notifications::epoch.eq(lease.epoch))
                .set((
                    notifications::lease_owner.eq(None::<String>),
                    notifications::lease_until.eq(None::<NaiveDateTime>),
                ))
                .execute(connection)
                .map(drop)
        })
    }
}

/// Compare and set, in a write transaction.
pub(crate) fn take(
    connection: &mut AnyConnection,
    seen: Lease,
    seen_until: Option<NaiveDateTime>,
    lease_request: &LeaseRequest,
) -> QueryResult<Option<Lease>> {
    let epoch = seen.epoch.next();
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
    Ok((taken > 0).then_some(Lease { notification_id: seen.notification_id, epoch }))
}
