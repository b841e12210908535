//! How many messages wait in the queues of the configuration, as the broker says. Asks with passive declarations, which change nothing and
//! need no permission, and within a bounded time. What follows from the numbers is left to `report`.

use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::broker::topology::{self, dead_letter_queue};
use crate::config::broker::BrokerConfig;

/// Longest wait of a person who looks at more than the queues.
pub const LIMIT: Duration = Duration::from_secs(2);

/// What a queue has at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueState {
    /// Its name.
    pub queue: String,
    /// Whether it exists. A worker declares it.
    pub exists: bool,
    /// Messages that wait and that no consumer has.
    pub ready: u32,
    /// Consumers: workers, and other programs.
    pub consumers: u32,
    /// Messages in the queue of its dead letters.
    pub dead_letters: u32,
}

/// A question that a thread asks meanwhile.
#[derive(Debug)]
pub struct PendingAnswer {
    receiver: Receiver<Result<Vec<QueueState>, BrokerError>>,
    until: Instant,
    limit: Duration,
}

impl PendingAnswer {
    /// The answer.
    ///
    /// # Errors
    /// When the broker is away, or has not answered in time.
    pub fn wait(self) -> Result<Vec<QueueState>, BrokerError> {
        match self.receiver.recv_deadline(self.until) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout) => Err(BrokerError::NoAnswer(self.limit.as_secs())),
            Err(RecvTimeoutError::Disconnected) => {
                Err(BrokerError::Lost("cannot start a thread to ask it".to_owned()))
            }
        }
    }
}

/// Asks for all queues on a connection and a thread of its own, so that a broker that is away holds nothing up for longer than `limit`.
#[must_use]
pub fn ask_in_background(config: &BrokerConfig, limit: Duration) -> PendingAnswer {
    let (sender, receiver) = bounded(1);
    let (config, until) = (config.clone(), Instant::now() + limit);
    let started = thread::Builder::new().name("broker-queues".to_owned()).spawn(move || {
        // Longer than the caller waits: of two limits that end at once, either one would be told.
        let opened = BrokerConnection::open_from(&config, 0, limit * 2).map_err(BrokerError::of_hosts);
        let (answer, connection) = match opened {
            Ok(mut connection) => {
                let answer = config.queues().map(|queue| ask(&mut connection, queue)).collect();
                (answer, Some(connection))
            }
            Err(error) => (Err(error), None),
        };
        if sender.send(answer).is_err() {
            log::debug!("the broker has answered too late");
        }
        if let Some(connection) = connection {
            connection.close_quietly();
        }
    });
    if let Err(error) = started {
        log::debug!("cannot start a thread to ask the broker: {error}");
    }
    PendingAnswer { receiver, until, limit }
}

/// The state of one queue, on a connection that is open.
///
/// # Errors
/// When the queue belongs to another connection, or the connection is lost.
pub(super) fn ask(connection: &mut BrokerConnection, queue: &str) -> Result<QueueState, BrokerError> {
    let found = topology::find(connection, queue)?;
    let dead_letters = topology::find(connection, &dead_letter_queue(queue))?;
    let depth = found.unwrap_or_default();
    Ok(QueueState {
        queue: queue.to_owned(),
        exists: found.is_some(),
        ready: depth.messages,
        consumers: depth.consumers,
        dead_letters: dead_letters.unwrap_or_default().messages,
    })
}
