//! One lease of this process, and how certain it is.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::domain::lease::Lease;
use crate::shutdown::{Shutdown, ShutdownTrigger, shutdown_pair};
use crate::sync::lock;

/// A lease of ours.
#[derive(Debug)]
pub struct HeldLease {
    /// What every write to the ledger names.
    pub lease: Lease,
    /// Until when nobody else has taken it for certain, by our own clock: a term from the moment before it was
    /// last renewed.
    valid_until: Mutex<Instant>,
    lost: Shutdown,
    lost_trigger: Mutex<Option<ShutdownTrigger>>,
}

impl HeldLease {
    /// A lease that was asked for at `asked`.
    #[must_use]
    pub fn new(lease: Lease, asked: Instant, term: Duration) -> Arc<Self> {
        let (handle, lost) = shutdown_pair();
        let valid_until = Mutex::new(asked + term);
        Arc::new(Self { lease, valid_until, lost, lost_trigger: Mutex::new(Some(handle)) })
    }

    /// Waits until it is certain that nobody else works at the notification; `false` when somebody does, or when
    /// the worker is to stop first. A process that was frozen, or cut off from its database, finds out here
    /// before it sends anything.
    #[must_use]
    pub fn wait_until_valid(&self, shutdown: &Shutdown) -> bool {
        loop {
            if self.is_lost() {
                return false;
            }
            if Instant::now() < *lock(&self.valid_until) {
                return true;
            }
            if shutdown.wait(Duration::from_millis(20)) {
                return false;
            }
        }
    }

    /// Notes that it was renewed, by a question that began at `asked`.
    pub fn renewed(&self, asked: Instant, term: Duration) {
        *lock(&self.valid_until) = asked + term;
    }

    /// Notes that another worker has it.
    pub fn mark_lost(&self) {
        drop(lock(&self.lost_trigger).take());
    }

    /// Whether another worker has it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.requested()
    }

    /// For `select!`: becomes ready, with an error, once it is lost.
    #[must_use]
    pub fn lost(&self) -> &Receiver<std::convert::Infallible> {
        self.lost.receiver()
    }
}
