//! What `fanmail check` asks a broker. Changes nothing there: consumes nothing and creates no queue.

use crate::broker::ack_timeout;
use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::broker::topology::{self, QueueDepth, dead_letter_queue};
use crate::config::broker::BrokerConfig;

/// What a probe has found, for people.
#[derive(Debug)]
pub struct Probe {
    /// The broker and the state of the queue, one sentence.
    pub summary: String,
    /// What this broker does about long fan-outs, and how to change it.
    pub ack_timeout_advice: String,
}

/// Connects and asks for the queue and for its dead-letter queue. Takes at most about half a minute.
///
/// # Errors
/// When the worker could not use this broker or one of the queues.
pub fn probe(config: &BrokerConfig) -> Result<Probe, BrokerError> {
    let mut connection = BrokerConnection::open(config)?;
    let dead_letters = dead_letter_queue(&config.queue);
    let found = find(&mut connection, &config.queue)
        .and_then(|depth| Ok((depth, find(&mut connection, &dead_letters)?)));
    let peer = connection.peer.clone();
    let ack_timeout_advice = ack_timeout::advice(&connection.product, config);
    connection.close_quietly();
    let (depth, dead) = found?;
    let summary = match depth {
        Some(depth) => format!(
            "{peer}: the queue {} has {} message(s) waiting and {} consumer(s)",
            config.queue, depth.messages, depth.consumers
        ),
        None => format!("{peer}: the queue {} does not exist yet; the worker will declare it", config.queue),
    };
    let dead = match dead {
        Some(depth) => format!("{dead_letters} has {} dead letter(s)", depth.messages),
        None => format!("{dead_letters} does not exist yet"),
    };
    Ok(Probe { summary: format!("{summary}; {dead}"), ack_timeout_advice })
}

/// Asks for a queue on a channel of its own, as the broker closes a channel on which a call fails.
fn find(connection: &mut BrokerConnection, queue: &str) -> Result<Option<QueueDepth>, BrokerError> {
    let channel = connection.open_channel()?;
    match topology::find(&channel, queue, connection.queue_variable)? {
        // Declaring an existing queue changes nothing, and shows whether the worker may declare it.
        Some(_) => topology::declare(&channel, queue, connection.queue_variable).map(Some),
        None => Ok(None),
    }
}
