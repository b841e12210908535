//! Removes dead letters for ever. Asking a person is left to `commands`.

use amiquip::Delivery;

use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::reader::Reader;
use crate::broker::dead_letters::selection::DeadLetterSelection;
use crate::broker::dead_letters::view::DeadLetterView;
use crate::broker::error::BrokerError;
use crate::broker::topology::dead_letter_queue;
use crate::config::broker::BrokerConfig;

/// Dead letters that are to be removed. They stay unacked at the broker, so that exactly those are removed that were seen.
pub struct DeadLetterPurge {
    connection: BrokerConnection,
    taken: Vec<Delivery>,
}

impl DeadLetterPurge {
    /// Takes all dead letters of the selection. `look` gets to see each.
    ///
    /// # Errors
    /// When the broker is away, or the user may not read a queue.
    pub fn take(
        config: &BrokerConfig,
        selection: &DeadLetterSelection,
        look: &mut dyn FnMut(&DeadLetterView),
    ) -> Result<Self, BrokerError> {
        let mut connection = BrokerConnection::open(config)?;
        match take(&mut connection, config, selection, look) {
            Ok(taken) => Ok(Self { connection, taken }),
            Err(error) => Err(error.explained_by(connection.close())),
        }
    }

    /// Removes them.
    ///
    /// # Errors
    /// When the broker is away. Some may be removed then, or all.
    pub fn remove(self) -> Result<(), BrokerError> {
        let Self { connection, taken } = self;
        let ack = |delivery: Delivery| delivery.ack(&connection.channel);
        // An ack is only queued. When the broker has answered, it has them all.
        let removed = taken.into_iter().try_for_each(ack).and_then(|()| connection.channel.qos(0, 0, false));
        let closed = connection.close();
        removed.map_err(|error| BrokerError::from(error).explained_by(closed))
    }

    /// Returns them to their queues.
    pub fn give_up(self) {
        self.connection.close_quietly();
    }
}

fn take(
    connection: &mut BrokerConnection,
    config: &BrokerConfig,
    selection: &DeadLetterSelection,
    look: &mut dyn FnMut(&DeadLetterView),
) -> Result<Vec<Delivery>, BrokerError> {
    let mut taken = Vec::new();
    for queue in config.queues().map(dead_letter_queue) {
        let Some(mut reader) = Reader::open(connection, queue, u32::MAX)? else { continue };
        while let Some((letter, delivery)) = reader.next()? {
            if selection.has(&letter) {
                look(&letter);
                taken.push(delivery);
            }
        }
    }
    Ok(taken)
}
