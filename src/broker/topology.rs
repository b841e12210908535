//! The two queues: their names, finding them as they are, and creating them where they are missing. Binding them to exchanges
//! is left to `topology/bindings`, opening connections to `connection`.
//!
//! A queue may have been declared by another program, with any arguments, and the user may lack the configure permission. So
//! a queue is first asked for (a passive declaration, which needs no permission and compares nothing), and declared only if
//! it is missing. The broker closes the channel of a call that fails, so each call has a channel of its own.

use amiquip::{Channel, Queue, QueueDeclareOptions};

use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;

pub(super) mod bindings;
pub(super) mod events_exchange;
mod exchanges;

/// What the name of a dead-letter queue ends with.
const DEAD: &str = ".dead";

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
    format!("{queue}{DEAD}")
}

/// The name of the queue whose dead letters `queue` keeps.
pub(super) fn queue_of_dead_letters(queue: &str) -> &str {
    queue.strip_suffix(DEAD).unwrap_or(queue)
}

/// Finds `queue`, or creates it if it is missing.
///
/// # Errors
/// [`BrokerError::NotCreated`] when it is missing and the broker does not create it.
pub(super) fn find_or_create(
    connection: &mut BrokerConnection,
    queue: &str,
) -> Result<QueueDepth, BrokerError> {
    if let Some(found) = find(connection, queue)? {
        return Ok(found);
    }
    match create(connection, queue) {
        // Another program may have created it in between, in its own way.
        Err(error @ BrokerError::NotCreated { .. }) => find(connection, queue)?.ok_or(error),
        result => result,
    }
}

/// Asks for `queue` as it is, without creating it; `None` when it does not exist.
///
/// # Errors
/// When the queue belongs to another connection, or the connection is lost.
pub(super) fn find(
    connection: &mut BrokerConnection,
    queue: &str,
) -> Result<Option<QueueDepth>, BrokerError> {
    match connection.open_channel()?.queue_declare_passive(queue) {
        Ok(found) => Ok(Some(found.into())),
        Err(amiquip::Error::ServerClosedChannel { code: 404, .. }) => Ok(None),
        Err(error) => Err(BrokerError::of_queue(error, queue, connection.queue_variable)),
    }
}

/// In which way `queue`, which exists, differs from one that fanmail creates: the broker's words. `None` if it does not, or
/// if the user may not declare it.
///
/// # Errors
/// When the connection is lost.
pub(super) fn difference(
    connection: &mut BrokerConnection,
    queue: &str,
) -> Result<Option<String>, BrokerError> {
    match declare(&connection.open_channel()?, queue).map_err(BrokerError::from) {
        Ok(_) | Err(BrokerError::Closed { code: 403, .. }) => Ok(None),
        Err(BrokerError::Closed { code: 406, message }) => Ok(Some(message)),
        Err(error) => Err(error),
    }
}

fn create(connection: &mut BrokerConnection, queue: &str) -> Result<QueueDepth, BrokerError> {
    let channel = connection.open_channel()?;
    declare(&channel, queue)
        .map_err(|error| BrokerError::of_creation(error, queue, connection.queue_variable))
}

/// Declares `queue` as publishers do: durable and without arguments.
fn declare(channel: &Channel, queue: &str) -> amiquip::Result<QueueDepth> {
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(queue, durable).map(QueueDepth::from)
}

impl From<Queue<'_>> for QueueDepth {
    fn from(queue: Queue<'_>) -> Self {
        Self {
            messages: queue.declared_message_count().unwrap_or_default(),
            consumers: queue.declared_consumer_count().unwrap_or_default(),
        }
    }
}
