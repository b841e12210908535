//! Takes the dead letters of a queue, one after another. Each stays unacked at the broker until it is removed or returned, so that no
//! other command gets it meanwhile, and goes back to its place when the connection is closed.

use amiquip::{Channel, Delivery};

use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::view::DeadLetterView;
use crate::broker::error::BrokerError;
use crate::broker::topology;

/// The dead letters that a queue has when it is opened. Those that a worker adds later are not among them.
pub(super) struct Reader<'c> {
    pub(super) channel: &'c Channel,
    queue: String,
    variable: &'static str,
    /// How many there are.
    pub(super) count: u32,
    left: u32,
}

impl<'c> Reader<'c> {
    /// The oldest `limit` of them. `None` if the queue does not exist.
    pub(super) fn open(
        connection: &'c mut BrokerConnection,
        queue: String,
        limit: u32,
    ) -> Result<Option<Self>, BrokerError> {
        let Some(depth) = topology::find(connection, &queue)? else { return Ok(None) };
        // At least one is asked for: only then a broker says that the queue is a stream, or that the user may not read it.
        let (count, left) = (depth.messages, depth.messages.max(1).min(limit));
        let (channel, variable) = (&connection.channel, connection.queue_variable);
        Ok(Some(Self { channel, queue, variable, count, left }))
    }

    /// The next one, the oldest first, and its delivery, without the body.
    pub(super) fn next(&mut self) -> Result<Option<(DeadLetterView, Delivery)>, BrokerError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let got = self.channel.basic_get(self.queue.as_str(), false);
        let got = got.map_err(|error| BrokerError::of_queue(error, &self.queue, self.variable))?;
        Ok(got.map(|got| {
            let mut delivery = got.delivery;
            (DeadLetterView::take(&self.queue, &mut delivery), delivery)
        }))
    }
}
