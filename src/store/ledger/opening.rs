//! Opening at receipt: every message gets its row in the ledger, with its lease, as soon as it arrives, and what arrives
//! together is opened in one transaction. Which notification a message belongs to is left to `identity`.

use std::collections::HashMap;

use chrono::NaiveDateTime;

use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::notification::Notification;
use crate::domain::session::{BrokerSession, Receipt};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::row::NotificationRecord;

/// A message that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Names its delivery.
    pub receipt: Receipt,
    /// What it asks for.
    pub message: Message,
    /// Its `message_id`, and whether the broker delivered it before.
    pub identity: Identity,
    /// Whether its fan-out is expected to begin at once. Else it is opened as waiting.
    pub starts_at_once: bool,
    /// The database's time of the first try to open it, if there was one.
    pub asked_at: Option<NaiveDateTime>,
}

/// For each old session the largest key of a notification that a message of the current session was matched with. The queue
/// is first in, first out: a message of an older notification of that session would have come before.
pub type Watermarks = HashMap<String, NotificationId>;

/// What a message turns out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// A notification that this call has leased: it is new, or no process works on it.
    Ours {
        /// The notification.
        notification: Notification,
        /// The lease of this worker.
        lease: Lease,
        /// Whether an earlier fan-out had begun.
        resumed: bool,
        /// Whether its state is running and its audience is frozen, so that it need not be started.
        started: bool,
    },
    /// A notification that this process has leased already, in an earlier session.
    Held {
        /// The notification.
        notification: Notification,
        /// That lease.
        lease: Lease,
    },
    /// A notification that another process has leased.
    Elsewhere(Notification),
    /// A notification that is done: the message only needs an ack.
    Completed(Notification),
    /// Its `message_id` belongs to a notification that asks for something else.
    Conflict(Notification),
    /// A live session of another worker may still hold the message of the only notification that fits. Ask again.
    Undetermined {
        /// When it was first asked, for [`Arrival::asked_at`].
        asked_at: NaiveDateTime,
        /// The notification that fits.
        candidate: NotificationRecord,
    },
}

/// How a session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionEnd {
    /// In good order: all acks that were sent have arrived.
    Closed,
    /// The connection was lost.
    Lost,
}

impl Store {
    /// Opens what has arrived, in one transaction. One result for each arrival, in their order.
    ///
    /// # Errors
    /// When the database does not answer. Then the same arrivals are to be given again with `asked_at` set.
    pub fn open_messages(
        &self,
        session: &BrokerSession,
        arrivals: &[Arrival],
        lease_request: &LeaseRequest,
        watermarks: &mut Watermarks,
    ) -> Result<Vec<Opened>, StoreError> {
        log::debug!("{session:?} {arrivals:?} {lease_request:?} {watermarks:?}");
        Err(StoreError::new("open messages", &"this part is not built yet"))
    }
}
