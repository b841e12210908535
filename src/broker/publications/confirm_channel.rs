//! An AMQP channel with publisher confirms on which several messages are on their way at a time. What becomes of each is left to
//! `link`.

use std::collections::HashMap;

use amiquip::{AmqpProperties, Channel, Confirm, Error, Publish, Return};
use crossbeam_channel::Receiver;

use crate::broker::amiquip_error::quoted;
use crate::broker::connection::BrokerConnection;
use crate::broker::error::BrokerError;

/// What the broker says about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::broker) enum Answer {
    /// It has the message.
    Confirmed,
    /// No queue takes it.
    Unroutable(String),
    /// It does not take the message.
    Refused,
}

/// A channel, and the messages on it that are not answered yet.
pub(in crate::broker) struct ConfirmChannel {
    channel: Channel,
    /// What tells a message that comes back from others on their way.
    name_of: fn(&AmqpProperties) -> String,
    pub(in crate::broker) confirms: Receiver<Confirm>,
    returns: Receiver<Return>,
    /// The number that the broker gives the next message (its delivery tag).
    next_tag: u64,
    /// Number and place of each message that is not answered.
    unanswered: Vec<(u64, usize)>,
    /// Why messages came back that are not confirmed yet, by their names.
    returned: HashMap<String, String>,
}

/// Why a channel is gone.
pub(in crate::broker) enum Loss {
    /// The broker has closed it, and the connection works.
    Channel(BrokerError),
    /// The connection is gone.
    Connection(BrokerError),
}

impl ConfirmChannel {
    /// `name_of` must tell the messages apart that are on their way at a time, and that the broker may return.
    pub(in crate::broker) fn open(
        connection: &mut BrokerConnection,
        name_of: fn(&AmqpProperties) -> String,
    ) -> Result<Self, BrokerError> {
        let channel = connection.open_channel()?;
        let (confirms, returns) = (channel.listen_for_publisher_confirms()?, channel.listen_for_returns()?);
        channel.enable_publisher_confirms()?;
        let (unanswered, returned) = (Vec::new(), HashMap::new());
        Ok(Self { channel, name_of, confirms, returns, next_tag: 1, unanswered, returned })
    }

    /// Hands a message to the connection. Its answer names this `place`.
    pub(in crate::broker) fn send(
        &mut self,
        exchange: &str,
        publish: Publish<'_>,
        place: usize,
    ) -> Result<(), BrokerError> {
        self.channel.basic_publish(exchange, publish)?;
        self.unanswered.push((self.next_tag, place));
        self.next_tag += 1;
        Ok(())
    }

    /// Whether messages are not answered yet.
    pub(in crate::broker) fn waits(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// The places of the messages that are not answered yet. Answers to them are ignored from now on.
    pub(in crate::broker) fn forget(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.unanswered).into_iter().map(|(_, place)| place).collect()
    }

    /// The places of the messages that a confirm is about, with their answers. A message that could not be routed is returned first,
    /// then confirmed.
    pub(in crate::broker) fn answered<'a>(
        &mut self,
        confirm: Confirm,
        name_at: impl Fn(usize) -> &'a str,
    ) -> Vec<(usize, Answer)> {
        let (Confirm::Ack(payload) | Confirm::Nack(payload)) = confirm;
        let is_about = |tag: u64| {
            if payload.multiple { tag <= payload.delivery_tag } else { tag == payload.delivery_tag }
        };
        let (done, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unanswered).into_iter().partition(|(tag, _)| is_about(*tag));
        self.unanswered = left;
        for returned in self.returns.try_iter() {
            let name = (self.name_of)(&returned.properties);
            self.returned.insert(name, quoted(&returned.reply_text));
        }
        let mut answer = |place| match (self.returned.remove(name_at(place)), confirm) {
            (Some(words), _) => Answer::Unroutable(words),
            (None, Confirm::Ack(_)) => Answer::Confirmed,
            (None, Confirm::Nack(_)) => Answer::Refused,
        };
        done.into_iter().map(|(_, place)| (place, answer(place))).collect()
    }

    /// Why the channel is gone: amiquip says it at the next call.
    pub(in crate::broker) fn loss(&self) -> Loss {
        match self.channel.qos(0, 0, false) {
            Err(error @ Error::ServerClosedChannel { .. }) => Loss::Channel(error.into()),
            Err(error) => Loss::Connection(error.into()),
            Ok(()) => Loss::Connection(BrokerError::Lost("it was lost while a confirm was due".to_owned())),
        }
    }
}
