//! Replays dead letters: publishes their messages to the queues that they came from, and removes each dead letter once the broker has its
//! message. Dead letters that stay keep their places. Which are replayed is decided by the caller.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::reader::Reader;
use crate::broker::dead_letters::replay_channel::{ReplayChannel, Settled};
use crate::broker::dead_letters::selection::DeadLetterSelection;
use crate::broker::dead_letters::view::DeadLetterView;
use crate::broker::error::BrokerError;
use crate::broker::topology::dead_letter_queue;
use crate::config::broker::BrokerConfig;
use crate::shutdown::Shutdown;

pub use crate::broker::dead_letters::replay_channel::ReplayedLetter;

/// How often ids are looked for that no dead letter has.
const TRIES: u32 = 3;

/// The pause between two of these.
const PAUSE: Duration = Duration::from_millis(500);

/// What became of dead letters that were to be replayed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReplaySummary {
    /// Their messages are in their queues.
    pub replayed: Vec<ReplayedLetter>,
    /// They stay dead letters: their ids, and why.
    pub kept: Vec<(String, String)>,
    /// Whether it ended early, because a shutdown was requested.
    pub interrupted: bool,
    /// Whether a message was published. The broker may have it, although nothing is known of it any more.
    pub began: bool,
}

impl ReplaySummary {
    /// The ids of all that were found.
    pub fn found(&self) -> impl Iterator<Item = &str> {
        let kept = self.kept.iter().map(|(id, _)| id);
        self.replayed.iter().map(|letter| &letter.id).chain(kept).map(String::as_str)
    }

    /// Whether none was found yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replayed.is_empty() && self.kept.is_empty()
    }
}

/// Replays the dead letters of the selection that the queues have by now, the oldest first. One for which `check` has a reason stays. A
/// message that is replayed, and becomes a dead letter again meanwhile, is not replayed twice.
///
/// Safe beside workers and beside another replay: each dead letter is in one hand at a time. If the process or the connection ends in the
/// middle, a dead letter may stay although its message was published; both have one message id, which counts once.
///
/// # Errors
/// When the broker is away or takes no message, or `check` fails. `summary` has what was done until then.
pub fn replay<E: From<BrokerError>>(
    config: &BrokerConfig,
    selection: &DeadLetterSelection,
    shutdown: &Shutdown,
    check: &mut dyn FnMut(&DeadLetterView) -> Result<Option<String>, E>,
    summary: &mut ReplaySummary,
) -> Result<(), E> {
    let mut left = selection.clone();
    for _ in 0..TRIES {
        replay_once(config, &left, shutdown, check, summary)?;
        left.ids = selection.missing(summary.found()).into_iter().collect();
        // Another command may have had them.
        if left.ids.is_empty() || shutdown.wait(PAUSE) {
            break;
        }
    }
    Ok(())
}

fn replay_once<E: From<BrokerError>>(
    config: &BrokerConfig,
    selection: &DeadLetterSelection,
    shutdown: &Shutdown,
    check: &mut dyn FnMut(&DeadLetterView) -> Result<Option<String>, E>,
    summary: &mut ReplaySummary,
) -> Result<(), E> {
    let mut connection = BrokerConnection::open(config)?;
    let replayed = replay_on(&mut connection, config, selection, shutdown, check, summary);
    // Returns all others to their queues, also after an error.
    let closed = connection.close();
    replayed.map_err(|error| match error {
        Failure::Broker(error) => error.explained_by(closed).into(),
        Failure::Check(error) => error,
    })
}

enum Failure<E> {
    Broker(BrokerError),
    Check(E),
}

impl<E> From<BrokerError> for Failure<E> {
    fn from(error: BrokerError) -> Self {
        Self::Broker(error)
    }
}

fn replay_on<E>(
    connection: &mut BrokerConnection,
    config: &BrokerConfig,
    selection: &DeadLetterSelection,
    shutdown: &Shutdown,
    check: &mut dyn FnMut(&DeadLetterView) -> Result<Option<String>, E>,
    summary: &mut ReplaySummary,
) -> Result<(), Failure<E>> {
    let began_at = Utc::now();
    let mut channel = ReplayChannel::open(connection)?;
    for queue in config.queues().map(dead_letter_queue) {
        let Some(mut reader) = Reader::open(connection, queue, u32::MAX)? else { continue };
        while !summary.interrupted
            && let Some((letter, delivery)) = reader.next()?
        {
            if selection.has(&letter) && !was_replayed_since(&letter, began_at) {
                let checked = check(&letter);
                summary.began |= matches!(checked, Ok(None));
                let note = &mut |settled| note(summary, settled);
                match checked {
                    Ok(None) => channel.publish(&letter, delivery, reader.channel, Utc::now(), note)?,
                    Ok(Some(why)) => summary.kept.push((letter.id, why)),
                    Err(error) => {
                        channel.finish(reader.channel, note)?;
                        return Err(Failure::Check(error));
                    }
                }
            }
            summary.interrupted = shutdown.requested();
        }
        channel.finish(reader.channel, &mut |settled| note(summary, settled))?;
        if summary.interrupted {
            break;
        }
    }
    // An ack is only queued. When the broker has answered, it has them all.
    Ok(connection.channel.qos(0, 0, false).map_err(BrokerError::from)?)
}

fn note(summary: &mut ReplaySummary, settled: Settled) {
    match settled {
        Ok(letter) => summary.replayed.push(letter),
        // A message to the default exchange is returned for no other reason.
        Err((id, BrokerError::Returned { queue, .. })) => {
            let why = format!(
                "the queue {queue:?} does not exist any more; declare it again, as a worker of that queue does, then replay; if it is gone \
                 for good, purge"
            );
            summary.kept.push((id, why));
        }
        Err((id, error)) => summary.kept.push((id, error.to_string())),
    }
}

/// By this replay, or by another one at the same time.
fn was_replayed_since(letter: &DeadLetterView, began_at: DateTime<Utc>) -> bool {
    letter.replayed_at.is_some_and(|at| at >= began_at)
}
