//! Looking at dead letters: they are fetched, shown and put back in their order. Takes nothing away. The
//! broker marks them as redelivered, which nobody minds.

use amiquip::AmqpValue;

use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::properties::{AT, ORIGINAL_QUEUE, REASON};
use crate::broker::error::BrokerError;
use crate::broker::topology::{self, dead_letter_queue};
use crate::config::broker::BrokerConfig;

/// What the dead-letter queue holds.
#[derive(Debug)]
pub struct DeadLetterList {
    /// Its name.
    pub queue: String,
    /// How many are in it.
    pub count: u32,
    /// The oldest of them.
    pub letters: Vec<DeadLetterView>,
}

/// One dead letter. Whatever a stranger has put into the queue has no reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterView {
    /// When it was moved here, RFC 3339 in UTC.
    pub at: Option<String>,
    /// Why, in a sentence.
    pub reason: Option<String>,
    /// The queue it came from.
    pub original_queue: Option<String>,
    /// The AMQP message id.
    pub message_id: Option<String>,
    /// The body, as published.
    pub body: Vec<u8>,
}

/// Looks at the oldest `limit` dead letters. A queue that does not exist is an empty one.
///
/// # Errors
/// With cause and cure, when the broker is away or does not let us look.
pub fn list(config: &BrokerConfig, limit: u32) -> Result<DeadLetterList, BrokerError> {
    let queue = dead_letter_queue(&config.queue);
    let connection = BrokerConnection::open(config)?;
    let looked = browse(&connection, &queue, limit);
    // Puts back whatever was fetched, also after an error.
    connection.close_quietly();
    let (count, letters) = looked?;
    Ok(DeadLetterList { queue, count, letters })
}

fn browse(
    connection: &BrokerConnection,
    queue: &str,
    limit: u32,
) -> Result<(u32, Vec<DeadLetterView>), BrokerError> {
    let Some(depth) = topology::find(connection, queue)? else {
        return Ok((0, Vec::new()));
    };
    let mut letters = Vec::new();
    for _ in 0..limit {
        let Some(found) = connection.channel.basic_get(queue, false)? else {
            break;
        };
        let message = found.delivery;
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
    Ok((depth.messages, letters))
}
