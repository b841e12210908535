//! Keeping what nobody can process: `<queue>.dead`, with its reason.
//!
//! Dead letters are published on a thread and a connection of their own: a memory alarm of the broker blocks
//! connections that publish, and must not keep the broker thread from taking in and acking messages. Only
//! once the broker has confirmed a dead letter is its original reported as kept, and may be acked. What is
//! not kept when fanmail stops goes back to the queue and is found again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use amiquip::AmqpProperties;
use chrono::Utc;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, never, select, unbounded};
use log::{debug, error};

use crate::broker::dead_letters::properties;
use crate::broker::error::BrokerError;
use crate::broker::incoming::Receipt;
use crate::broker::publisher::Publisher;
use crate::broker::reconnect::{ConnectAttempt, Reconnect};
use crate::broker::topology::dead_letter_queue;
use crate::broker::watchdog::CallWatchdog;
use crate::config::broker::BrokerConfig;
use crate::observe::events;
use crate::observe::health::{Monitor, Part};
use crate::observe::metrics::Metrics;
use crate::shutdown::{Shutdown, ShutdownTrigger, shutdown_pair};

/// Longest wait for a confirm, unless the broker says that it is blocked.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// How much longer a stop lets a dead letter wait that is already on its way: without its confirm it would
/// be kept twice.
const LAST_WAIT: Duration = Duration::from_secs(2);

/// A connection without a dead letter for this long is closed.
const IDLE: Duration = Duration::from_secs(30);

/// Longest message id in a log line, in characters.
const SHOWN_ID: usize = 64;

/// A message on its way to the dead-letter queue.
pub(crate) struct DeadLetter {
    pub(crate) receipt: Receipt,
    pub(crate) body: Vec<u8>,
    pub(crate) properties: AmqpProperties,
    pub(crate) reason: String,
}

/// The broker thread's end of the dead-letter thread.
pub(crate) struct DeadLetterWriter {
    letters: Sender<DeadLetter>,
    /// The other end of `letters`, to throw away what belongs to a dead session.
    waiting: Receiver<DeadLetter>,
    confirmed: Receiver<Receipt>,
    session: Arc<AtomicU64>,
    running: Option<(ShutdownTrigger, JoinHandle<()>)>,
}

impl DeadLetterWriter {
    /// Starts the thread. It connects when the first dead letter comes.
    pub(crate) fn start(
        config: &BrokerConfig,
        prefetch: u16,
        monitor: &Monitor,
        watchdog: &CallWatchdog,
    ) -> io::Result<Self> {
        // No more than `prefetch` messages of one session are in our hands, and those of earlier sessions
        // are thrown away: it never overflows.
        let (letters, waiting) = bounded(usize::from(prefetch));
        // At most one a dead letter.
        let (kept_sender, confirmed) = unbounded();
        let session = Arc::new(AtomicU64::new(0));
        let (handle, shutdown) = shutdown_pair();
        let thread = DeadLetterThread {
            config: config.clone(),
            queue: dead_letter_queue(&config.queue),
            shutdown,
            session: Arc::clone(&session),
            confirmed: kept_sender,
            reconnect: Reconnect::new("store dead letters", Part::DeadLetters, monitor.health.clone()),
            metrics: Arc::clone(&monitor.metrics),
            watchdog: watchdog.clone(),
            publisher: None,
        };
        let letters_of_thread = waiting.clone();
        let thread =
            Builder::new().name("dead-letters".to_owned()).spawn(move || thread.run(&letters_of_thread))?;
        Ok(Self { letters, waiting, confirmed, session, running: Some((handle, thread)) })
    }

    /// A new session has begun: the broker delivers what the last one held again, so those are forgotten.
    pub(crate) fn begin_session(&self, session: u64) {
        self.session.store(session, Ordering::SeqCst);
        let forgotten = self.waiting.try_iter().count();
        if forgotten > 0 {
            debug!("{forgotten} dead letters were not stored yet; their messages will be redelivered");
        }
    }

    /// The session is over.
    pub(crate) fn end_session(&self) {
        self.session.store(0, Ordering::SeqCst);
    }

    /// Takes a dead letter on. Never blocks.
    pub(crate) fn keep(&self, letter: DeadLetter) {
        if let Err(TrySendError::Full(letter) | TrySendError::Disconnected(letter)) =
            self.letters.try_send(letter)
        {
            // Cannot happen; the message is not lost, it comes again with the next session.
            error!("the dead-letter queue is full (a bug in fanmail): {:?} stays unacked", letter.receipt);
        }
    }

    /// Receipts of originals whose dead letter the broker has confirmed.
    pub(crate) fn confirmed(&self) -> &Receiver<Receipt> {
        &self.confirmed
    }

    /// Stops the thread and waits for it, a few seconds at most. Returns the receipts of the last dead letters
    /// that were kept.
    pub(crate) fn finish(&mut self) -> Vec<Receipt> {
        if let Some((shutdown, thread)) = self.running.take() {
            drop(shutdown);
            if thread.join().is_err() {
                error!(
                    "the dead-letter thread panicked (a bug in fanmail); its messages go back to the queue"
                );
            }
        }
        self.confirmed.try_iter().collect()
    }
}

/// What the thread owns.
struct DeadLetterThread {
    config: BrokerConfig,
    queue: String,
    shutdown: Shutdown,
    session: Arc<AtomicU64>,
    confirmed: Sender<Receipt>,
    reconnect: Reconnect,
    metrics: Arc<Metrics>,
    watchdog: CallWatchdog,
    publisher: Option<Publisher>,
}

impl DeadLetterThread {
    fn run(mut self, letters: &Receiver<DeadLetter>) {
        while !self.shutdown.requested() {
            select! {
                recv(letters) -> letter => match letter {
                    Ok(letter) => self.keep(&letter),
                    Err(_) => break,
                },
                recv(self.shutdown.receiver()) -> _ => break,
                default(IDLE) => self.disconnect(),
            }
        }
        self.disconnect();
    }

    /// Publishes until the broker has confirmed, or the session that received the message is over, or a stop
    /// is requested.
    fn keep(&mut self, letter: &DeadLetter) {
        let mut bare = false;
        while let Some(publisher) = self.publisher() {
            if self.session.load(Ordering::SeqCst) != letter.receipt.session {
                debug!("dead letter {:?}: its message will be redelivered", letter.receipt);
                self.publisher = Some(publisher);
                return;
            }
            match self.publish(&publisher, letter, bare) {
                Ok(()) => {
                    self.publisher = Some(publisher);
                    let recovery = self.reconnect.proved_good();
                    let message_id = shown_id(&letter.properties);
                    events::broker::dead_letter_stored(
                        &self.metrics,
                        &self.queue,
                        &letter.reason,
                        &message_id,
                        recovery,
                    );
                    if self.confirmed.send(letter.receipt).is_err() {
                        debug!("a dead letter was stored after the broker thread had ended");
                    }
                    return;
                }
                Err(error) => {
                    let closed = publisher.close();
                    if self.shutdown.requested() {
                        events::broker::dead_letter_returned();
                        return;
                    }
                    let cause = error.explained_by(closed);
                    bare |= cause.is_objection();
                    self.reconnect.failed(&cause);
                }
            }
        }
    }

    /// The connection that is open, or a new one; nothing once a stop is requested.
    fn publisher(&mut self) -> Option<Publisher> {
        if let Some(open) = self.publisher.take() {
            return Some(open);
        }
        loop {
            match self.reconnect.try_to_open(&self.config, &self.shutdown) {
                ConnectAttempt::Open(connection) => {
                    let socket = Arc::clone(&connection.socket);
                    let open = || Publisher::open(*connection, &self.queue);
                    match self.watchdog.guard("opening the dead-letter queue", &socket, open) {
                        Ok(publisher) => return Some(publisher),
                        Err(error) => self.reconnect.failed(&error),
                    }
                }
                ConnectAttempt::Failed => {}
                ConnectAttempt::Stopped => return None,
            }
        }
    }

    /// Publishes one dead letter and waits for its confirm.
    fn publish(&self, publisher: &Publisher, letter: &DeadLetter, bare: bool) -> Result<(), BrokerError> {
        let compose = if bare { properties::of_bare_dead_letter } else { properties::of_dead_letter };
        let properties = compose(&letter.properties, &self.config.queue, &letter.reason, Utc::now());
        publisher.send(&letter.body, properties)?;
        let mut blocked = false;
        loop {
            match publisher.wait(CONFIRM_TIMEOUT, self.shutdown.receiver()) {
                Err(BrokerError::Blocked { reason }) => {
                    blocked = true;
                    events::broker::dead_letters_blocked(&BrokerError::Blocked { reason });
                }
                Err(BrokerError::Unconfirmed(_)) if self.shutdown.requested() => {
                    return publisher.wait(LAST_WAIT, &never());
                }
                // The message lies in the broker's socket and is taken once there is room. Publishing it on
                // another connection would only keep it twice.
                Err(BrokerError::Unconfirmed(_)) if blocked => {}
                result => return result,
            }
        }
    }

    fn disconnect(&mut self) {
        if let Some(publisher) = self.publisher.take()
            && let Err(error) = publisher.close()
        {
            debug!("closing the connection for dead letters: {error}");
        }
    }
}

/// The message id for a log line: one line, not endless.
fn shown_id(properties: &AmqpProperties) -> String {
    match properties.message_id() {
        Some(id) => id.chars().take(SHOWN_ID).flat_map(char::escape_debug).collect(),
        None => "none".to_owned(),
    }
}
