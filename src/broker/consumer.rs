//! The broker thread: one AMQP channel, messages in, settlements out, reconnecting for ever.
//!
//! A message stays unacked at the broker until the worker settles it, so whatever goes wrong here, it comes
//! again. It never waits for the database, for a mail or for the publishing of a dead letter.

use std::io;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select, unbounded};
use log::error;

use crate::broker::ack_timeout;
use crate::broker::connection::BrokerConnection;
use crate::broker::consumer::session::ConsumerSession;
use crate::broker::dead_letters::writer::DeadLetterWriter;
use crate::broker::error::BrokerError;
use crate::broker::incoming::{Ack, Inbox, Incoming, Receipt, Settlement};
use crate::broker::reconnect::{ConnectAttempt, Reconnect};
use crate::broker::watchdog::CallWatchdog;
use crate::config::broker::BrokerConfig;
use crate::observe::events;
use crate::observe::health::{Monitor, Part};
use crate::shutdown::Shutdown;

mod session;

/// A running subscription to the queue.
#[derive(Debug)]
pub struct Subscription {
    /// For the worker.
    pub inbox: Inbox,
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
pub fn subscribe(
    config: &BrokerConfig,
    prefetch: u16,
    monitor: &Monitor,
    watchdog: &CallWatchdog,
    shutdown: &Shutdown,
) -> io::Result<Subscription> {
    // AMQP takes 0 for "no limit", which is never meant.
    let prefetch = prefetch.max(1);
    let (to_worker, incoming) = bounded(usize::from(prefetch));
    // Neither holds more than one entry for each message handed out, and those are bounded by the prefetch.
    let (settlements, settled) = unbounded();
    let (acks, acked) = unbounded();
    let thread = BrokerThread {
        config: config.clone(),
        prefetch,
        shutdown: shutdown.clone(),
        to_worker: Some(to_worker),
        not_taken: incoming.clone(),
        settlements: settled,
        acked: acks,
        dead_letters: DeadLetterWriter::start(config, prefetch, monitor, watchdog)?,
        monitor: monitor.clone(),
        watchdog: watchdog.clone(),
    };
    let thread = Builder::new().name("broker".to_owned()).spawn(move || thread.run())?;
    Ok(Subscription { inbox: Inbox { incoming, settlements, acked }, thread })
}

/// What the thread owns.
struct BrokerThread {
    config: BrokerConfig,
    prefetch: u16,
    shutdown: Shutdown,
    /// `None` once a stop was asked for.
    to_worker: Option<Sender<Incoming>>,
    /// The worker's end of `incoming`, to take back what it has not taken.
    not_taken: Receiver<Incoming>,
    settlements: Receiver<Settlement>,
    acked: Sender<Ack>,
    dead_letters: DeadLetterWriter,
    monitor: Monitor,
    watchdog: CallWatchdog,
}

impl BrokerThread {
    /// Session after session, until a stop is requested.
    fn run(mut self) {
        let mut reconnect = Reconnect::new("take messages", Part::Broker, self.monitor.health.clone());
        let mut number = 0;
        loop {
            let connection = match reconnect.try_to_open(&self.config, &self.shutdown) {
                ConnectAttempt::Open(connection) => connection,
                ConnectAttempt::Failed => continue,
                ConnectAttempt::Stopped => break,
            };
            number += 1;
            self.monitor.metrics.broker_reconnects.add(u64::from(number > 1));
            let end = self.serve(&connection, number, &mut reconnect);
            let advice = ack_timeout::advice(&connection.product, &self.config);
            let closed = connection.close();
            match end {
                End::Lost(error) if self.shutdown.requested() => {
                    events::broker::lost_while_stopping(&error.explained_by(closed));
                    break;
                }
                End::NotBegun(error) => reconnect.failed(&error),
                End::Lost(error @ BrokerError::AckTimeout { .. }) => reconnect.ack_timed_out(&error, &advice),
                // If the connection is dead, closing it tells why, and `error` is only a symptom.
                End::Lost(error) => reconnect.lost(&closed.err().unwrap_or(error), &self.config.queue),
                End::Stopped => break,
            }
        }
        self.to_worker = None;
        self.settlements.iter().for_each(drop);
        self.dead_letters.finish();
        events::broker::disconnected();
    }

    /// One session, from declaring the queue to its end.
    fn serve(&mut self, connection: &BrokerConnection, number: u64, reconnect: &mut Reconnect) -> End {
        let begun =
            ConsumerSession::begin(connection, &self.config.queue, self.prefetch, number, &self.watchdog);
        let mut session = match begun {
            Ok(session) => session,
            Err(error) => return End::NotBegun(error),
        };
        // The broker delivers again whatever an earlier session received.
        self.not_taken.try_iter().for_each(drop);
        self.dead_letters.begin_session(number);
        let recovery = reconnect.connected();
        events::broker::subscribed(&connection.peer, &self.config.queue, self.prefetch, recovery);
        let result = self.take_messages(&mut session);
        if result.is_ok() {
            self.to_worker = None;
            self.finish(&mut session);
        }
        session.end();
        self.dead_letters.end_session();
        match result {
            Ok(()) => End::Stopped,
            Err(error) => End::Lost(error),
        }
    }

    /// Takes and settles until a stop is requested, or the worker is gone.
    fn take_messages(&self, session: &mut ConsumerSession) -> Result<(), BrokerError> {
        loop {
            select! {
                recv(session.messages()) -> message => {
                    let message = session.receive(message.ok())?;
                    self.hand_over(session, message)?;
                }
                recv(self.settlements) -> settlement => match settlement {
                    Ok(settlement) => self.settle(session, settlement)?,
                    Err(_) => return Ok(()),
                },
                recv(self.dead_letters.confirmed()) -> receipt => self.ack_kept(session, receipt.into_iter())?,
                recv(self.shutdown.receiver()) -> _ => return Ok(()),
                default(self.watchdog.limits().silence) => session.ping()?,
            }
        }
    }

    fn hand_over(&self, session: &mut ConsumerSession, message: Incoming) -> Result<(), BrokerError> {
        if let Some(worker) = &self.to_worker
            && let Err(TrySendError::Full(message)) = worker.try_send(message)
        {
            // Cannot happen with a broker that keeps to the prefetch.
            error!(
                "the broker sent more than {} unacked messages; {:?} goes back to the queue",
                self.prefetch, message.receipt
            );
            session.give_back_one(message.receipt.tag)?;
        }
        Ok(())
    }

    /// After a stop: gives back what nobody works at, and settles the rest as the worker gets it done.
    fn finish(&mut self, session: &mut ConsumerSession) {
        let result = self.settle_the_rest(session).and_then(|()| {
            let last = self.dead_letters.finish();
            self.ack_kept(session, last.into_iter())
        });
        if let Err(error) = result {
            events::broker::lost_while_stopping(&error);
        }
    }

    fn settle_the_rest(&self, session: &mut ConsumerSession) -> Result<(), BrokerError> {
        session.give_back(&self.not_taken)?;
        loop {
            select! {
                recv(self.settlements) -> settlement => match settlement {
                    Ok(settlement) => self.settle(session, settlement)?,
                    Err(_) => return Ok(()),
                },
                recv(self.dead_letters.confirmed()) -> receipt => self.ack_kept(session, receipt.into_iter())?,
            }
        }
    }

    /// Settles this message and all others that are ready, so that they share one barrier.
    fn settle(&self, session: &mut ConsumerSession, first: Settlement) -> Result<(), BrokerError> {
        let mut acks = Vec::new();
        for settlement in std::iter::once(first).chain(self.settlements.try_iter()) {
            match settlement {
                Settlement::Ack(ack) => acks.push(ack),
                Settlement::DeadLetter(receipt, reason) => {
                    if let Some(letter) = session.dead_letter(receipt, reason) {
                        self.dead_letters.keep(letter);
                    }
                }
            }
        }
        session.ack(acks.into_iter(), &self.acked)
    }

    /// Acks messages that are in the dead-letter queue now.
    fn ack_kept(
        &self,
        session: &mut ConsumerSession,
        receipts: impl Iterator<Item = Receipt>,
    ) -> Result<(), BrokerError> {
        session.ack(receipts.map(|receipt| Ack { receipt, event_id: None }), &self.acked)
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
