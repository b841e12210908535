//! One connection's worth of taking messages, acking and giving back. Knows nothing of reconnecting.
//!
//! The only file that knows amiquip's `Delivery`: what is handed on is an [`Incoming`].

use std::collections::{BTreeMap, VecDeque};

use amiquip::{Consumer, ConsumerMessage, ConsumerOptions, Delivery};
use crossbeam_channel::{Receiver, Sender};
use log::debug;

use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::writer::DeadLetter;
use crate::broker::error::BrokerError;
use crate::broker::incoming::{Ack, Incoming, Receipt};
use crate::broker::topology;
use crate::broker::watchdog::CallWatchdog;
use crate::domain::message::identity::Identity;

/// A consumer, and what it has received that is not settled.
pub(super) struct ConsumerSession<'connection> {
    number: u64,
    prefetch: u16,
    connection: &'connection BrokerConnection,
    watchdog: CallWatchdog,
    consumer: Consumer<'connection>,
    unacked: BTreeMap<u64, Delivery>,
}

impl<'connection> ConsumerSession<'connection> {
    /// Declares the queue and begins to consume it.
    pub(super) fn begin(
        connection: &'connection BrokerConnection,
        queue: &str,
        prefetch: u16,
        number: u64,
        watchdog: &CallWatchdog,
    ) -> Result<Self, BrokerError> {
        let consumer = watchdog.guard("subscribing to the queue", &connection.socket, || {
            topology::declare(connection, queue)?;
            // The one bound there is: amiquip's own buffer has none.
            connection.channel.qos(0, prefetch, false)?;
            connection
                .channel
                .basic_consume(queue, ConsumerOptions::default())
                .map_err(|error| BrokerError::of_queue(error, queue, connection.queue_variable))
        })?;
        Ok(Self {
            number,
            prefetch,
            connection,
            watchdog: watchdog.clone(),
            consumer,
            unacked: BTreeMap::new(),
        })
    }

    /// Ends the subscription. What is unacked goes back to the queue once the connection is closed.
    pub(super) fn end(self) {
        let Self { watchdog, connection, consumer, .. } = self;
        watchdog.guard("unsubscribing from the queue", &connection.socket, || drop(consumer));
    }

    /// Returns once the broker has answered to a call that changes nothing.
    pub(super) fn ping(&self) -> Result<(), BrokerError> {
        self.watched("a question whether it is there", || self.round_trip())
    }

    fn watched<T>(
        &self,
        what: &'static str,
        call: impl FnOnce() -> Result<T, BrokerError>,
    ) -> Result<T, BrokerError> {
        self.watchdog.guard(what, &self.connection.socket, call)
    }

    /// The broker handles a channel's calls in order, so its answer to this one proves that it has handled all
    /// that was sent before.
    fn round_trip(&self) -> Result<(), BrokerError> {
        Ok(self.connection.channel.qos(0, self.prefetch, false)?)
    }

    /// What the broker sends; for [`Self::receive`].
    pub(super) fn messages(&self) -> &Receiver<ConsumerMessage> {
        self.consumer.receiver()
    }

    /// The message for the worker; anything else that comes is the end of the session. Nothing (`None`) is how
    /// amiquip tells a lost connection.
    pub(super) fn receive(&mut self, message: Option<ConsumerMessage>) -> Result<Incoming, BrokerError> {
        let delivery = match message {
            Some(ConsumerMessage::Delivery(delivery)) => delivery,
            Some(ConsumerMessage::ServerCancelled) => return Err(BrokerError::Cancelled),
            Some(
                ConsumerMessage::ServerClosedChannel(error) | ConsumerMessage::ServerClosedConnection(error),
            ) => return Err(error.into()),
            Some(
                ConsumerMessage::ClientCancelled
                | ConsumerMessage::ClientClosedChannel
                | ConsumerMessage::ClientClosedConnection,
            )
            | None => return Err(BrokerError::Lost("it ended without a cause".to_owned())),
        };
        let tag = delivery.delivery_tag();
        let message = Incoming {
            receipt: Receipt { session: self.number, tag },
            // A copy: should it become a dead letter, the original goes there as it came.
            body: delivery.body.clone(),
            identity: Identity::new(delivery.properties.message_id().as_deref(), delivery.redelivered),
        };
        self.unacked.insert(tag, delivery);
        Ok(message)
    }

    /// Acks what is still unacked of these, proves that the broker knows, and tells the worker.
    pub(super) fn ack(
        &mut self,
        acks: impl Iterator<Item = Ack>,
        acked: &Sender<Ack>,
    ) -> Result<(), BrokerError> {
        let mut done: Vec<_> = acks.filter_map(|ack| Some((ack, self.take(ack.receipt)?))).collect();
        if done.is_empty() {
            return Ok(());
        }
        done.sort_unstable_by_key(|(ack, _)| ack.receipt.tag);
        let (done, mut deliveries): (Vec<_>, VecDeque<_>) = done.into_iter().unzip();
        let together = contiguous(&done, self.unacked.keys().next().copied());
        self.watched("an ack", || {
            if let Some(last) = deliveries.drain(..together).next_back() {
                last.ack_multiple(&self.connection.channel)?;
            }
            for delivery in deliveries {
                delivery.ack(&self.connection.channel)?;
            }
            // `ack` returns once it is queued.
            self.round_trip()
        })?;
        for ack in done {
            if acked.send(ack).is_err() {
                debug!("the dispatcher has ended; the broker has {ack:?}");
            }
        }
        Ok(())
    }

    /// The message as it came, to be kept elsewhere. It stays unacked.
    pub(super) fn dead_letter(&mut self, receipt: Receipt, reason: String) -> Option<DeadLetter> {
        let mut delivery = self.take(receipt)?;
        let letter = DeadLetter {
            receipt,
            body: std::mem::take(&mut delivery.body),
            properties: delivery.properties.clone(),
            reason,
        };
        self.unacked.insert(receipt.tag, delivery);
        Some(letter)
    }

    /// The delivery that the receipt names, unless it is one of a lost connection.
    fn take(&mut self, receipt: Receipt) -> Option<Delivery> {
        let delivery = (receipt.session == self.number).then(|| self.unacked.remove(&receipt.tag)).flatten();
        if delivery.is_none() {
            debug!("{receipt:?} is of a lost connection: its message comes again");
        }
        delivery
    }

    /// Takes no more messages, and returns those to the queue that nobody works at.
    pub(super) fn give_back(&mut self, not_taken: &Receiver<Incoming>) -> Result<(), BrokerError> {
        self.watched("the end of the subscription", || Ok(self.consumer.cancel()?))?;
        for message in not_taken.try_iter() {
            self.give_back_one(message.receipt.tag)?;
        }
        for message in self.consumer.receiver().try_iter() {
            if let ConsumerMessage::Delivery(delivery) = message {
                delivery.nack(&self.connection.channel, true)?;
            }
        }
        Ok(())
    }

    /// Returns one message to the queue.
    pub(super) fn give_back_one(&mut self, tag: u64) -> Result<(), BrokerError> {
        match self.unacked.remove(&tag) {
            Some(delivery) => Ok(delivery.nack(&self.connection.channel, true)?),
            None => Ok(()),
        }
    }
}

/// How many of these, in order of their tags, come before all that stay unacked: one ack does for them.
fn contiguous(done: &[Ack], first_unacked: Option<u64>) -> usize {
    done.partition_point(|ack| first_unacked.is_none_or(|first| ack.receipt.tag < first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ack_is_for_those_alone_that_come_before_all_others() {
        let done: Vec<_> =
            [2, 3, 5, 8].map(|tag| Ack { receipt: Receipt { session: 1, tag }, event_id: None }).into();
        let counts = [Some(1), Some(4), Some(6), Some(9), None].map(|first| contiguous(&done, first));
        assert_eq!(counts, [0, 2, 3, 4, 4]);
    }
}
