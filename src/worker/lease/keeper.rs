//! The leases of this process: taken when a notification is opened, renewed while its fan-out runs, lost when another
//! worker takes over, released at the end. What one lease allows is left to `held`, waiting for the leases of other workers
//! to `wait`, the compare-and-set to the ledger.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvError, RecvTimeoutError, Sender, bounded, unbounded};

use crate::domain::ids::{Epoch, NotificationId};
use crate::domain::lease::Lease;
use crate::observe::health::Health;
use crate::process_id;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::row::NotificationRecord;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::presence::{Presence, ProcessRole};
use crate::worker::lease::registry::Registry;

/// Longest pause between two looks at the lease of another worker, and between two attempts to renew ours while the
/// database does not work.
pub(super) const MAX_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Longest wait for the release of a lease: a database that is frozen must not hold up the end of a fan-out.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// How often this process looks whether a notification that it works on is superseded: what supersedes it waits for its end.
const SUPERSEDED_INTERVAL: Duration = Duration::from_millis(500);

/// A lease of this process that it does not know of so long is one that it never will: the reply to the commit was lost. A reply
/// that came is known within milliseconds.
const UNKNOWN_FOR: Duration = Duration::from_secs(3);

/// All leases of this process. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Leases {
    pub(super) keeper: Arc<LeaseKeeper>,
    releases: Sender<Release>,
}

pub(super) struct LeaseKeeper {
    pub(super) store: Store,
    pub(super) database_retry: DatabaseRetry,
    presence: Presence,
    pub(super) lease_request: LeaseRequest,
    pub(super) shutdown: Shutdown,
    held: Registry<HeldLease>,
}

/// A lease that the thread of the keeper is to release.
struct Release {
    lease: Lease,
    /// Told when it is released.
    released: Sender<()>,
}

impl Leases {
    /// Starts the thread that renews them. It ends when all clones are dropped.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        store: &Store,
        database_retry: &DatabaseRetry,
        health: &Health,
        role: ProcessRole,
        term: Duration,
        shutdown: &Shutdown,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let owner = process_id::this_process();
        let keeper = Arc::new(LeaseKeeper {
            store: store.clone(),
            database_retry: database_retry.clone(),
            presence: Presence::new(owner.clone(), role, health.clone()),
            lease_request: LeaseRequest { owner, term },
            shutdown: shutdown.clone(),
            held: Registry::default(),
        });
        let (sender, releases) = unbounded();
        let renewing = Arc::clone(&keeper);
        let thread =
            thread::Builder::new().name("leases".to_owned()).spawn(move || renewing.run(&releases))?;
        Ok((Self { keeper, releases: sender }, thread))
    }

    /// The owner and the term of all leases of this process.
    #[must_use]
    pub fn lease_request(&self) -> &LeaseRequest {
        &self.keeper.lease_request
    }

    /// Renews a lease from now on, until the last clone of it is dropped. It was taken by a query that began at
    /// `requested_at`.
    #[must_use]
    pub fn track(&self, lease: Lease, requested_at: Instant) -> Arc<HeldLease> {
        HeldLease::register(&self.keeper.held, lease, requested_at, self.keeper.lease_request.term)
    }

    /// Takes over a notification as it was seen, with a new epoch ([`Epoch::of_take_over`]); `None` when it has changed since. A call
    /// that failed is repeated with the same epoch.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn take_over(
        &self,
        seen: &NotificationRecord,
        epoch: Epoch,
    ) -> Result<Option<Arc<HeldLease>>, StoreError> {
        let requested_at = Instant::now();
        let lease = Lease { notification_id: seen.notification.id, epoch: seen.epoch };
        let until = seen.holder.as_ref().map(|holder| holder.until);
        let taken = self.keeper.store.take_over(lease, until, epoch, &self.keeper.lease_request)?;
        Ok(taken.map(|lease| self.track(lease, requested_at)))
    }

    /// Whether no process works on a notification as it was seen: it has no holder, or its holder has exited, or has not
    /// renewed the lease for `stale_for`, which is at least a whole term.
    #[must_use]
    pub fn is_free(&self, seen: &NotificationRecord, stale_for: Duration) -> bool {
        seen.holder.as_ref().is_none_or(|holder| {
            let silent = holder.expired && stale_for >= self.keeper.lease_request.term;
            process_id::has_exited(&holder.owner) || (silent && !self.keeper.holds(seen.notification.id))
        })
    }

    /// Whether this process has leased a notification, as it was seen for `unchanged_for`, and does not know of it.
    #[must_use]
    pub fn is_unknown(&self, seen: &NotificationRecord, unchanged_for: Duration) -> bool {
        let is_ours =
            seen.holder.as_ref().is_some_and(|holder| holder.owner == self.keeper.lease_request.owner);
        is_ours && unchanged_for >= UNKNOWN_FOR && !self.keeper.holds(seen.notification.id)
    }

    /// The notifications whose leases this process knows.
    #[must_use]
    pub fn held(&self) -> Vec<NotificationId> {
        self.keeper.held.alive().iter().map(|held| held.lease.notification_id).collect()
    }

    /// Releases a lease, so that another worker need not wait for its end. If the database does not answer soon, it expires.
    pub fn release(&self, held: &HeldLease) {
        let lease = held.lease;
        let (sender, released) = bounded(1);
        if self.releases.send(Release { lease, released: sender }).is_err()
            || released.recv_timeout(RELEASE_TIMEOUT).is_err()
        {
            log::debug!(
                notification = lease.notification_id;
                "notification {}: its lease is not released, and expires",
                lease.notification_id
            );
        }
    }

    /// Has what this process sends for a notification end, because `newer` supersedes it.
    pub fn supersede(&self, notification_id: NotificationId, newer: NotificationId) {
        for held in self.keeper.held.alive() {
            if held.lease.notification_id == notification_id {
                held.supersede(newer);
            }
        }
    }

    /// Looks at once what is superseded of that which this process works on.
    pub fn look_for_superseded(&self) {
        self.keeper.look_for_superseded();
    }

    /// How many leases the keeper knows.
    #[cfg(test)]
    pub(crate) fn tracked(&self) -> usize {
        self.keeper.held.len()
    }
}

impl LeaseKeeper {
    /// Whether this process has the lease of a notification, as far as it knows.
    fn holds(&self, notification_id: NotificationId) -> bool {
        let mut held = self.held.alive().into_iter();
        held.any(|held| held.lease.notification_id == notification_id && !held.is_lost())
    }

    /// Renews all leases three times a term, reports a worker as alive, and releases leases, until the last sender of
    /// `releases` is dropped.
    fn run(&self, releases: &Receiver<Release>) {
        let period = self.lease_request.term / 3;
        let mut attempt = None;
        loop {
            let pause = if self.database_retry.try_once(&mut attempt, || self.renew_once()).is_some() {
                period
            } else {
                period.min(MAX_POLL_INTERVAL)
            };
            if self.release_until(Instant::now() + pause, releases).is_err() {
                break;
            }
        }
        self.presence.end(&self.store);
    }

    /// Releases leases until `deadline`, looks for those that are superseded, and says what is new about this worker.
    fn release_until(&self, deadline: Instant, releases: &Receiver<Release>) -> Result<(), RecvError> {
        let mut look_at = Instant::now() + SUPERSEDED_INTERVAL;
        while Instant::now() < deadline {
            match releases.recv_deadline(deadline.min(look_at)) {
                Ok(first) => self.release(std::iter::once(first).chain(releases.try_iter()).collect()),
                Err(RecvTimeoutError::Timeout) => {
                    self.look_for_superseded();
                    self.presence.report_news(&self.store);
                    look_at = Instant::now() + SUPERSEDED_INTERVAL;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(RecvError),
            }
        }
        Ok(())
    }

    /// Releases leases in one transaction, which is tried once.
    fn release(&self, releases: Vec<Release>) {
        let leases: Vec<Lease> = releases.iter().map(|release| release.lease).collect();
        if let Err(error) = self.store.release_leases(&leases) {
            log::debug!("{} leases: {error}", leases.len());
            return;
        }
        for Release { lease, released } in releases {
            if released.send(()).is_err() {
                log::debug!(
                    notification = lease.notification_id;
                    "notification {}: its lease was released late",
                    lease.notification_id
                );
            }
        }
    }

    /// Has those fan-outs end whose notifications are superseded, and gives up the leases of those that have not begun. Tried once: the
    /// next look comes soon.
    fn look_for_superseded(&self) {
        let mut held = self.held.alive();
        held.retain(|held| !held.is_over());
        let ids: Vec<NotificationId> = held.iter().map(|held| held.lease.notification_id).collect();
        let superseded = match self.store.find_superseded(&ids) {
            Ok(superseded) => superseded,
            Err(error) => return log::debug!("{error}"),
        };
        let newer = |held: &HeldLease| superseded.get(&held.lease.notification_id).copied();
        let waiting = held.iter().filter(|held| newer(held).is_some_and(|newer| !held.supersede(newer)));
        let given_up: Vec<Lease> = waiting.filter(|held| held.give_up()).map(|held| held.lease).collect();
        if let Err(error) = self.store.release_leases(&given_up) {
            log::debug!("{} leases: {error}", given_up.len());
        }
    }

    fn renew_once(&self) -> Result<(), StoreError> {
        let held = self.held.alive();
        let valid: Vec<Lease> = held.iter().filter(|held| !held.is_lost()).map(|held| held.lease).collect();
        let requested_at = Instant::now();
        let lost = self.store.renew_leases(&valid, &self.lease_request)?;
        for held in held {
            if lost.contains(&held.lease) {
                held.mark_lost();
            } else {
                held.renewed(requested_at, self.lease_request.term);
            }
        }
        self.presence.report(&self.store)
    }
}
