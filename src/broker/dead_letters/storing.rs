//! The dead-letter thread: publishes one dead letter after another until the broker has confirmed it. Taking dead letters
//! from the broker thread is left to `writer`, acking their originals to `consumer`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amiquip::AmqpProperties;
use chrono::Utc;
use crossbeam_channel::{Receiver, Sender, never, select};
use log::debug;

use crate::broker::connect_attempts::{ConnectAttempt, ConnectAttempts};
use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::properties;
use crate::broker::dead_letters::properties::Death;
use crate::broker::error::BrokerError;
use crate::broker::live_session::LiveSession;
use crate::broker::publications::publication::Publication;
use crate::broker::publisher::Publisher;
use crate::broker::publisher_headers::traceparent;
use crate::broker::watchdog::CallWatchdog;
use crate::config::broker::BrokerConfig;
use crate::domain::session::Receipt;
use crate::observe::events;
use crate::observe::events::dead_letters::DeadLetterHealth;
use crate::observe::metrics::Metrics;
use crate::shutdown::Shutdown;

/// Longest wait for a confirm, unless the broker reports that it is blocked.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a shutdown waits for the confirm of a published dead letter: without the confirm it would be stored twice.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(2);

/// A connection is closed after this time without a dead letter. It is also the longest life of a connection: only opening
/// one finds that the queue is missing or locked, and creates a missing one.
const CONNECTION_LIFE: Duration = Duration::from_secs(30);

/// How often the thread looks at a queue that did not work, while no dead letter waits for it.
const RECHECK: Duration = Duration::from_secs(60);

/// Longest message id in a log line, in characters.
const MESSAGE_ID_MAX: usize = 64;

/// A message on its way to the dead-letter queue.
pub(crate) struct DeadLetter {
    /// Names it for ever, also if it is published twice because a confirm was lost.
    pub(crate) id: String,
    pub(crate) receipt: Receipt,
    pub(crate) body: Vec<u8>,
    pub(crate) properties: AmqpProperties,
    pub(crate) reason: String,
}

/// The state of the thread.
pub(super) struct DeadLetterThread {
    pub(super) config: BrokerConfig,
    pub(super) queue: String,
    pub(super) shutdown: Shutdown,
    pub(super) session: LiveSession,
    pub(super) letters: Receiver<DeadLetter>,
    pub(super) confirmed: Sender<Receipt>,
    /// The way to publish replies, if they are on.
    pub(super) replies: Option<Sender<Publication>>,
    pub(super) attempts: ConnectAttempts,
    pub(super) health: DeadLetterHealth,
    pub(super) metrics: Arc<Metrics>,
    pub(super) watchdog: CallWatchdog,
    /// The open connection, and since when.
    pub(super) publisher: Option<(Publisher, Instant)>,
}

impl DeadLetterThread {
    pub(super) fn run(mut self) {
        while !self.shutdown.requested() {
            let idle = if self.health.has_failed() { RECHECK } else { CONNECTION_LIFE };
            select! {
                recv(self.letters) -> letter => match letter {
                    Ok(letter) => self.store(&letter),
                    Err(_) => break,
                },
                recv(self.shutdown.receiver()) -> _ => break,
                default(idle) => self.idle(),
            }
        }
        self.disconnect();
    }

    /// Publishes until the broker has confirmed, the session of the message has ended, or a shutdown is requested.
    fn store(&mut self, letter: &DeadLetter) {
        let (mut bare, mut returned) = (false, false);
        while self.is_current(letter) {
            let error = match self.publish(letter, bare) {
                Ok(true) => return self.stored(letter),
                Ok(false) => break,
                Err(error) => error,
            };
            if self.shutdown.requested() {
                return events::dead_letters::returned();
            }
            bare |= error.is_objection();
            // Deleted just now: opening the next connection declares it again.
            let redeclare = matches!(error, BrokerError::Returned { .. }) && !returned;
            returned |= redeclare;
            if !redeclare {
                self.failed(&error, letter);
            }
        }
        debug!("dead letter {:?}: its message will be redelivered", letter.receipt);
    }

    /// Whether the session that the message belongs to lasts.
    fn is_current(&self, letter: &DeadLetter) -> bool {
        self.session.has(letter.receipt)
    }

    fn stored(&mut self, letter: &DeadLetter) {
        self.attempts.worked();
        self.health.works(Instant::now());
        let message_id = shown_id(&letter.properties);
        let traceparent = traceparent(&letter.properties);
        let (id, reason) = (&letter.id, &letter.reason);
        events::dead_letters::stored(&self.metrics, &self.queue, (id, reason, &message_id), traceparent);
        if !self.answer(letter) {
            return debug!(
                "dead letter {:?}: its message was not answered and will be redelivered",
                letter.receipt
            );
        }
        if self.confirmed.send(letter.receipt).is_err() {
            debug!("a dead letter was stored after the broker thread had ended");
        }
    }

    /// This letter, and all that wait behind it, are held.
    fn failed(&mut self, error: &BrokerError, letter: &DeadLetter) {
        self.attempts.failed();
        self.tell_held(error, letter);
    }

    fn tell_held(&self, error: &BrokerError, letter: &DeadLetter) {
        if self.is_current(letter) {
            self.health.failed(error, 1 + self.letters.len(), Instant::now());
        }
    }

    /// Publishes one dead letter on the open connection or a new one, and waits for its confirm. `false` when the session
    /// of its message has ended: waiting for a connection takes up to half a minute, and the next session has the same
    /// message again.
    fn publish(&mut self, letter: &DeadLetter, bare: bool) -> Result<bool, BrokerError> {
        let (publisher, since) = self.publisher()?;
        let is_current = self.is_current(letter);
        let result = if is_current { self.publish_on(&publisher, letter, bare) } else { Ok(()) };
        match result {
            Ok(()) => {
                self.publisher = Some((publisher, since));
                Ok(is_current)
            }
            Err(error) => Err(error.explained_by(publisher.close())),
        }
    }

    fn publish_on(&self, publisher: &Publisher, letter: &DeadLetter, bare: bool) -> Result<(), BrokerError> {
        let compose = if bare { properties::of_bare_dead_letter } else { properties::of_dead_letter };
        let death =
            Death { id: &letter.id, queue: &self.config.queue, reason: &letter.reason, at: Utc::now() };
        let properties = compose(&letter.properties, &death);
        publisher.send(&letter.body, properties)?;
        let mut blocked = None;
        loop {
            match publisher.wait(CONFIRM_TIMEOUT, self.shutdown.receiver()) {
                Err(error @ BrokerError::Blocked { .. }) => {
                    self.tell_held(&error, letter);
                    blocked = Some(error);
                }
                Err(BrokerError::Unconfirmed(_)) if self.shutdown.requested() => {
                    return publisher.wait(SHUTDOWN_WAIT, &never());
                }
                Err(unconfirmed @ BrokerError::Unconfirmed(_)) => match &blocked {
                    // The message is in the broker's socket buffer, and the broker reads it after the alarm. Publishing it
                    // again would store it twice.
                    Some(error) => self.tell_held(error, letter),
                    None => return Err(unconfirmed),
                },
                result => return result,
            }
        }
    }

    /// The open connection, or a new one, for which one attempt is made. An error when a shutdown is requested.
    fn publisher(&mut self) -> Result<(Publisher, Instant), BrokerError> {
        if self.publisher.as_ref().is_some_and(|(_, since)| since.elapsed() >= CONNECTION_LIFE) {
            self.disconnect();
        }
        if let Some(open) = self.publisher.take() {
            return Ok(open);
        }
        match self.attempts.next(&self.config, &self.shutdown) {
            ConnectAttempt::Open(connection) => match self.open(*connection) {
                Ok(publisher) => Ok((publisher, Instant::now())),
                Err(error) => {
                    self.attempts.begin_with_next_host();
                    Err(error)
                }
            },
            ConnectAttempt::Failed(failures) => Err(BrokerError::of_hosts(failures)),
            ConnectAttempt::Stopped => Err(BrokerError::Lost("a shutdown was requested".to_owned())),
        }
    }

    fn open(&self, connection: BrokerConnection) -> Result<Publisher, BrokerError> {
        let socket = Arc::clone(&connection.socket);
        let open = || Publisher::open(connection, &self.queue);
        self.watchdog.guard("opening the dead-letter queue", &socket, open)
    }

    /// No dead letter waits: looks whether a queue that did not work works again, and closes the connection.
    fn idle(&mut self) {
        if self.health.has_failed() {
            match self.publisher() {
                Ok(open) => {
                    self.publisher = Some(open);
                    self.attempts.worked();
                    self.health.works(Instant::now());
                }
                Err(_) if self.shutdown.requested() => {}
                Err(error) => self.health.failed(&error, 0, Instant::now()),
            }
        }
        self.disconnect();
    }

    fn disconnect(&mut self) {
        if let Some((publisher, _)) = self.publisher.take()
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
