//! One session of the consumer: receiving, acking and returning messages on one connection. Reconnecting is left to
//! `reconnect`. The only file that names amiquip's `Delivery`; the worker gets an [`Incoming`].

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use amiquip::{AmqpValue, Consumer, ConsumerMessage, ConsumerOptions, Delivery, FieldTable};
use crossbeam_channel::{Receiver, Sender};
use log::debug;

use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::properties::{new_id, with_publication};
use crate::broker::dead_letters::storing::DeadLetter;
use crate::broker::delivery_count::{MANY, delivery_count};
use crate::broker::error::BrokerError;
use crate::broker::incoming::{Acked, Incoming};
use crate::broker::last_answer::LastAnswer;
use crate::broker::publisher_headers::with_headers;
use crate::broker::watchdog::CallWatchdog;
use crate::domain::message::identity::Identity;
use crate::domain::session::Receipt;
use crate::observe::events;

/// A consumer and its unacked deliveries.
pub(super) struct ConsumerSession<'connection> {
    number: u64,
    prefetch: u16,
    connection: &'connection BrokerConnection,
    watchdog: CallWatchdog,
    last_answer: LastAnswer,
    /// When the newest call that was answered began.
    answered: Cell<Instant>,
    consumer: Consumer<'connection>,
    unacked: BTreeMap<u64, Delivery>,
    /// The log has warned of a message that was delivered often.
    has_warned: bool,
}

impl<'connection> ConsumerSession<'connection> {
    /// Starts to consume the queue, which exists.
    pub(super) fn start(
        connection: &'connection BrokerConnection,
        queue: &str,
        prefetch: u16,
        number: u64,
        watchdog: &CallWatchdog,
        last_answer: &LastAnswer,
    ) -> Result<Self, BrokerError> {
        let began_at = Instant::now();
        let consumer = watchdog.guard("subscribing to the queue", &connection.socket, || {
            // The only bound: amiquip's own buffer has none. Per consumer, not global: quorum queues have no global one.
            connection.channel.qos(0, prefetch, false)?;
            connection
                .channel
                .basic_consume(queue, options())
                .map_err(|error| BrokerError::of_queue(error, queue, connection.queue_variable))
        })?;
        let session = Self {
            number,
            prefetch,
            connection,
            watchdog: watchdog.clone(),
            last_answer: last_answer.clone(),
            answered: Cell::new(began_at),
            consumer,
            unacked: BTreeMap::new(),
            has_warned: false,
        };
        session.note_answer(began_at);
        Ok(session)
    }

    /// Ends the subscription. Unacked messages go back to the queue when the connection is closed.
    pub(super) fn end(self) {
        let Self { watchdog, connection, consumer, .. } = self;
        watchdog.guard("unsubscribing from the queue", &connection.socket, || drop(consumer));
    }

    /// How long it is until the next ping: after this silence since the newest call that was answered.
    pub(super) fn until_ping(&self) -> Duration {
        self.watchdog.limits().silence.saturating_sub(self.answered.get().elapsed())
    }

    /// Makes a call that changes nothing; returns when the broker has answered.
    pub(super) fn ping(&self) -> Result<(), BrokerError> {
        self.guarded("a ping", || self.round_trip())
    }

    fn guarded<T>(
        &self,
        name: &'static str,
        call: impl FnOnce() -> Result<T, BrokerError>,
    ) -> Result<T, BrokerError> {
        self.watchdog.guard(name, &self.connection.socket, call)
    }

    /// A barrier: the broker handles the calls of a channel in order, so its answer proves that it has handled all calls
    /// before.
    fn round_trip(&self) -> Result<(), BrokerError> {
        let began_at = Instant::now();
        self.connection.channel.qos(0, self.prefetch, false)?;
        self.note_answer(began_at);
        Ok(())
    }

    fn note_answer(&self, began_at: Instant) {
        self.answered.set(began_at);
        self.last_answer.set(self.number, began_at);
    }

    /// Messages of the broker, for [`Self::receive`].
    pub(super) fn messages(&self) -> &Receiver<ConsumerMessage> {
        self.consumer.receiver()
    }

    /// Turns a delivery into a message for the worker. Anything else ends the session; `None` is amiquip's sign of a lost
    /// connection.
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
            | None => return Err(BrokerError::Lost("amiquip gave no cause".to_owned())),
        };
        self.warn_of_many_deliveries(&delivery);
        let tag = delivery.delivery_tag();
        let identity = Identity::new(delivery.properties.message_id().as_deref(), delivery.redelivered);
        // A copy of the body, because a dead letter needs the original.
        let message = Incoming::new(Receipt { session: self.number, tag }, delivery.body.clone(), identity);
        let message =
            with_headers(message, &delivery.properties, (&delivery.exchange, &delivery.routing_key));
        self.unacked.insert(tag, delivery);
        Ok(message)
    }

    /// Once a session: a quorum queue may drop the message soon.
    fn warn_of_many_deliveries(&mut self, delivery: &Delivery) {
        if let Some(count) = delivery_count(&delivery.properties).filter(|count| *count >= MANY)
            && !std::mem::replace(&mut self.has_warned, true)
        {
            events::broker::delivered_often(count);
        }
    }

    /// Acks those messages that are still unacked, waits until the broker has the acks, and reports them to `acked`.
    pub(super) fn ack(
        &mut self,
        receipts: impl Iterator<Item = Receipt>,
        acked: &Sender<Acked>,
    ) -> Result<(), BrokerError> {
        let mut done: Vec<_> = receipts.filter_map(|receipt| Some((receipt, self.take(receipt)?))).collect();
        if done.is_empty() {
            return Ok(());
        }
        done.sort_unstable_by_key(|(receipt, _)| receipt.tag);
        let (done, mut deliveries): (Vec<_>, VecDeque<_>) = done.into_iter().unzip();
        let together = contiguous(&done, self.unacked.keys().next().copied());
        let sent_at = Instant::now();
        self.guarded("an ack", || {
            if let Some(last) = deliveries.drain(..together).next_back() {
                last.ack_multiple(&self.connection.channel)?;
            }
            for delivery in deliveries {
                delivery.ack(&self.connection.channel)?;
            }
            // `ack` only queues the ack.
            self.round_trip()
        })?;
        for receipt in done {
            if acked.send(Acked { receipt, sent_at }).is_err() {
                debug!("the dispatcher has ended; the broker has the ack of {receipt:?}");
            }
        }
        Ok(())
    }

    /// The original message for the dead-letter queue. It stays unacked.
    pub(super) fn dead_letter(&mut self, receipt: Receipt, reason: String) -> Option<DeadLetter> {
        let mut delivery = self.take(receipt)?;
        let letter = DeadLetter {
            id: new_id(),
            receipt,
            body: std::mem::take(&mut delivery.body),
            properties: with_publication(&delivery.properties, &delivery.exchange, &delivery.routing_key),
            reason,
        };
        self.unacked.insert(receipt.tag, delivery);
        Some(letter)
    }

    /// Removes the delivery that the receipt names; `None` if it belongs to a lost connection.
    fn take(&mut self, receipt: Receipt) -> Option<Delivery> {
        let delivery = (receipt.session == self.number).then(|| self.unacked.remove(&receipt.tag)).flatten();
        if delivery.is_none() {
            debug!("{receipt:?} belongs to a lost connection; its message will be redelivered");
        }
        delivery
    }

    /// Ends the consumer, and returns messages to the queue that the worker has not taken.
    pub(super) fn return_untaken(&mut self, not_taken: &Receiver<Incoming>) -> Result<(), BrokerError> {
        self.guarded("the cancelling of the consumer", || Ok(self.consumer.cancel()?))?;
        for message in not_taken.try_iter() {
            self.return_to_queue(message.receipt.tag)?;
        }
        for message in self.consumer.receiver().try_iter() {
            if let ConsumerMessage::Delivery(delivery) = message {
                delivery.nack(&self.connection.channel, true)?;
            }
        }
        Ok(())
    }

    /// Returns one message to the queue, unless it was settled.
    pub(super) fn return_to_queue(&mut self, tag: u64) -> Result<(), BrokerError> {
        match self.unacked.remove(&tag) {
            Some(delivery) => Ok(delivery.nack(&self.connection.channel, true)?),
            None => Ok(()),
        }
    }
}

/// The priority 0 is the one that a consumer has without an argument. RabbitMQ and LavinMQ refuse the argument for streams
/// only (406). Without it, a stream would be consumed, from its end.
fn options() -> ConsumerOptions {
    let arguments = FieldTable::from([("x-priority".to_owned(), AmqpValue::LongInt(0))]);
    ConsumerOptions { arguments, ..ConsumerOptions::default() }
}

/// How many of `done`, sorted by tag, come before every unacked message: one ack with `multiple` covers them.
fn contiguous(done: &[Receipt], first_unacked: Option<u64>) -> usize {
    done.partition_point(|receipt| first_unacked.is_none_or(|first| receipt.tag < first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_ack_covers_only_messages_before_every_unacked_one() {
        let done = [2, 3, 5, 8].map(|tag| Receipt { session: 1, tag });
        let counts = [Some(1), Some(4), Some(6), Some(9), None].map(|first| contiguous(&done, first));
        assert_eq!(counts, [0, 2, 3, 4, 4]);
    }
}
