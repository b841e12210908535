//! The leases of this process: taken when a notification is opened, renewed while its fan-out runs, lost when another
//! worker takes over, released at the end. Also waits for the leases of other workers. What one lease allows is left to
//! `held`, the compare-and-set to the ledger.

use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::observe::events;
use crate::observe::health::Health;
use crate::process_id;
use crate::shutdown::Shutdown;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::sync::lock;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::staleness::StalenessWatch;

/// Longest pause between two looks at the lease of another worker, and between two attempts to renew ours while the
/// database does not work.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// What this process does, for `fanmail status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessRole {
    /// It consumes the queue, and is listed as a worker.
    Worker,
    /// It sends one notification again and ends. It is not listed: no message waits for it.
    Retry,
}

/// All leases of this process. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Leases {
    keeper: Arc<LeaseKeeper>,
    _open: Sender<()>,
}

struct LeaseKeeper {
    store: Store,
    database_retry: DatabaseRetry,
    health: Health,
    role: ProcessRole,
    lease_request: LeaseRequest,
    shutdown: Shutdown,
    held: Mutex<Vec<Weak<HeldLease>>>,
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
        let keeper = Arc::new(LeaseKeeper {
            store: store.clone(),
            database_retry: database_retry.clone(),
            health: health.clone(),
            role,
            lease_request: LeaseRequest { owner: process_id::this_process(), term },
            shutdown: shutdown.clone(),
            held: Mutex::default(),
        });
        let (open, closed) = bounded(0);
        let renewing = Arc::clone(&keeper);
        let thread =
            thread::Builder::new().name("leases".to_owned()).spawn(move || renewing.renew(&closed))?;
        Ok((Self { keeper, _open: open }, thread))
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
        let held = HeldLease::new(lease, requested_at, self.keeper.lease_request.term);
        lock(&self.keeper.held).push(Arc::downgrade(&held));
        held
    }

    /// Takes over a notification as it was seen; `None` when it has changed since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn take_over(&self, seen: &NotificationRecord) -> Result<Option<Arc<HeldLease>>, StoreError> {
        let requested_at = Instant::now();
        let lease = Lease { notification_id: seen.notification.id, epoch: seen.epoch };
        let until = seen.holder.as_ref().map(|holder| holder.until);
        let taken = self.keeper.store.take_over(lease, until, &self.keeper.lease_request)?;
        Ok(taken.map(|lease| self.track(lease, requested_at)))
    }

    /// Waits while another worker has the notification. `None` when that worker has completed it; a lease when it has
    /// not renewed its own for a whole term, as seen by us.
    ///
    /// An expired lease is not enough: after a database outage all leases are expired, and their holders, with
    /// uncommitted outcomes, are about to renew them (decision 0005).
    ///
    /// # Errors
    /// When a shutdown is requested first.
    pub fn wait_for_lease(&self, notification_id: NotificationId) -> Result<Option<Arc<HeldLease>>, Stopped> {
        let LeaseKeeper { store, database_retry, lease_request, shutdown, .. } = &*self.keeper;
        let interval = (lease_request.term / 15).clamp(Duration::from_millis(10), MAX_POLL_INTERVAL);
        let mut staleness = StalenessWatch::new(Instant::now(), interval * 5);
        loop {
            let Some(seen) = database_retry.until_ok(|| store.find_notification(notification_id))? else {
                events::notification::deleted(notification_id);
                return Ok(None);
            };
            if seen.state == NotificationState::Completed {
                return Ok(None);
            }
            let stale_for = staleness.observe(&seen, Instant::now());
            if self.may_take_over(&seen, stale_for)
                && let Some(held) = database_retry.until_ok(|| self.take_over(&seen))?
            {
                return Ok(Some(held));
            }
            if shutdown.wait(interval) {
                return Err(Stopped);
            }
        }
    }

    fn may_take_over(&self, seen: &NotificationRecord, stale_for: Duration) -> bool {
        let owner = &self.keeper.lease_request.owner;
        seen.holder.as_ref().is_some_and(|holder| holder.owner == *owner)
            || self.is_abandoned(seen, stale_for)
    }

    /// Whether no process works on a notification as it was seen: it has no holder, or its holder has exited, or has not
    /// renewed the lease for `stale_for`, which is at least a whole term.
    #[must_use]
    pub fn is_abandoned(&self, seen: &NotificationRecord, stale_for: Duration) -> bool {
        seen.holder.as_ref().is_none_or(|holder| {
            let silent = holder.expired && stale_for >= self.keeper.lease_request.term;
            process_id::has_exited(&holder.owner) || (silent && !self.keeper.holds(seen.notification.id))
        })
    }

    /// Releases a lease, so that another worker need not wait for its end. If that fails, it expires.
    pub fn release(&self, held: &HeldLease) {
        if let Err(error) = self.keeper.store.release_lease(held.lease) {
            log::debug!("notification {}: {error}", held.lease.notification_id);
        }
    }
}

impl LeaseKeeper {
    /// Whether this process has the lease of a notification, as far as it knows.
    fn holds(&self, notification_id: NotificationId) -> bool {
        let held = lock(&self.held);
        held.iter()
            .filter_map(Weak::upgrade)
            .any(|held| held.lease.notification_id == notification_id && !held.is_lost())
    }

    /// Renews all leases three times a term, and reports a worker as alive, until the other end of `closed` is dropped.
    fn renew(&self, closed: &Receiver<()>) {
        let period = self.lease_request.term / 3;
        let mut attempt = None;
        loop {
            let pause = if self.database_retry.try_once(&mut attempt, || self.renew_once()).is_some() {
                period
            } else {
                period.min(MAX_POLL_INTERVAL)
            };
            if closed.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        if self.role == ProcessRole::Worker
            && let Err(error) = self.store.remove_worker(&self.lease_request.owner)
        {
            log::debug!("{error}");
        }
    }

    fn renew_once(&self) -> Result<(), StoreError> {
        let held: Vec<Arc<HeldLease>> = {
            let mut held = lock(&self.held);
            held.retain(|lease| lease.strong_count() > 0);
            held.iter().filter_map(Weak::upgrade).collect()
        };
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
        match self.role {
            ProcessRole::Worker => {
                let lines = self.health.problems() + &self.health.notes();
                self.store.report_worker(&self.lease_request.owner, &lines)
            }
            ProcessRole::Retry => Ok(()),
        }
    }
}
