//! One lease of this process: until when it is certainly ours, and whether it is lost, or its notification superseded. Renewing it
//! is left to `keeper`.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use crate::domain::ids::NotificationId;
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
    phase: Mutex<Phase>,
    lost: AtomicBool,
    superseded_by: OnceLock<NotificationId>,
    /// Requested when nothing more is to be sent under it.
    over: Shutdown,
    over_trigger: Mutex<Option<ShutdownTrigger>>,
    _registration: Option<Registration<HeldLease>>,
}

/// How far the work under a lease is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The notification waits for its turn.
    Waiting,
    /// It may be sent.
    Begun,
    /// It was superseded while it waited: the lease is left to others.
    GivenUp,
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
        let (trigger, over) = shutdown_pair();
        Self {
            lease,
            valid_until: Mutex::new(requested_at + term),
            phase: Mutex::new(Phase::Waiting),
            lost: AtomicBool::new(false),
            superseded_by: OnceLock::new(),
            over,
            over_trigger: Mutex::new(Some(trigger)),
            _registration: None,
        }
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
        self.lost.store(true, Ordering::Release);
        drop(lock(&self.over_trigger).take());
    }

    /// Whether another worker has taken it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// The notification is about to be sent. `false`: it was superseded while it waited, and the lease is left to others.
    #[must_use]
    pub fn begin(&self) -> bool {
        let mut phase = lock(&self.phase);
        if *phase == Phase::Waiting {
            *phase = Phase::Begun;
        }
        *phase == Phase::Begun
    }

    /// Its notification is superseded by `newer`: what has begun under it is to end. `false`: nothing has begun.
    pub fn supersede(&self, newer: NotificationId) -> bool {
        let has_begun = *lock(&self.phase) == Phase::Begun;
        if has_begun {
            self.superseded_by.get_or_init(|| newer);
            drop(lock(&self.over_trigger).take());
        }
        has_begun
    }

    /// Leaves the lease to others, unless something has begun under it.
    pub fn give_up(&self) -> bool {
        let mut phase = lock(&self.phase);
        let gives_up = *phase == Phase::Waiting;
        if gives_up {
            *phase = Phase::GivenUp;
            self.mark_lost();
        }
        gives_up
    }

    /// Whether it was left to others before anything began under it.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        *lock(&self.phase) == Phase::GivenUp
    }

    /// What its notification is superseded by.
    #[must_use]
    pub fn superseded_by(&self) -> Option<NotificationId> {
        self.superseded_by.get().copied()
    }

    /// Whether nothing more is to be sent under it: it is lost, or its notification is superseded.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_lost() || self.superseded_by.get().is_some()
    }

    /// For `select!`: becomes ready, with an error, once [`Self::is_over`].
    #[must_use]
    pub fn over(&self) -> &Receiver<Infallible> {
        self.over.receiver()
    }
}
