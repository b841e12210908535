//! The broker thread: one AMQP channel, messages in, settlements out, reconnecting for ever.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender};

use super::incoming::{Incoming, Receipt, Settlement};
use crate::config::BrokerConfig;
use crate::shutdown::Stop;

/// A running subscription to the queue.
#[derive(Debug)]
pub struct Subscription {
    /// Messages as they come; closed once the thread has ended.
    pub incoming: Receiver<Incoming>,
    /// What became of them. Dropping it, after a stop was asked for, lets the thread end.
    pub settlements: Sender<Settlement>,
    /// Receipts of acks that the broker is known to have received.
    pub acked: Receiver<Receipt>,
    /// The thread.
    pub thread: JoinHandle<()>,
}

/// Starts the broker thread.
///
/// # Errors
/// When the thread cannot be started.
pub fn subscribe(_config: &BrokerConfig, _prefetch: u16, _stop: &Stop) -> std::io::Result<Subscription> {
    todo!()
}
