//! The broker thread: one AMQP channel, messages in, settlements out, reconnecting for ever.
//!
//! A message stays unacked until the worker settles it, so the broker delivers it again if anything goes wrong here. The
//! thread never waits for the database, for a mail or for the publishing of a dead letter. When to reconnect is left to
//! `reconnect`, one connection to `session`.

use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select, unbounded};
use log::{debug, error};

use crate::broker::ack_timeout;
use crate::broker::connection::BrokerConnection;
use crate::broker::consumer::depths::QueueDepths;
use crate::broker::consumer::session::ConsumerSession;
use crate::broker::consumer::session_end::SessionEnd;
use crate::broker::dead_letters::writer::DeadLetterWriter;
use crate::broker::error::BrokerError;
use crate::broker::incoming::{Acked, Inbox, Incoming, SessionEvent, Settlement};
use crate::broker::last_answer::LastAnswer;
use crate::broker::live_session::LiveSession;
use crate::broker::liveness::Liveness;
use crate::broker::publications::publication::Publication;
use crate::broker::reconnect::Reconnect;
use crate::broker::watchdog::{self, CallWatchdog};
use crate::config::broker::BrokerConfig;
use crate::domain::session::SessionNumbers;
use crate::observe::events;
use crate::observe::health::Monitor;
use crate::shutdown::{self, Shutdown};

mod depths;
mod queues;
mod session;
mod session_end;
mod settling;

/// A running subscription to a queue.
#[derive(Debug)]
pub struct Subscription {
    /// The worker's end.
    pub inbox: Inbox,
    /// The broker thread, to join. Its error: a queue was unusable when the first session was to begin.
    pub thread: JoinHandle<Result<(), BrokerError>>,
    /// Whether the thread works.
    pub liveness: Liveness,
}

/// Starts the broker thread of the queue of `config`, which connects and reconnects for ever, and the thread for dead letters.
///
/// When a shutdown is requested, the broker thread closes `incoming`, returns messages that the worker has not taken to
/// the queue, and settles the others until the worker drops its end. Then the thread ends: at once, or within about half
/// a minute if the broker is frozen, which two missing heartbeats show. It also ends, with an error, if the queue or its
/// dead-letter queue is unusable when the first session is to begin. `replies`: the way to answer messages that become dead
/// letters.
///
/// # Errors
/// When a thread cannot be started.
pub fn subscribe(
    config: &BrokerConfig,
    prefetch: u16,
    numbers: &SessionNumbers,
    replies: Option<Sender<Publication>>,
    monitor: &Monitor,
    watchdog: &CallWatchdog,
    shutdown: &Shutdown,
) -> io::Result<Subscription> {
    // In AMQP, 0 means no limit.
    let prefetch = prefetch.max(1);
    let (to_worker, incoming) = bounded(usize::from(prefetch));
    // Bounded all the same: each holds at most one entry per delivered message, and the prefetch bounds those.
    let (settlements, settled) = unbounded();
    let (acks, acked) = unbounded();
    let (begun_or_lost, sessions) = unbounded();
    let last_answer = LastAnswer::default();
    let live_session = LiveSession::default();
    let liveness = Liveness::default();
    let thread = BrokerThread {
        config: config.clone(),
        prefetch,
        numbers: numbers.clone(),
        shutdown: shutdown.clone(),
        to_worker: Some(to_worker),
        not_taken: incoming.clone(),
        settlements: settled,
        acked: acks,
        sessions: begun_or_lost,
        last_answer: last_answer.clone(),
        liveness: liveness.clone(),
        dead_letters: DeadLetterWriter::start(config, prefetch, &live_session, replies, monitor, watchdog)?,
        monitor: monitor.clone(),
        watchdog: watchdog.clone(),
        has_begun: false,
        alive_at: None,
    };
    let thread = Builder::new().name("broker".to_owned()).spawn(move || thread.run())?;
    let (queue, is_urgent) = (config.queue.clone(), config.is_urgent);
    Ok(Subscription {
        inbox: Inbox { queue, is_urgent, incoming, settlements, acked, sessions, last_answer, live_session },
        thread,
        liveness,
    })
}

/// The state of the broker thread.
struct BrokerThread {
    config: BrokerConfig,
    prefetch: u16,
    numbers: SessionNumbers,
    shutdown: Shutdown,
    /// `None` once a shutdown is requested.
    to_worker: Option<Sender<Incoming>>,
    /// A second receiver of `incoming`, to take back messages that the worker has not taken.
    not_taken: Receiver<Incoming>,
    settlements: Receiver<Settlement>,
    acked: Sender<Acked>,
    sessions: Sender<SessionEvent>,
    last_answer: LastAnswer,
    liveness: Liveness,
    dead_letters: DeadLetterWriter,
    monitor: Monitor,
    watchdog: CallWatchdog,
    /// Whether any session has begun.
    has_begun: bool,
    /// When the broker was last known to run, in the last session.
    alive_at: Option<Instant>,
}

impl BrokerThread {
    /// Runs sessions, and ends what belongs to the thread.
    fn run(mut self) -> Result<(), BrokerError> {
        let result = self.run_sessions();
        if result.is_err() && self.monitor.health.queue().is_some() {
            // The worker is not to go on with the other queues.
            shutdown::request(&self.shutdown);
        }
        self.to_worker = None;
        self.settlements.iter().for_each(drop);
        self.dead_letters.finish();
        if result.is_ok() {
            events::broker::disconnected(self.has_begun);
        }
        result
    }

    /// Runs one session after the other until a shutdown is requested.
    fn run_sessions(&mut self) -> Result<(), BrokerError> {
        let health = self.monitor.health.clone();
        let purpose =
            health.queue().map_or("take messages".to_owned(), |queue| format!("take messages from {queue}"));
        let fan_outs = self.monitor.fan_outs.clone();
        let mut reconnect = Reconnect::new(health, fan_outs, &purpose, self.liveness.clone());
        let mut is_first = true;
        while let Some(mut connection) = reconnect.try_to_open(&self.config, &self.shutdown) {
            let is_reconnect = !std::mem::replace(&mut is_first, false);
            self.monitor.metrics.broker_reconnects.inc_by(u64::from(is_reconnect));
            let number = self.numbers.next();
            let end = match self.find_queues(&mut connection) {
                Ok(()) => self.serve(&mut connection, number, &mut reconnect),
                Err(error) => SessionEnd::NotStarted(error),
            };
            let (host, advice) = (connection.host, ack_timeout::advice(&connection.product, &self.config));
            let ended_at = Instant::now();
            let closed = connection.close();
            match end {
                SessionEnd::Lost(error) if self.shutdown.requested() || self.to_worker.is_none() => {
                    events::broker::lost_while_stopping(&error.explained_by(closed));
                    break;
                }
                SessionEnd::NotStarted(error) if self.refuses_to_begin(&error) => return Err(error),
                SessionEnd::NotStarted(error) => reconnect.not_begun(&error.explained_by(closed), host),
                SessionEnd::Lost(error @ BrokerError::AckTimeout { .. }) => {
                    reconnect.ack_timed_out(&error, &advice);
                }
                SessionEnd::Lost(error) => {
                    let error = error.explained_by(closed);
                    // A broker that resets a connection runs, or has run until then.
                    let was_reset = matches!(error, BrokerError::Reset(_));
                    self.alive_at = if was_reset { Some(ended_at) } else { self.answered_at() };
                    reconnect.lost(&error, &self.config.queue);
                }
                SessionEnd::Stopped => break,
            }
        }
        Ok(())
    }

    /// Runs one session, from its first message to its end.
    fn serve(
        &mut self,
        connection: &mut BrokerConnection,
        number: u64,
        reconnect: &mut Reconnect,
    ) -> SessionEnd {
        let mut depths = self.ask_depths(connection);
        let started = ConsumerSession::start(
            connection,
            &self.config.queue,
            self.prefetch,
            number,
            &self.watchdog,
            &self.last_answer,
        );
        let mut session = match started {
            Ok(session) => session,
            Err(error) => return SessionEnd::NotStarted(error),
        };
        self.has_begun = true;
        self.dead_letters.begin_session(number);
        let follows_restart = reconnect.session_begins(connection.host);
        let alive_at = self.alive_at.take();
        let ack_writing = connection.ack_writing();
        self.report(SessionEvent::Begun { number, follows_restart, ack_writing, alive_at });
        let recovery = reconnect.connected();
        events::broker::subscribed(
            &connection.peer,
            &self.config.queue,
            self.prefetch,
            recovery,
            follows_restart,
        );
        depths.ask();
        let result = self.take_messages(&mut session, &mut depths).and_then(|()| {
            self.to_worker = None;
            self.finish(&mut session)
        });
        session.end();
        depths.end();
        self.dead_letters.end_session();
        match result {
            Ok(()) => SessionEnd::Stopped,
            Err(error) => {
                self.lose_session(number, &error);
                SessionEnd::Lost(if self.watchdog.has_hung() { watchdog::ended_by_watchdog() } else { error })
            }
        }
    }

    /// The broker delivers all messages of the session again. Those that the worker has not taken yet are dropped first: the
    /// worker gets no message of a session after the session's loss.
    fn lose_session(&self, number: u64, cause: &BrokerError) {
        self.not_taken.try_iter().for_each(drop);
        // Only the end of the connection will tell the cause, if it is not known yet.
        let is_silent = matches!(cause, BrokerError::Silent(_));
        let alive_at = if is_silent { self.answered_at() } else { Some(Instant::now()) };
        self.report(SessionEvent::Lost { number, alive_at });
    }

    /// When the newest call began that the broker has answered.
    fn answered_at(&self) -> Option<Instant> {
        self.last_answer.get().map(|(_, began_at)| began_at)
    }

    fn report(&self, event: SessionEvent) {
        if self.sessions.send(event).is_err() {
            debug!("{event:?}: the dispatcher has ended");
        }
    }

    /// Takes and settles messages until a shutdown is requested or the worker has ended.
    fn take_messages(
        &self,
        session: &mut ConsumerSession,
        depths: &mut QueueDepths,
    ) -> Result<(), BrokerError> {
        loop {
            self.liveness.steps();
            select! {
                recv(session.messages()) -> message => {
                    let message = session.receive(message.ok())?;
                    self.deliver(session, message)?;
                }
                recv(self.settlements) -> settlement => match settlement {
                    Ok(settlement) => self.settle(session, settlement)?,
                    Err(_) => return Ok(()),
                },
                recv(self.dead_letters.confirmed()) -> receipt => session.ack(receipt.into_iter(), &self.acked)?,
                recv(depths.due()) -> _ => depths.ask(),
                recv(self.shutdown.receiver()) -> _ => return Ok(()),
                default(session.until_ping()) => session.ping()?,
            }
        }
    }

    fn deliver(&self, session: &mut ConsumerSession, message: Incoming) -> Result<(), BrokerError> {
        if let Some(worker) = &self.to_worker
            && let Err(TrySendError::Full(message)) = worker.try_send(message)
        {
            // Cannot happen unless the broker ignores the prefetch.
            error!(
                "the broker sent more than {} unacked messages; {:?} goes back to the queue",
                self.prefetch, message.receipt
            );
            session.return_to_queue(message.receipt.tag)?;
        }
        Ok(())
    }
}
