//! One lease of this process: until when it is certainly ours, and whether it is lost. Renewing it is left to `keeper`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::domain::lease::Lease;
use crate::shutdown::{Shutdown, ShutdownTrigger, shutdown_pair};
use crate::sync::lock;
use crate::worker::lease::registry::{Registration, Registry};

/// How often a lane looks whether an uncertain lease is renewed or lost.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A lease that this process has taken.
#[derive(Debug)]
pub struct HeldLease {
    /// The fencing token that every write to the ledger names.
    pub lease: Lease,
    /// Before this, by our own clock, no other worker can have taken it: one term after the last renewal was requested.
    valid_until: Mutex<Instant>,
    lost: Shutdown,
    lost_trigger: Mutex<Option<ShutdownTrigger>>,
    _registration: Option<Registration<HeldLease>>,
}

impl HeldLease {
    /// A lease that was taken by a query that began at `requested_at`, and that is not renewed.
    #[cfg(test)]
    pub(crate) fn new(lease: Lease, requested_at: Instant, term: Duration) -> Arc<Self> {
        Arc::new(Self::unregistered(lease, requested_at, term))
    }

    /// The same in `registry`, until its last clone is dropped.
    pub(crate) fn register(
        registry: &Registry<Self>,
        lease: Lease,
        requested_at: Instant,
        term: Duration,
    ) -> Arc<Self> {
        registry.register(|registration| Self {
            _registration: Some(registration),
            ..Self::unregistered(lease, requested_at, term)
        })
    }

    fn unregistered(lease: Lease, requested_at: Instant, term: Duration) -> Self {
        let (trigger, lost) = shutdown_pair();
        let valid_until = Mutex::new(requested_at + term);
        Self { lease, valid_until, lost, lost_trigger: Mutex::new(Some(trigger)), _registration: None }
    }

    /// Waits until the lease is certainly ours; `false` when it is lost, or when a shutdown is requested first. A process
    /// that was frozen, or cut off from its database, finds out here before it sends a body.
    #[must_use]
    pub fn wait_until_valid(&self, shutdown: &Shutdown) -> bool {
        loop {
            if self.is_lost() {
                return false;
            }
            if Instant::now() < *lock(&self.valid_until) {
                return true;
            }
            if shutdown.wait(POLL_INTERVAL) {
                return false;
            }
        }
    }

    /// It was renewed by a query that began at `requested_at`.
    pub fn renewed(&self, requested_at: Instant, term: Duration) {
        *lock(&self.valid_until) = requested_at + term;
    }

    /// Another worker has taken it.
    pub fn mark_lost(&self) {
        drop(lock(&self.lost_trigger).take());
    }

    /// Whether another worker has taken it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.requested()
    }

    /// For `select!`: becomes ready, with an error, once the lease is lost.
    #[must_use]
    pub fn lost(&self) -> &Receiver<Infallible> {
        self.lost.receiver()
    }
}
