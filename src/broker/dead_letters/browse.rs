//! Looks at dead letters: fetches them and returns them to their queue in their order. Removes none. The broker marks them as
//! redelivered, which has no effect on dead letters. Printing is left to `commands`, grouping to `report`.

use std::ops::ControlFlow;

use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::reader::Reader;
use crate::broker::dead_letters::view::DeadLetterView;
use crate::broker::error::BrokerError;
use crate::broker::topology::{self, dead_letter_queue};
use crate::config::broker::BrokerConfig;

/// A queue of dead letters that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterQueue {
    /// Its name.
    pub queue: String,
    /// All dead letters in it, beside those that another command looks at in this moment. Zero if there is no such queue.
    pub count: u32,
    /// How often one of them was returned to its queue, such as by listings; `None` if the queue does not count.
    pub delivery_count: Option<u64>,
}

/// How many dead letters each queue has. Takes none, so that it may be asked as often as one likes. A queue that does not exist counts as
/// empty.
///
/// # Errors
/// When the broker is away, or a queue belongs to another connection.
pub fn count(config: &BrokerConfig) -> Result<Vec<DeadLetterQueue>, BrokerError> {
    let mut connection = BrokerConnection::open(config)?;
    let mut count = |queue: &str| {
        let queue = dead_letter_queue(queue);
        let count = topology::find(&mut connection, &queue)?.unwrap_or_default().messages;
        Ok(DeadLetterQueue { queue, count, delivery_count: None })
    };
    let found = config.queues().map(&mut count).collect();
    connection.close_quietly();
    found
}

/// Looks at the oldest `limit` dead letters of each queue, one at a time: there may be many, and large ones. Ends early if `look` says so.
/// Returns the queues that it has come to; one that does not exist counts as empty.
///
/// A queue that counts deliveries, as quorum queues do, counts this look as one for each, and may delete a message after a number of
/// them. So what looks by itself, and not because a person asked, has to end early: see [`DeadLetterView::delivery_count`].
///
/// # Errors
/// When the broker is away, or the user may not read a queue.
pub fn look(
    config: &BrokerConfig,
    limit: u32,
    look: &mut dyn FnMut(DeadLetterView) -> ControlFlow<()>,
) -> Result<Vec<DeadLetterQueue>, BrokerError> {
    let mut connection = BrokerConnection::open(config)?;
    let looked = look_on(&mut connection, config, limit, look);
    // Returns all fetched messages to their queues, also after an error.
    connection.close_quietly();
    looked
}

fn look_on(
    connection: &mut BrokerConnection,
    config: &BrokerConfig,
    limit: u32,
    look: &mut dyn FnMut(DeadLetterView) -> ControlFlow<()>,
) -> Result<Vec<DeadLetterQueue>, BrokerError> {
    let mut queues = Vec::new();
    let mut flow = ControlFlow::Continue(());
    for queue in config.queues().map(dead_letter_queue) {
        let mut looked_at = DeadLetterQueue { queue: queue.clone(), count: 0, delivery_count: None };
        if let Some(mut reader) = Reader::open(connection, queue, limit)? {
            looked_at.count = reader.count;
            while flow.is_continue()
                && let Some((letter, _)) = reader.next()?
            {
                looked_at.delivery_count = looked_at.delivery_count.max(letter.delivery_count);
                flow = look(letter);
            }
        }
        queues.push(looked_at);
        if flow.is_break() {
            break;
        }
    }
    Ok(queues)
}

/// The first dead letter with this id.
///
/// # Errors
/// When the broker is away, or the user may not read a queue.
pub fn find(config: &BrokerConfig, id: &str) -> Result<Option<DeadLetterView>, BrokerError> {
    let mut found = None;
    look(config, u32::MAX, &mut |letter| {
        if letter.id != id {
            return ControlFlow::Continue(());
        }
        found = Some(letter);
        ControlFlow::Break(())
    })?;
    Ok(found)
}
