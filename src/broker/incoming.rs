//! What the rest of the house sees of a message: its body, who it is, and a receipt to settle it with.

use crate::domain::notification::Identity;

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
    Ack(Receipt),
    /// Nobody can process it: keep it in the dead-letter queue with this reason, then ack it.
    DeadLetter(Receipt, String),
}
