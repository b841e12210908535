//! The two queues: their names and how they are declared. Opening connections is left to `connection`.

use amiquip::{Channel, Queue, QueueDeclareOptions};

use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;

/// The number of messages and consumers of a queue, as the broker reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct QueueDepth {
    /// Messages that are ready to be delivered.
    pub(super) messages: u32,
    pub(super) consumers: u32,
}

/// The name of the queue that keeps the dead letters of `queue`.
#[must_use]
pub fn dead_letter_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

/// Declares `queue` as publishers do: durable and without arguments. Any argument would make one side fail with 406.
///
/// # Errors
/// [`BrokerError::QueueDiffers`] when the queue exists with other properties.
pub(super) fn declare(
    channel: &Channel,
    queue: &str,
    variable: &'static str,
) -> Result<QueueDepth, BrokerError> {
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel
        .queue_declare(queue, durable)
        .map(QueueDepth::from)
        .map_err(|error| BrokerError::of_queue(error, queue, variable))
}

/// Declares the queue of the dead letters of `queue`, on a channel of its own.
///
/// # Errors
/// As [`declare`]. The other channels of the connection are not affected.
pub(super) fn declare_dead_letter_queue(
    connection: &mut BrokerConnection,
    queue: &str,
) -> Result<QueueDepth, BrokerError> {
    let channel = connection.open_channel()?;
    declare(&channel, &dead_letter_queue(queue), connection.queue_variable)
}

/// Asks for `queue` without creating it; `None` when it does not exist. The broker closes the channel then.
///
/// # Errors
/// When the user lacks the permission, or the connection is lost.
pub(super) fn find(
    channel: &Channel,
    queue: &str,
    variable: &'static str,
) -> Result<Option<QueueDepth>, BrokerError> {
    match channel.queue_declare_passive(queue) {
        Ok(found) => Ok(Some(found.into())),
        Err(amiquip::Error::ServerClosedChannel { code: 404, .. }) => Ok(None),
        Err(error) => Err(BrokerError::of_queue(error, queue, variable)),
    }
}

impl From<Queue<'_>> for QueueDepth {
    fn from(queue: Queue<'_>) -> Self {
        Self {
            messages: queue.declared_message_count().unwrap_or_default(),
            consumers: queue.declared_consumer_count().unwrap_or_default(),
        }
    }
}
