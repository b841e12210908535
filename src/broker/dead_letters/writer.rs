//! Stores messages that cannot be processed in `<queue>.dead`, with their reasons.
//!
//! Dead letters are published on a thread and a connection of their own: a memory alarm of the broker blocks connections
//! that publish, and must not keep the broker thread from receiving and acking. The original may be acked only when the
//! broker has confirmed its dead letter. A message whose dead letter is not stored when fanmail stops goes back to the
//! queue. Acking is left to `consumer`.

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
use crate::broker::publisher::Publisher;
use crate::broker::reconnect::{ConnectAttempt, Reconnect};
use crate::broker::topology::dead_letter_queue;
use crate::broker::watchdog::CallWatchdog;
use crate::config::broker::BrokerConfig;
use crate::domain::session::Receipt;
use crate::observe::events;
use crate::observe::health::{Monitor, Part};
use crate::observe::metrics::Metrics;
use crate::shutdown::{Shutdown, ShutdownTrigger, shutdown_pair};

/// Longest wait for a confirm, unless the broker reports that it is blocked.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a shutdown waits for the confirm of a published dead letter: without the confirm it would be stored twice.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

/// A connection is closed after this time without a dead letter.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest message id in a log line, in characters.
const MESSAGE_ID_MAX: usize = 64;

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
    /// A second receiver of `letters`, to discard those of an earlier session.
    waiting: Receiver<DeadLetter>,
    confirmed: Receiver<Receipt>,
    session: Arc<AtomicU64>,
    running: Option<(ShutdownTrigger, JoinHandle<()>)>,
}

impl DeadLetterWriter {
    /// Starts the thread. It connects for the first dead letter.
    pub(crate) fn start(
        config: &BrokerConfig,
        prefetch: u16,
        monitor: &Monitor,
        watchdog: &CallWatchdog,
    ) -> io::Result<Self> {
        // Never full: a session has at most `prefetch` unacked messages, and those of earlier sessions are discarded.
        let (letters, waiting) = bounded(usize::from(prefetch));
        // At most one receipt per dead letter.
        let (confirmed_sender, confirmed) = unbounded();
        let session = Arc::new(AtomicU64::new(0));
        let (trigger, shutdown) = shutdown_pair();
        let thread = DeadLetterThread {
            config: config.clone(),
            queue: dead_letter_queue(&config.queue),
            shutdown,
            session: Arc::clone(&session),
            confirmed: confirmed_sender,
            reconnect: Reconnect::new("store dead letters", Part::DeadLetters, monitor.health.clone()),
            metrics: Arc::clone(&monitor.metrics),
            watchdog: watchdog.clone(),
            publisher: None,
        };
        let letters_of_thread = waiting.clone();
        let thread =
            Builder::new().name("dead-letters".to_owned()).spawn(move || thread.run(&letters_of_thread))?;
        Ok(Self { letters, waiting, confirmed, session, running: Some((trigger, thread)) })
    }

    /// Starts a session and discards the dead letters of the last one: the broker redelivers their messages.
    pub(crate) fn begin_session(&self, session: u64) {
        self.session.store(session, Ordering::SeqCst);
        let discarded = self.waiting.try_iter().count();
        if discarded > 0 {
            debug!("{discarded} dead letters were not stored yet; their messages will be redelivered");
        }
    }

    /// Ends the session: its dead letters are not published any more.
    pub(crate) fn end_session(&self) {
        self.session.store(0, Ordering::SeqCst);
    }

    /// Queues a dead letter for the thread. Never blocks.
    pub(crate) fn store(&self, letter: DeadLetter) {
        if let Err(TrySendError::Full(letter) | TrySendError::Disconnected(letter)) =
            self.letters.try_send(letter)
        {
            // Cannot happen. The message is not lost: the broker redelivers it to the next session.
            error!("the dead-letter queue is full (a bug in fanmail): {:?} stays unacked", letter.receipt);
        }
    }

    /// Receipts of originals whose dead letter the broker has confirmed.
    pub(crate) fn confirmed(&self) -> &Receiver<Receipt> {
        &self.confirmed
    }

    /// Stops the thread and joins it within a few seconds. Returns the receipts of the last stored dead letters.
    pub(crate) fn finish(&mut self) -> Vec<Receipt> {
        if let Some((trigger, thread)) = self.running.take() {
            drop(trigger);
            if thread.join().is_err() {
                error!(
                    "the dead-letter thread panicked (a bug in fanmail); its messages go back to the queue"
                );
            }
        }
        self.confirmed.try_iter().collect()
    }
}

/// The state of the thread.
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
                    Ok(letter) => self.store(&letter),
                    Err(_) => break,
                },
                recv(self.shutdown.receiver()) -> _ => break,
                default(IDLE_TIMEOUT) => self.disconnect(),
            }
        }
        self.disconnect();
    }

    /// Publishes until the broker has confirmed, the session of the message has ended, or a shutdown is requested.
    fn store(&mut self, letter: &DeadLetter) {
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
                    let recovery = self.reconnect.proved_stable();
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

    /// The open connection, or a new one; `None` when a shutdown is requested.
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
                    return publisher.wait(SHUTDOWN_WAIT, &never());
                }
                // The message is in the broker's socket buffer, and the broker reads it after the alarm. Publishing it
                // again would store it twice.
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

/// The message id for a log line: escaped and cut.
fn shown_id(properties: &AmqpProperties) -> String {
    match properties.message_id() {
        Some(id) => id.chars().take(MESSAGE_ID_MAX).flat_map(char::escape_debug).collect(),
        None => "none".to_owned(),
    }
}
