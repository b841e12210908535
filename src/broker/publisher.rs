//! Publishing with publisher confirms: a message counts as published only when the broker has confirmed it. Which message
//! to publish, and trying again, are left to the callers.

use std::convert::Infallible;
use std::time::Duration;

use amiquip::{AmqpProperties, Confirm, ConnectionBlockedNotification as Blocked, Publish, Return};
use chrono::Utc;
use crossbeam_channel::{Receiver, never, select};
use uuid::Uuid;

use crate::broker::amiquip_error::quoted;
use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;
use crate::broker::topology;
use crate::config::broker::BrokerConfig;
use crate::domain::message::Message;

/// Longest wait for a confirm. A broker that writes to disk needs a few milliseconds.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(15);

/// AMQP delivery mode 2: the broker stores the message on disk.
pub(super) const PERSISTENT: u8 = 2;

/// A unique message id (`UUIDv7`, RFC 9562).
#[must_use]
pub fn new_message_id() -> String {
    Uuid::now_v7().to_string()
}

/// Publishes a message and waits until the broker has confirmed it, for about half a minute at most. The message id
/// names the notification for ever: a second message with the same id sends no second mail. Returns the broker, its version
/// and address.
///
/// # Errors
/// When the broker is away, refuses the message or does not confirm it in time, as during a memory alarm. After most
/// errors the message may have arrived all the same.
pub fn publish(config: &BrokerConfig, message: &Message, message_id: &str) -> Result<String, BrokerError> {
    if message_id.is_empty() || message_id.len() > 255 {
        return Err(BrokerError::BadMessageId(message_id.len()));
    }
    let body = message.encode();
    let properties = AmqpProperties::default()
        .with_content_type("application/json".to_owned())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message_id.to_owned())
        .with_timestamp(Utc::now().timestamp().unsigned_abs())
        .with_app_id("fanmail".to_owned());

    let publisher = Publisher::open(BrokerConnection::open(config)?, &config.queue)?;
    let peer = publisher.connection.peer.clone();
    let outcome =
        publisher.send(body.as_bytes(), properties).and_then(|()| publisher.wait(CONFIRM_TIMEOUT, &never()));
    let closed = publisher.close();
    match outcome {
        Ok(()) => {
            if let Err(error) = closed {
                log::debug!("after publishing: {error}");
            }
            Ok(peer)
        }
        Err(error) => Err(error.explained_by(closed)),
    }
}

/// A connection that publishes to one queue, one message at a time.
pub(super) struct Publisher {
    connection: BrokerConnection,
    queue: String,
    confirms: Receiver<Confirm>,
    returns: Receiver<Return>,
    blocked: Receiver<Blocked>,
}

impl Publisher {
    /// Finds or creates the queue, and turns publisher confirms on.
    pub(super) fn open(mut connection: BrokerConnection, queue: &str) -> Result<Self, BrokerError> {
        match topology::find_or_create(&mut connection, queue) {
            Ok(_) => Self::open_unchecked(connection, queue),
            Err(error) => {
                connection.close_quietly();
                Err(error)
            }
        }
    }

    /// Turns publisher confirms on. The queue may be missing: the broker returns a message to it.
    pub(super) fn open_unchecked(mut connection: BrokerConnection, queue: &str) -> Result<Self, BrokerError> {
        match Self::prepare(&mut connection) {
            Ok((confirms, returns, blocked)) => {
                Ok(Self { connection, queue: queue.to_owned(), confirms, returns, blocked })
            }
            Err(error) => {
                connection.close_quietly();
                Err(error)
            }
        }
    }

    fn prepare(connection: &mut BrokerConnection) -> Result<Listeners, BrokerError> {
        let listeners = (
            connection.channel.listen_for_publisher_confirms()?,
            connection.channel.listen_for_returns()?,
            connection.listen_for_blocked()?,
        );
        connection.channel.enable_publisher_confirms()?;
        Ok(listeners)
    }

    /// Hands a message to the connection; [`Self::wait`] returns the broker's answer.
    pub(super) fn send(&self, body: &[u8], properties: AmqpProperties) -> Result<(), BrokerError> {
        let mut publish = Publish::with_properties(body, self.queue.as_str(), properties);
        // Otherwise the broker confirms and drops a message whose queue has just been deleted.
        publish.mandatory = true;
        Ok(self.connection.channel.basic_publish("", publish)?)
    }

    /// Waits for the broker's answer to the message sent last. After [`BrokerError::Blocked`] the message is still on its
    /// way, and `wait` may be called again.
    pub(super) fn wait(&self, timeout: Duration, shutdown: &Receiver<Infallible>) -> Result<(), BrokerError> {
        loop {
            select! {
                recv(self.confirms) -> confirm => return match confirm.map_err(|_| self.lost())? {
                    // A message that could not be routed is returned first, then confirmed.
                    Confirm::Ack(_) => match self.returns.try_recv() {
                        Ok(returned) => Err(BrokerError::Returned {
                            queue: self.queue.clone(),
                            message: quoted(&returned.reply_text),
                        }),
                        Err(_) => Ok(()),
                    },
                    Confirm::Nack(_) => Err(BrokerError::Refused { queue: self.queue.clone() }),
                },
                recv(self.blocked) -> notice => match notice.map_err(|_| self.lost())? {
                    Blocked::Blocked(reason) => return Err(BrokerError::Blocked { reason: quoted(&reason) }),
                    Blocked::Unblocked => {}
                },
                recv(shutdown) -> _ => return Err(BrokerError::Unconfirmed(0)),
                default(timeout) => return Err(BrokerError::Unconfirmed(timeout.as_secs())),
            }
        }
    }

    /// Why the channel is gone: amiquip says it at the next call.
    fn lost(&self) -> BrokerError {
        match self.connection.channel.qos(0, 0, false) {
            Err(error @ amiquip::Error::ServerClosedChannel { .. }) => {
                BrokerError::of_publishing(error, &self.queue)
            }
            _ => BrokerError::Lost("the broker had not confirmed the message yet".to_owned()),
        }
    }

    /// Closes; see [`BrokerConnection::close`].
    pub(super) fn close(self) -> Result<(), BrokerError> {
        self.connection.close()
    }
}

type Listeners = (Receiver<Confirm>, Receiver<Return>, Receiver<Blocked>);
