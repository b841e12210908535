//! What the rest of the house sees of a message: its body, who it is, and a receipt to settle it with.

use crossbeam_channel::{Receiver, Sender};

use crate::domain::ids::EventId;
use crate::domain::message::identity::Identity;

/// Where messages come from and are settled: the worker's side of a subscription.
#[derive(Debug)]
pub struct Inbox {
    /// Messages as they come, never more than the prefetch of them; closed once a stop was asked for.
    pub incoming: Receiver<Incoming>,
    /// What became of them; sending never blocks. Dropping it, after a stop was asked for, lets the broker
    /// thread end.
    pub settlements: Sender<Settlement>,
    /// Acks that the broker is known to have received; closed after the last one.
    pub acked: Receiver<Ack>,
}

/// One message on its way in, as the worker sees it.
#[derive(Debug)]
pub struct Incoming {
    /// To settle it with.
    pub receipt: Receipt,
    /// The body, as published.
    pub body: Vec<u8>,
    /// Who it is.
    pub identity: Identity,
}

/// Names one delivery of one message. A receipt of a lost connection is worthless: the broker delivers the
/// message again, and the newer receipt is the one to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Counts the connections of this process, from 1.
    pub session: u64,
    /// The delivery tag within it.
    pub tag: u64,
}

/// What is to become of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// It has been dealt with: the broker may forget it.
    Ack(Ack),
    /// Nobody can process it: keep it in the dead-letter queue with this reason, then ack it.
    DeadLetter(Receipt, String),
}

/// The ack of one message. It comes back on [`Inbox::acked`] once the broker is known to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// The receipt of the message.
    pub receipt: Receipt,
    /// The event whose next notification waits for the ack, unchanged on the way back; `None` when nothing waits for
    /// it, as for the ack of a dead letter.
    pub event_id: Option<EventId>,
}
