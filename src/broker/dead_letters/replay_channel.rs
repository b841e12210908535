//! Publishes the messages of dead letters, several at a time, and removes each dead letter once the broker has confirmed its message. A
//! crash between the two leaves both: the id of the message tells that it is the same one. Which dead letters these are is left to `replay`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use amiquip::{AmqpProperties, Channel, ConnectionBlockedNotification as Blocked, Delivery, Publish};
use chrono::{DateTime, Utc};
use crossbeam_channel::{Receiver, select};

use crate::broker::amiquip_error::quoted;
use crate::broker::connection::BrokerConnection;
use crate::broker::dead_letters::properties::{ID, text_of};
use crate::broker::dead_letters::replay_properties::of_replay;
use crate::broker::dead_letters::view::DeadLetterView;
use crate::broker::error::BrokerError;
use crate::broker::publications::confirm_channel::{Answer, ConfirmChannel, Loss};

/// Most messages that wait for a confirm at a time. LavinMQ 1.0 confirms all of them together, once in 1.4 s.
const MOST: usize = 1000;

/// Most bytes of their bodies, unless one alone is longer.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Longest wait for a confirm.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// A dead letter whose message is published, and what is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayedLetter {
    /// The id of the dead letter.
    pub id: String,
    /// The queue that its message goes to.
    pub to: String,
    /// The message id of the message. One without an id gets one that is made of the id of the dead letter. `None` if only its envelope has
    /// one.
    pub message_id: Option<String>,
}

impl ReplayedLetter {
    /// What is published of a dead letter.
    #[must_use]
    pub fn of(letter: &DeadLetterView) -> Self {
        let made = || format!("dead-letter-{}", letter.id);
        let message_id = letter.message_id.clone().filter(|id| !id.is_empty());
        Self {
            id: letter.id.clone(),
            to: letter.original_queue.clone(),
            message_id: message_id.or_else(|| (!letter.has_own_id()).then(made)),
        }
    }
}

/// A message on its way.
struct InFlight {
    letter: ReplayedLetter,
    delivery: Delivery,
    length: usize,
}

/// What became of a message: `Err` has the reason why its dead letter stays.
pub(super) type Settled = Result<ReplayedLetter, (String, BrokerError)>;

/// The channel, and the messages on it that are not confirmed yet.
pub(super) struct ReplayChannel {
    confirms: ConfirmChannel,
    blocked: Receiver<Blocked>,
    in_flight: HashMap<usize, InFlight>,
    next_place: usize,
}

impl ReplayChannel {
    pub(super) fn open(connection: &mut BrokerConnection) -> Result<Self, BrokerError> {
        let blocked = connection.listen_for_blocked()?;
        let confirms = ConfirmChannel::open(connection, dead_letter_id)?;
        Ok(Self { confirms, blocked, in_flight: HashMap::new(), next_place: 0 })
    }

    /// Publishes the message of a dead letter to the queue that it came from. `reading` is the channel of its delivery. Waits for
    /// confirms of others first if too many are on their way, or one with the same id.
    pub(super) fn publish(
        &mut self,
        letter: &DeadLetterView,
        delivery: Delivery,
        reading: &Channel,
        now: DateTime<Utc>,
        settled: &mut dyn FnMut(Settled),
    ) -> Result<(), BrokerError> {
        let length = letter.body.len();
        while !self.has_room_for(&letter.id, length) {
            self.settle_some(reading, settled)?;
        }
        let replayed = ReplayedLetter::of(letter);
        let properties = of_replay(&letter.properties, &letter.id, replayed.message_id.clone(), now);
        let mut publish = Publish::with_properties(&letter.body, replayed.to.as_str(), properties);
        // Otherwise the broker confirms and drops a message whose queue does not exist.
        publish.mandatory = true;
        self.confirms.send("", publish, self.next_place)?;
        self.in_flight.insert(self.next_place, InFlight { letter: replayed, delivery, length });
        self.next_place += 1;
        Ok(())
    }

    /// Waits until nothing is on its way any more.
    pub(super) fn finish(
        &mut self,
        reading: &Channel,
        settled: &mut dyn FnMut(Settled),
    ) -> Result<(), BrokerError> {
        while !self.in_flight.is_empty() {
            self.settle_some(reading, settled)?;
        }
        Ok(())
    }

    fn has_room_for(&self, id: &str, length: usize) -> bool {
        let bytes: usize = self.in_flight.values().map(|message| message.length).sum();
        self.in_flight.is_empty()
            || self.in_flight.len() < MOST
                && bytes + length <= MOST_BYTES
                && self.in_flight.values().all(|message| message.letter.id != id)
    }

    /// Waits for the next answer, and removes the dead letters whose messages are confirmed.
    fn settle_some(
        &mut self,
        reading: &Channel,
        settled: &mut dyn FnMut(Settled),
    ) -> Result<(), BrokerError> {
        let deadline = Instant::now() + CONFIRM_TIMEOUT;
        let confirms = self.confirms.confirms.clone();
        let confirm = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            select! {
                recv(confirms) -> confirm => match confirm {
                    Ok(confirm) => break confirm,
                    Err(_) => return Err(self.lost()),
                },
                recv(self.blocked) -> notice => match notice {
                    Ok(Blocked::Blocked(reason)) => return Err(BrokerError::Blocked { reason: quoted(&reason) }),
                    Ok(Blocked::Unblocked) => {}
                    Err(_) => return Err(self.lost()),
                },
                default(left) => return Err(BrokerError::Unconfirmed(CONFIRM_TIMEOUT.as_secs())),
            }
        };
        let in_flight = &self.in_flight;
        let id_at = |place: usize| in_flight.get(&place).map_or("", |message| &message.letter.id);
        for (place, answer) in self.confirms.answered(confirm, id_at) {
            let Some(InFlight { letter, delivery, .. }) = self.in_flight.remove(&place) else { continue };
            let queue = letter.to.clone();
            settled(match answer {
                Answer::Confirmed => {
                    delivery.ack(reading)?;
                    Ok(letter)
                }
                Answer::Unroutable(message) => Err((letter.id, BrokerError::Returned { queue, message })),
                Answer::Refused => Err((letter.id, BrokerError::Refused { queue })),
            });
        }
        Ok(())
    }

    /// Why the channel is gone.
    fn lost(&self) -> BrokerError {
        let queue =
            self.in_flight.values().map(|message| message.letter.to.clone()).next().unwrap_or_default();
        match self.confirms.loss() {
            Loss::Channel(BrokerError::Closed { code: 403, message }) => {
                BrokerError::NotPublishable { queue, message }
            }
            Loss::Channel(error) | Loss::Connection(error) => error,
        }
    }
}

fn dead_letter_id(properties: &AmqpProperties) -> String {
    text_of(properties, ID).unwrap_or_default()
}
