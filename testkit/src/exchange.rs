//! An exchange of another program: declaring it, and publishing to it.

use amiquip::{AmqpProperties, Channel, Confirm, Connection, ExchangeDeclareOptions, ExchangeType, Publish};
use std::time::Duration;

use crate::broker::Broker;
use crate::closing::close;
use crate::queue::properties;

/// Declares a durable exchange of this type.
pub fn declare(broker: &Broker, name: &str, exchange_type: ExchangeType) {
    let mut connection = broker.connect();
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    connection.open_channel(None).unwrap().exchange_declare(exchange_type, name, durable).unwrap();
    close(connection);
}

/// Deletes an exchange with its bindings.
pub fn delete(broker: &Broker, name: &str) {
    let mut connection = broker.connect();
    connection.open_channel(None).unwrap().exchange_delete(name, false).unwrap();
    close(connection);
}

/// Publishes a message with this routing key, and waits for the broker's confirm. Returns whether a queue got it.
pub fn publish(broker: &Broker, name: &str, key: &str, body: &str, properties: AmqpProperties) -> bool {
    let mut connection = broker.connect();
    let channel = connection.open_channel(None).unwrap();
    let (confirms, returns) =
        (channel.listen_for_publisher_confirms().unwrap(), channel.listen_for_returns().unwrap());
    channel.enable_publisher_confirms().unwrap();
    let mut publish = Publish::with_properties(body.as_bytes(), key, properties);
    publish.mandatory = true;
    channel.basic_publish(name, publish).unwrap();
    let confirm = confirms.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(matches!(confirm, Confirm::Ack(_)), "the broker refused {confirm:?}");
    // A message that no queue gets is returned before it is confirmed.
    let is_routed = returns.try_recv().is_err();
    drop(channel);
    close(connection);
    is_routed
}

/// A connection for publishing many messages to one exchange.
pub struct ExchangePublisher {
    // Declared before its connection, so that it is closed first.
    channel: Channel,
    _connection: Connection,
    name: String,
}

impl ExchangePublisher {
    /// Connects to the broker of this exchange.
    pub fn new(broker: &Broker, name: &str) -> Self {
        let mut connection = broker.connect();
        let channel = connection.open_channel(None).unwrap();
        Self { channel, _connection: connection, name: name.to_owned() }
    }

    /// Publishes a message without an AMQP `message_id`, and does not wait for a confirm.
    pub fn publish(&self, key: &str, body: &str) {
        let publish = Publish::with_properties(body.as_bytes(), key, properties(None));
        self.channel.basic_publish(&self.name, publish).unwrap();
    }
}
