//! The leases of this process: taken when a notification is opened, renewed while its fan-out runs, lost when another
//! worker takes over, given up at the end. Who waits for a lease of somebody else waits here.

use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::domain::lease::Lease;
use crate::observe::health::Health;
use crate::process_id;
use crate::shutdown::Shutdown;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::store::{Store, StoreError};
use crate::sync::lock;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::lease::held::HeldLease;
use crate::worker::lease::staleness::StalenessWatch;

/// Longest pause between two looks at a lease that somebody else has, and between two tries to renew ours while
/// the database does not work.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(2);

/// What this process is for those who ask who is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessRole {
    /// It takes what the queue brings, and is on the list of workers.
    Worker,
    /// It sends for one notification and ends: nobody may count on it.
    Retry,
}

/// How the wait for a lease of somebody else ended.
#[derive(Debug)]
pub enum Claim {
    /// It is ours now.
    Held(Arc<HeldLease>),
    /// The other one has completed the notification.
    Completed,
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
    /// Starts the thread that renews them. It ends when all clones are gone.
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

    /// In whose name they are taken.
    #[must_use]
    pub fn lease_request(&self) -> &LeaseRequest {
        &self.keeper.lease_request
    }

    /// Keeps a lease that was taken by a question that began at `asked`.
    #[must_use]
    pub fn track(&self, lease: Lease, asked: Instant) -> Arc<HeldLease> {
        let held = HeldLease::new(lease, asked, self.keeper.lease_request.term);
        lock(&self.keeper.held).push(Arc::downgrade(&held));
        held
    }

    /// Takes over a notification as it was seen; `None` when it has changed since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn take_over(&self, seen: &NotificationRecord) -> Result<Option<Arc<HeldLease>>, StoreError> {
        let asked = Instant::now();
        let lease = Lease { notification_id: seen.notification.id, epoch: seen.epoch };
        let until = seen.holder.as_ref().map(|holder| holder.until);
        let taken = self.keeper.store.take_over(lease, until, &self.keeper.lease_request)?;
        Ok(taken.map(|lease| self.track(lease, asked)))
    }

    /// Waits while another worker has the notification: until it has completed it, or has not renewed its lease
    /// for a whole term before our eyes.
    ///
    /// That the lease has ended is not enough. After an outage of the database all leases have ended, and their
    /// holders, with outcomes in their hands, are only about to renew them.
    ///
    /// # Errors
    /// When the worker is to stop first.
    pub fn wait_for_claim(&self, notification_id: i64) -> Result<Claim, Stopped> {
        let LeaseKeeper { store, database_retry, lease_request, shutdown, .. } = &*self.keeper;
        let look = (lease_request.term / 15).clamp(Duration::from_millis(10), MAX_POLL_INTERVAL);
        let mut staleness = StalenessWatch::new(Instant::now(), look * 5);
        loop {
            let Some(entry) = database_retry.until_ok(|| store.find_notification(notification_id))? else {
                log::error!(
                    "notification {notification_id} was deleted from the database while it was running"
                );
                return Ok(Claim::Completed);
            };
            if entry.state == NotificationState::Completed {
                return Ok(Claim::Completed);
            }
            let silent_for = staleness.observe(&entry, Instant::now());
            let is_free = entry.holder.as_ref().is_none_or(|holder| {
                holder.owner == lease_request.owner
                    || process_id::is_gone(&holder.owner)
                    || (holder.expired && silent_for >= lease_request.term)
            });
            if is_free && let Some(held) = database_retry.until_ok(|| self.take_over(&entry))? {
                return Ok(Claim::Held(held));
            }
            if shutdown.wait(look) {
                return Err(Stopped);
            }
        }
    }

    /// Gives a lease up, when the worker stops in the middle. Should that fail, it ends by itself.
    pub fn release(&self, held: &HeldLease) {
        if let Err(error) = self.keeper.store.release_lease(held.lease) {
            log::debug!("notification {}: {error}", held.lease.notification_id);
        }
    }
}

impl LeaseKeeper {
    /// Renews all leases three times a term, and says that this worker is there if it is one, until nobody holds the other end
    /// of `closed`.
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
            && let Err(error) = self.store.forget_worker(&self.lease_request.owner)
        {
            log::debug!("{error}");
        }
    }

    fn renew_once(&self) -> Result<(), StoreError> {
        let held: Vec<Arc<HeldLease>> = {
            let mut held = lock(&self.held);
            held.retain(|one| one.strong_count() > 0);
            held.iter().filter_map(Weak::upgrade).collect()
        };
        let valid: Vec<Lease> = held.iter().filter(|one| !one.is_lost()).map(|one| one.lease).collect();
        let asked = Instant::now();
        let lost = self.store.renew_leases(&valid, &self.lease_request)?;
        for one in held {
            if lost.contains(&one.lease) {
                one.mark_lost();
            } else {
                one.renewed(asked, self.lease_request.term);
            }
        }
        match self.role {
            ProcessRole::Worker => {
                self.store.report_worker(&self.lease_request.owner, &self.health.problems())
            }
            ProcessRole::Retry => Ok(()),
        }
    }
}
