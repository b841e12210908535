//! The broker thread: one AMQP channel, messages in, settlements out, reconnecting for ever.
//!
//! The only file that knows amiquip's `Delivery`: what is handed on is an [`Incoming`]. A message stays
//! unacked at the broker until the worker settles it, so whatever goes wrong here, it comes again.

use std::collections::HashMap;
use std::io;
use std::thread::{Builder, JoinHandle};

use amiquip::{Consumer, ConsumerMessage, ConsumerOptions, Delivery};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select, unbounded};
use log::{debug, error, info};

use super::connection::Link;
use super::dead_letter::{DeadLetter, Keeper};
use super::error::BrokerError;
use super::incoming::{Incoming, Receipt, Settlement};
use super::outage::{Attempt, Outage};
use crate::config::BrokerConfig;
use crate::domain::notification::Identity;
use crate::shutdown::Stop;

/// A running subscription to the queue.
#[derive(Debug)]
pub struct Subscription {
    /// Messages as they come, never more than the prefetch of them; closed once a stop was asked for.
    pub incoming: Receiver<Incoming>,
    /// What became of them; sending never blocks. Dropping it, after a stop was asked for, lets the thread
    /// end.
    pub settlements: Sender<Settlement>,
    /// Receipts of acks that the broker is known to have received.
    pub acked: Receiver<Receipt>,
    /// The thread.
    pub thread: JoinHandle<()>,
}

/// Starts the broker thread, which connects and reconnects for ever, and another one for dead letters.
///
/// Once a stop is requested, `incoming` is closed, what the worker has not taken returns to the queue, and
/// settlements are served until the worker drops its end. Then the thread ends: at once, or within about half
/// a minute if the broker is frozen, since that is noticed by two missing heartbeats.
///
/// # Errors
/// When a thread cannot be started.
pub fn subscribe(config: &BrokerConfig, prefetch: u16, stop: &Stop) -> io::Result<Subscription> {
    // AMQP takes 0 for "no limit", which is never meant.
    let prefetch = prefetch.max(1);
    let (to_worker, incoming) = bounded(usize::from(prefetch));
    // Neither holds more than one entry for each message handed out, and those are bounded by the prefetch.
    let (settlements, settled) = unbounded();
    let (acks, acked) = unbounded();
    let thread = BrokerThread {
        config: config.clone(),
        prefetch,
        stop: stop.clone(),
        to_worker: Some(to_worker),
        not_taken: incoming.clone(),
        settlements: settled,
        acked: acks,
        keeper: Keeper::start(config, prefetch)?,
    };
    let thread = Builder::new()
        .name("broker".to_owned())
        .spawn(move || thread.run())?;
    Ok(Subscription {
        incoming,
        settlements,
        acked,
        thread,
    })
}

/// What the thread owns.
struct BrokerThread {
    config: BrokerConfig,
    prefetch: u16,
    stop: Stop,
    /// `None` once a stop was asked for.
    to_worker: Option<Sender<Incoming>>,
    /// The worker's end of `incoming`, to take back what it has not taken.
    not_taken: Receiver<Incoming>,
    settlements: Receiver<Settlement>,
    acked: Sender<Receipt>,
    keeper: Keeper,
}

impl BrokerThread {
    /// Session after session, until a stop is requested.
    fn run(mut self) {
        let mut outage = Outage::new("for taking messages");
        let mut number = 0;
        loop {
            let link = match outage.try_to_open(&self.config, &self.stop) {
                Attempt::Open(link) => link,
                Attempt::Failed => continue,
                Attempt::Stopped => break,
            };
            number += 1;
            let end = self.serve(&link, number, &mut outage);
            let closed = link.close();
            match end {
                End::NotBegun(error) => outage.failed(&error),
                // If the connection is dead, closing it tells why, and `error` is only a symptom.
                End::Lost(error) => outage.lost(&closed.err().unwrap_or(error)),
                End::Stopped => break,
            }
        }
        self.to_worker = None;
        self.settlements.iter().for_each(drop);
        self.keeper.finish();
        info!("the broker thread has ended; unfinished messages are back in the queue");
    }

    /// One session, from declaring the queue to its end.
    fn serve(&mut self, link: &Link, number: u64, outage: &mut Outage) -> End {
        let mut session = match Session::begin(link, &self.config.queue, self.prefetch, number) {
            Ok(session) => session,
            Err(error) => return End::NotBegun(error),
        };
        // The broker delivers again whatever an earlier session received.
        self.not_taken.try_iter().for_each(drop);
        self.keeper.begin_session(number);
        info!(
            "connected to {}{}; taking messages from {}, at most {} at a time",
            link.peer,
            outage.over(),
            self.config.queue,
            self.prefetch
        );
        let result = self.take_messages(&mut session);
        if result.is_ok() {
            self.to_worker = None;
            self.finish(&mut session);
        }
        self.keeper.end_session();
        match result {
            Ok(()) => End::Stopped,
            Err(error) => End::Lost(error),
        }
    }

    /// Takes and settles until a stop is requested, or the worker is gone.
    fn take_messages(&self, session: &mut Session) -> Result<(), BrokerError> {
        loop {
            select! {
                recv(session.consumer.receiver()) -> message => {
                    let message = session.receive(message.ok())?;
                    self.hand_over(session, message)?;
                }
                recv(self.settlements) -> settlement => match settlement {
                    Ok(settlement) => self.settle(session, settlement)?,
                    Err(_) => return Ok(()),
                },
                recv(self.keeper.kept()) -> receipt => self.ack(session, receipt.into_iter())?,
                recv(self.stop.receiver()) -> _ => return Ok(()),
            }
        }
    }

    fn hand_over(&self, session: &mut Session, message: Incoming) -> Result<(), BrokerError> {
        if let Some(worker) = &self.to_worker
            && let Err(TrySendError::Full(message)) = worker.try_send(message)
        {
            // Cannot happen with a broker that keeps to the prefetch.
            error!(
                "more than {} messages: {:?} goes back",
                self.prefetch, message.receipt
            );
            session.give_back_one(message.receipt.tag)?;
        }
        Ok(())
    }

    /// After a stop: gives back what nobody works at, and settles the rest as the worker gets it done.
    fn finish(&mut self, session: &mut Session) {
        let result = self.settle_the_rest(session).and_then(|()| {
            let last = self.keeper.finish();
            self.ack(session, last.into_iter())
        });
        if let Err(error) = result {
            info!("lost the connection to the broker while stopping: {error}. Unacked messages come again");
        }
    }

    fn settle_the_rest(&self, session: &mut Session) -> Result<(), BrokerError> {
        session.give_back(&self.not_taken)?;
        loop {
            select! {
                recv(self.settlements) -> settlement => match settlement {
                    Ok(settlement) => self.settle(session, settlement)?,
                    Err(_) => return Ok(()),
                },
                recv(self.keeper.kept()) -> receipt => self.ack(session, receipt.into_iter())?,
            }
        }
    }

    /// Settles this message and all others that are ready, so that they share one barrier.
    fn settle(&self, session: &mut Session, first: Settlement) -> Result<(), BrokerError> {
        let mut done = Vec::new();
        for settlement in std::iter::once(first).chain(self.settlements.try_iter()) {
            match settlement {
                Settlement::Ack(receipt) => done.push(receipt),
                Settlement::DeadLetter(receipt, reason) => {
                    if let Some(letter) = session.dead_letter(receipt, reason) {
                        self.keeper.keep(letter);
                    }
                }
            }
        }
        self.ack(session, done.into_iter())
    }

    fn ack(&self, session: &mut Session, receipts: impl Iterator<Item = Receipt>) -> Result<(), BrokerError> {
        session.ack(receipts, &self.acked)
    }
}

/// How a session ended.
enum End {
    /// The queue could not be consumed.
    NotBegun(BrokerError),
    /// The connection, the channel or the queue is gone.
    Lost(BrokerError),
    /// A stop was requested, and everything is settled.
    Stopped,
}

/// One connection's worth of taking messages.
struct Session<'link> {
    number: u64,
    prefetch: u16,
    link: &'link Link,
    consumer: Consumer<'link>,
    unacked: HashMap<u64, Delivery>,
}

impl<'link> Session<'link> {
    /// Declares the queue and begins to consume it.
    fn begin(link: &'link Link, queue: &str, prefetch: u16, number: u64) -> Result<Self, BrokerError> {
        link.declare(queue)?;
        // The one bound there is: amiquip's own buffer has none.
        link.channel.qos(0, prefetch, false)?;
        let consumer = link
            .channel
            .basic_consume(queue, ConsumerOptions::default())
            .map_err(|error| BrokerError::of_queue(error, queue))?;
        Ok(Self {
            number,
            prefetch,
            link,
            consumer,
            unacked: HashMap::new(),
        })
    }

    /// The message for the worker; anything else that comes is the end of the session. Nothing (`None`) is how
    /// amiquip tells a lost connection.
    fn receive(&mut self, message: Option<ConsumerMessage>) -> Result<Incoming, BrokerError> {
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
            receipt: Receipt {
                session: self.number,
                tag,
            },
            // A copy: should it become a dead letter, the original goes there as it came.
            body: delivery.body.clone(),
            identity: Identity {
                message_id: delivery
                    .properties
                    .message_id()
                    .clone()
                    .filter(|id| !id.is_empty()),
                redelivered: delivery.redelivered,
            },
        };
        self.unacked.insert(tag, delivery);
        Ok(message)
    }

    /// Acks what is still unacked of these, proves that the broker knows, and tells the worker.
    fn ack(
        &mut self,
        receipts: impl Iterator<Item = Receipt>,
        acked: &Sender<Receipt>,
    ) -> Result<(), BrokerError> {
        let mut sent = Vec::new();
        for receipt in receipts {
            if let Some(delivery) = self.take(receipt) {
                delivery.ack(&self.link.channel)?;
                sent.push(receipt);
            }
        }
        if sent.is_empty() {
            return Ok(());
        }
        // `ack` returns once it is queued. The broker handles a channel's calls in order, so the answer to
        // any later call proves that it has the acks.
        self.link.channel.qos(0, self.prefetch, false)?;
        for receipt in sent {
            if acked.send(receipt).is_err() {
                debug!("nobody wants to know that {receipt:?} is acked");
            }
        }
        Ok(())
    }

    /// The message as it came, to be kept elsewhere. It stays unacked.
    fn dead_letter(&mut self, receipt: Receipt, reason: String) -> Option<DeadLetter> {
        let delivery = self.take(receipt)?;
        let mut letter = delivery;
        let (body, properties) = (std::mem::take(&mut letter.body), letter.properties.clone());
        self.unacked.insert(receipt.tag, letter);
        Some(DeadLetter {
            receipt,
            body,
            properties,
            reason,
        })
    }

    /// The delivery that the receipt names, unless it is one of a lost connection.
    fn take(&mut self, receipt: Receipt) -> Option<Delivery> {
        let delivery = (receipt.session == self.number)
            .then(|| self.unacked.remove(&receipt.tag))
            .flatten();
        if delivery.is_none() {
            debug!("{receipt:?} is of a lost connection: its message comes again");
        }
        delivery
    }

    /// Takes no more messages, and returns those to the queue that nobody works at.
    fn give_back(&mut self, not_taken: &Receiver<Incoming>) -> Result<(), BrokerError> {
        self.consumer.cancel()?;
        for message in not_taken.try_iter() {
            self.give_back_one(message.receipt.tag)?;
        }
        for message in self.consumer.receiver().try_iter() {
            if let ConsumerMessage::Delivery(delivery) = message {
                delivery.nack(&self.link.channel, true)?;
            }
        }
        Ok(())
    }

    fn give_back_one(&mut self, tag: u64) -> Result<(), BrokerError> {
        match self.unacked.remove(&tag) {
            Some(delivery) => Ok(delivery.nack(&self.link.channel, true)?),
            None => Ok(()),
        }
    }
}
