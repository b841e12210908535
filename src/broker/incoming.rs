//! A message as the worker sees it: body, identity, and a receipt to settle it with. Names nothing of amiquip.

use crossbeam_channel::{Receiver, Sender};

use crate::domain::ids::EventId;
use crate::domain::message::identity::Identity;

/// The worker's end of a subscription: messages in, settlements out.
#[derive(Debug)]
pub struct Inbox {
    /// Messages in order of arrival, at most `PREFETCH` unsettled; closed once a shutdown is requested.
    pub incoming: Receiver<Incoming>,
    /// Sending never blocks. After a shutdown request, the broker thread ends when this sender is dropped.
    pub settlements: Sender<Settlement>,
    /// Acks that the broker is known to have received; closed after the last one.
    pub acked: Receiver<Ack>,
}

/// One delivered message.
#[derive(Debug)]
pub struct Incoming {
    /// Names this delivery in its settlement.
    pub receipt: Receipt,
    /// The body, as published.
    pub body: Vec<u8>,
    /// Its `message_id`, and whether the broker delivered it before.
    pub identity: Identity,
}

/// Names one delivery of one message. A receipt of a lost connection is void: the broker delivers the message again, with
/// a new receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// Number of the connection in this process, from 1.
    pub session: u64,
    /// The delivery tag on that connection.
    pub tag: u64,
}

/// What to do with a message (AMQP calls it settling).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The broker may delete it.
    Ack(Ack),
    /// It cannot be processed: store it in the dead-letter queue with this reason, then ack it.
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
