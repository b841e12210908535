//! What `fanmail check` asks a broker. Changes nothing there: consumes nothing and creates no queue.

use crate::broker::ack_timeout;
use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::broker::topology;
use crate::config::broker::BrokerConfig;

/// What a probe has found, for people.
#[derive(Debug)]
pub struct Probe {
    /// The broker and the state of the queue, one sentence.
    pub summary: String,
    /// What this broker does about long fan-outs, and how to change it.
    pub ack_timeout_advice: String,
}

/// Connects and asks for the queue. Takes at most about half a minute.
///
/// # Errors
/// When the worker could not use this broker or queue.
pub fn probe(config: &BrokerConfig) -> Result<Probe, BrokerError> {
    let connection = BrokerConnection::open(config)?;
    let found = topology::find(&connection, &config.queue).and_then(|found| match found {
        // Declaring an existing queue changes nothing, and shows whether the worker may declare it.
        Some(_) => topology::declare(&connection, &config.queue).map(Some),
        None => Ok(None),
    });
    let peer = connection.peer.clone();
    let ack_timeout_advice = ack_timeout::advice(&connection.product, config);
    connection.close_quietly();
    let summary = match found? {
        Some(depth) => format!(
            "{peer}: the queue {} has {} message(s) waiting and {} consumer(s)",
            config.queue, depth.messages, depth.consumers
        ),
        None => format!("{peer}: the queue {} does not exist yet; the worker will declare it", config.queue),
    };
    Ok(Probe { summary, ack_timeout_advice })
}
