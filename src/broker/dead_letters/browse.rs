//! Lists dead letters: fetches them and returns them to their queue in their order. Removes none. The broker marks them as
//! redelivered, which has no effect on dead letters. Printing is left to `commands`.

use amiquip::AmqpValue;

use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::properties::{AT, ORIGINAL_QUEUE, REASON};
use crate::broker::delivery_count::delivery_count;
use crate::broker::error::BrokerError;
use crate::broker::topology::{self, dead_letter_queue};
use crate::config::broker::BrokerConfig;

/// The oldest dead letters of a queue.
#[derive(Debug)]
pub struct DeadLetterList {
    /// Name of the dead-letter queue.
    pub queue: String,
    /// All messages in it.
    pub count: u32,
    /// The oldest messages in it.
    pub letters: Vec<DeadLetterView>,
    /// How often one of them was returned to its queue, such as by listings; `None` if the queue does not count.
    pub delivery_count: Option<u64>,
}

/// One dead letter. A message that another program put into the queue has no reason and no time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterView {
    /// When it was stored, RFC 3339 in UTC.
    pub at: Option<String>,
    /// Why it cannot be processed, a sentence.
    pub reason: Option<String>,
    /// Name of its first queue.
    pub original_queue: Option<String>,
    /// The AMQP message id.
    pub message_id: Option<String>,
    /// The body, as published.
    pub body: Vec<u8>,
}

/// Lists the oldest `limit` dead letters of each queue. A queue that does not exist counts as empty.
///
/// # Errors
/// When the broker is away, or the user may not read the queue.
pub fn list(config: &BrokerConfig, limit: u32) -> Result<Vec<DeadLetterList>, BrokerError> {
    let mut connection = BrokerConnection::open(config)?;
    let mut browse = |queue: &str| browse(&mut connection, dead_letter_queue(queue), limit);
    let found = config.queues().map(&mut browse).collect();
    // Returns all fetched messages to their queues, also after an error.
    connection.close_quietly();
    found
}

fn browse(
    connection: &mut BrokerConnection,
    queue: String,
    limit: u32,
) -> Result<DeadLetterList, BrokerError> {
    let (mut letters, mut most_deliveries) = (Vec::new(), None);
    let Some(depth) = topology::find(connection, &queue)? else {
        return Ok(DeadLetterList { queue, count: 0, letters, delivery_count: None });
    };
    for _ in 0..limit {
        let got = connection.channel.basic_get(&queue, false);
        let got = got.map_err(|error| BrokerError::of_queue(error, &queue, connection.queue_variable))?;
        let Some(found) = got else { break };
        let message = found.delivery;
        most_deliveries = most_deliveries.max(delivery_count(&message.properties));
        let header = |name| match message.properties.headers().as_ref()?.get(name)? {
            AmqpValue::LongString(text) => Some(text.clone()),
            _ => None,
        };
        letters.push(DeadLetterView {
            at: header(AT),
            reason: header(REASON),
            original_queue: header(ORIGINAL_QUEUE),
            message_id: message.properties.message_id().clone(),
            body: message.body,
        });
    }
    connection.channel.nack_all(true)?;
    Ok(DeadLetterList { queue, count: depth.messages, letters, delivery_count: most_deliveries })
}
