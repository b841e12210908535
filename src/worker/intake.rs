//! Hands notifications that no message of the broker carries to the dispatcher: those that a part of the worker has opened, and
//! those that another worker has left behind. Each holds a place until it has ended, so that a worker leases no more of them than
//! it can send. Opening them is left to the store, running them to `dispatcher`.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded, select};

use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::shutdown::Shutdown;
use crate::store::error::StoreError;
use crate::store::ledger::opening::without_message::{Audiences, OpenedWanted};
use crate::sync::lock;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::lease::keeper::Leases;

/// A notification that is to be sent, and that no message carries.
#[derive(Debug)]
pub struct WithoutMessage {
    /// What it says.
    pub message: Message,
    /// The key that it has in the ledger in place of the `message_id` of a message.
    pub identity: Identity,
    /// Its row, with the lease of this worker.
    pub opened: OpenedAs,
    /// Held until it has ended.
    pub place: Place,
}

impl WithoutMessage {
    /// One that a call has opened which began at `requested_at`; `None` when it is not for this worker to send.
    fn new(
        (message, key, opened): (Message, String, OpenedWanted),
        place: Place,
        requested_at: Instant,
        leases: &Leases,
    ) -> Option<Self> {
        let OpenedWanted::Ours { notification, lease, resumed, started } = opened else { return None };
        let held = leases.track(lease, requested_at);
        let identity = Identity { message_id: Some(key), redelivered: false };
        let opened = OpenedAs::Ours { notification, held, resumed, started };
        Some(Self { message, identity, opened, place })
    }

    /// Releases its lease: it does not begin here.
    fn release(self, leases: &Leases) {
        if let OpenedAs::Ours { held, .. } = &self.opened {
            leases.release(held);
        }
    }
}

/// Opens notifications with their audiences, or without if some cannot be read: whose that is shows when each begins, and the others
/// are not held up. A view may raise any error for a row, so that no error tells the two apart for certain; leaving out the audiences
/// costs nothing.
///
/// # Errors
/// When a shutdown is requested before the database answers.
pub(in crate::worker) fn open_anyway<T>(
    database_retry: &DatabaseRetry,
    mut open: impl FnMut(Audiences) -> Result<T, StoreError>,
) -> Result<T, Stopped> {
    match database_retry.if_readable(|| open(Audiences::Read))? {
        Ok(opened) => Ok(opened),
        Err(error) => {
            log::debug!("{error}; trying without the participants");
            database_retry.until_ok(|| open(Audiences::Leave))
        }
    }
}

/// The way to the dispatcher. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Intake {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Most notifications at a time, unless one is urgent.
    limit: usize,
    /// Wakes the dispatcher.
    arrived: (Sender<()>, Receiver<()>),
    /// Wakes those who wait for a place.
    freed: (Sender<()>, Receiver<()>),
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<WithoutMessage>,
    places: usize,
    closed: bool,
}

/// One of the places. Dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
}

impl Intake {
    /// With so many places.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let (arrived, freed) = (bounded(1), bounded(1));
        Self { shared: Arc::new(Shared { state: Mutex::default(), limit, arrived, freed }) }
    }

    /// Up to `most` places that are free now.
    #[must_use]
    pub fn reserve(&self, most: usize) -> Vec<Place> {
        let mut state = lock(&self.shared.state);
        let free = self.shared.limit.saturating_sub(state.places);
        let taken = free.min(most);
        state.places += taken;
        drop(state);
        if taken < free {
            self.shared.wake_next();
        }
        (0..taken).map(|_| Place { shared: Arc::clone(&self.shared) }).collect()
    }

    /// Up to `most` places, as soon as one is free.
    ///
    /// # Errors
    /// When a shutdown is requested.
    pub fn wait_for_places(&self, most: usize, shutdown: &Shutdown) -> Result<Vec<Place>, Stopped> {
        loop {
            if shutdown.requested() {
                return Err(Stopped);
            }
            let places = self.reserve(most);
            if !places.is_empty() {
                return Ok(places);
            }
            select! {
                recv(self.freed()) -> _ => {},
                recv(shutdown.receiver()) -> _ => {},
            }
        }
    }

    /// A place even if none is free: for a notification that another worker has left behind.
    #[must_use]
    pub fn reserve_one_more(&self) -> Place {
        lock(&self.shared.state).places += 1;
        Place { shared: Arc::clone(&self.shared) }
    }

    /// Ready when a place may be free. One of those who wait is woken.
    fn freed(&self) -> &Receiver<()> {
        &self.shared.freed.1
    }

    /// Hands over those that this worker has leased: of what a call has opened that began at `requested_at`, each with a place. The
    /// other places are given back.
    pub fn hand_over_opened(
        &self,
        opened: impl IntoIterator<Item = (Message, String, OpenedWanted)>,
        places: Vec<Place>,
        requested_at: Instant,
        leases: &Leases,
    ) {
        let ours = opened
            .into_iter()
            .zip(places)
            .filter_map(|(one, place)| WithoutMessage::new(one, place, requested_at, leases));
        self.hand_over(ours.collect(), leases);
    }

    /// Hands notifications over. When the dispatcher takes none any more, their leases are released.
    pub fn hand_over(&self, notifications: Vec<WithoutMessage>, leases: &Leases) {
        let mut state = lock(&self.shared.state);
        if state.closed {
            drop(state);
            return notifications.into_iter().for_each(|not_taken| not_taken.release(leases));
        }
        state.waiting.extend(notifications);
        drop(state);
        // If it is full, the dispatcher is about to look.
        self.shared.arrived.0.try_send(()).unwrap_or_default();
    }

    /// For the dispatcher's `Select`: ready when [`Self::take`] has something.
    #[must_use]
    pub(super) fn arrived(&self) -> &Receiver<()> {
        &self.shared.arrived.1
    }

    /// What was handed over since the last call.
    #[must_use]
    pub(super) fn take(&self) -> Vec<WithoutMessage> {
        self.shared.arrived.1.try_recv().unwrap_or_default();
        std::mem::take(&mut lock(&self.shared.state).waiting)
    }

    /// The same, for the last time: from now on nothing is taken.
    #[must_use]
    pub(super) fn close(&self) -> Vec<WithoutMessage> {
        let mut state = lock(&self.shared.state);
        state.closed = true;
        std::mem::take(&mut state.waiting)
    }
}

impl Shared {
    /// A place is free.
    fn wake_next(&self) {
        // If it is full, another thread is about to look.
        self.freed.0.try_send(()).unwrap_or_default();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.places -= 1;
        let is_free = state.places < self.shared.limit;
        drop(state);
        if is_free {
            self.shared.wake_next();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_held_until_it_is_dropped_and_a_thread_that_waits_is_woken() {
        let intake = Intake::new(3);
        let two = intake.reserve(2);
        assert_eq!((two.len(), intake.freed().len()), (2, 1), "one is left");
        assert_eq!(intake.freed().try_recv(), Ok(()));
        let urgent = [intake.reserve_one_more(), intake.reserve_one_more()];
        assert!(intake.reserve(5).is_empty());
        drop(two);
        assert_eq!(intake.freed().try_recv(), Ok(()));
        assert_eq!(intake.reserve(5).len(), 1, "given back at once");
        drop(urgent);
        assert_eq!(intake.reserve(5).len(), 3);
    }
}
