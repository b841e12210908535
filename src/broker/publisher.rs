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
use crate::broker::error::exchange::ExchangeError;
use crate::broker::topology;
use crate::config::broker::BrokerConfig;

/// Longest wait for a confirm. A broker that writes to disk needs a few milliseconds.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(15);

/// AMQP delivery mode 2: the broker stores the message on disk.
pub(super) const PERSISTENT: u8 = 2;

/// A unique message id (`UUIDv7`, RFC 9562).
#[must_use]
pub fn new_message_id() -> String {
    Uuid::now_v7().to_string()
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To this queue, which is found or created.
    Queue(String),
    /// To an exchange, which exists.
    Exchange {
        /// Its name.
        exchange: String,
        /// By which it chooses queues.
        routing_key: String,
    },
}

/// Publishes the body of a message and waits until the broker has confirmed it, for about half a minute at most. The message id
/// names the notification for ever: a second message with the same id sends no second mail. Returns the broker, its version
/// and address.
///
/// # Errors
/// When the broker is away, refuses the message or does not confirm it in time, as during a memory alarm. After most
/// errors the message may have arrived all the same.
pub fn publish(
    config: &BrokerConfig,
    target: &Target,
    body: &str,
    message_id: &str,
) -> Result<String, BrokerError> {
    if message_id.is_empty() || message_id.len() > 255 {
        return Err(BrokerError::BadMessageId(message_id.len()));
    }
    let connection = BrokerConnection::open(config)?;
    let publisher = match target {
        Target::Queue(queue) => Publisher::open(connection, queue)?,
        Target::Exchange { exchange, routing_key } => {
            Publisher { exchange: exchange.clone(), ..Publisher::open_unchecked(connection, routing_key)? }
        }
    };
    let peer = publisher.connection.peer.clone();
    let outcome = publisher
        .send(body.as_bytes(), json_properties(message_id))
        .and_then(|()| publisher.wait(CONFIRM_TIMEOUT, &never()));
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

/// The properties of a message of JSON that is published now.
pub(super) fn json_properties(message_id: &str) -> AmqpProperties {
    AmqpProperties::default()
        .with_content_type("application/json".to_owned())
        .with_delivery_mode(PERSISTENT)
        .with_message_id(message_id.to_owned())
        .with_timestamp(Utc::now().timestamp().unsigned_abs())
        .with_app_id("fanmail".to_owned())
}

/// A connection that publishes to one queue, or with one routing key to one exchange, one message at a time.
pub(super) struct Publisher {
    connection: BrokerConnection,
    /// Empty: the default exchange.
    exchange: String,
    /// That of the default exchange is the name of a queue.
    routing_key: String,
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
                let (exchange, routing_key) = (String::new(), queue.to_owned());
                Ok(Self { connection, exchange, routing_key, confirms, returns, blocked })
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
        let mut publish = Publish::with_properties(body, self.routing_key.as_str(), properties);
        // Otherwise the broker confirms and drops a message whose queue has just been deleted.
        publish.mandatory = true;
        Ok(self.connection.channel.basic_publish(self.exchange.as_str(), publish)?)
    }

    /// Waits for the broker's answer to the message sent last. After [`BrokerError::Blocked`] the message is still on its
    /// way, and `wait` may be called again.
    pub(super) fn wait(&self, timeout: Duration, shutdown: &Receiver<Infallible>) -> Result<(), BrokerError> {
        loop {
            select! {
                recv(self.confirms) -> confirm => return match confirm.map_err(|_| self.lost())? {
                    // A message that could not be routed is returned first, then confirmed.
                    Confirm::Ack(_) => match self.returns.try_recv() {
                        Ok(returned) => Err(self.returned(quoted(&returned.reply_text))),
                        Err(_) => Ok(()),
                    },
                    Confirm::Nack(_) => Err(self.refused()),
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

    fn returned(&self, message: String) -> BrokerError {
        if self.exchange.is_empty() {
            return BrokerError::Returned { queue: self.routing_key.clone(), message };
        }
        let (exchange, routing_key) = (self.exchange.clone(), self.routing_key.clone());
        ExchangeError::Unrouted { exchange, routing_key }.into()
    }

    fn refused(&self) -> BrokerError {
        if self.exchange.is_empty() {
            return BrokerError::Refused { queue: self.routing_key.clone() };
        }
        ExchangeError::QueueRefused { exchange: self.exchange.clone() }.into()
    }

    /// Why the channel is gone: amiquip says it at the next call.
    fn lost(&self) -> BrokerError {
        match self.connection.channel.qos(0, 0, false) {
            Err(error @ amiquip::Error::ServerClosedChannel { .. }) if self.exchange.is_empty() => {
                BrokerError::of_publishing(error, &self.routing_key)
            }
            Err(error @ amiquip::Error::ServerClosedChannel { .. }) => {
                BrokerError::of_publishing_to(error, &self.exchange)
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
