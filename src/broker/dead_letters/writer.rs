//! The broker thread's end of the dead-letter thread, which stores messages that cannot be processed in `<queue>.dead`, with
//! their reasons.
//!
//! Dead letters are published on a thread and a connection of their own: a memory alarm of the broker blocks connections
//! that publish, and must not keep the broker thread from receiving and acking. The original may be acked only when the
//! broker has confirmed its dead letter. A message whose dead letter is not stored when fanmail stops goes back to the
//! queue. Acking is left to `consumer`, publishing to `storing`.

use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};
use log::{debug, error};

use crate::broker::connect_attempts::ConnectAttempts;
use crate::broker::dead_letters::storing::{DeadLetter, DeadLetterThread};
use crate::broker::live_session::LiveSession;
use crate::broker::publications::publication::Publication;
use crate::broker::topology::dead_letter_queue;
use crate::broker::watchdog::CallWatchdog;
use crate::config::broker::BrokerConfig;
use crate::domain::session::Receipt;
use crate::observe::events::dead_letters::DeadLetterHealth;
use crate::observe::health::Monitor;
use crate::shutdown::{ShutdownTrigger, shutdown_pair};

/// The broker thread's end of the dead-letter thread.
pub(crate) struct DeadLetterWriter {
    letters: Sender<DeadLetter>,
    /// A second receiver of `letters`, to discard those of an earlier session.
    waiting: Receiver<DeadLetter>,
    confirmed: Receiver<Receipt>,
    session: LiveSession,
    health: DeadLetterHealth,
    running: Option<(ShutdownTrigger, JoinHandle<()>)>,
}

impl DeadLetterWriter {
    /// Starts the thread. It connects for the first dead letter.
    pub(crate) fn start(
        config: &BrokerConfig,
        prefetch: u16,
        session: &LiveSession,
        replies: Option<Sender<Publication>>,
        monitor: &Monitor,
        watchdog: &CallWatchdog,
    ) -> io::Result<Self> {
        // Never full: a session has at most `prefetch` unacked messages, and those of earlier sessions are discarded.
        let (letters, waiting) = bounded(usize::from(prefetch));
        // At most one receipt per dead letter.
        let (confirmed_sender, confirmed) = unbounded();
        let (trigger, shutdown) = shutdown_pair();
        let queue = dead_letter_queue(&config.queue);
        let health = DeadLetterHealth::new(queue.clone(), prefetch, monitor.health.clone());
        let thread = DeadLetterThread {
            config: config.clone(),
            queue,
            shutdown,
            session: session.clone(),
            letters: waiting.clone(),
            confirmed: confirmed_sender,
            replies,
            attempts: ConnectAttempts::default(),
            health: health.clone(),
            metrics: Arc::clone(&monitor.metrics),
            watchdog: watchdog.clone(),
            publisher: None,
        };
        let thread = Builder::new().name("dead-letters".to_owned()).spawn(move || thread.run())?;
        let session = session.clone();
        Ok(Self { letters, waiting, confirmed, session, health, running: Some((trigger, thread)) })
    }

    /// What health and log say about the queue.
    pub(crate) fn health(&self) -> &DeadLetterHealth {
        &self.health
    }

    /// Starts a session and discards the dead letters of the last one: the broker redelivers their messages.
    pub(crate) fn begin_session(&self, session: u64) {
        self.session.begin(session);
        let discarded = self.waiting.try_iter().count();
        if discarded > 0 {
            debug!("{discarded} dead letters were not stored yet; their messages will be redelivered");
        }
    }

    /// Ends the session: its dead letters are not published any more.
    pub(crate) fn end_session(&self) {
        self.session.end();
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
