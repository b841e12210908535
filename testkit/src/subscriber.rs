//! A program that asks, or that wants events: a queue of its own for replies or for an exchange, and request and reply as RabbitMQ's
//! clients do it without a queue.

use std::sync::Arc;
use std::time::Duration;

use amiquip::{
    AmqpProperties, Connection, ConsumerMessage, ConsumerOptions, FieldTable, Publish, QueueDeclareOptions,
    QueueDeleteOptions,
};
use serde_json::Value;
use uuid::Uuid;

use crate::broker::Broker;
use crate::closing::close;
use crate::wait::wait_for;

/// Longest wait for a message.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A durable queue.
pub struct Subscriber {
    broker: Arc<Broker>,
    /// Its name.
    pub queue: String,
}

/// A message that a subscriber has got.
#[derive(Debug)]
pub struct Received {
    /// With which routing key it was published.
    pub routing_key: String,
    /// Its properties.
    pub properties: AmqpProperties,
    /// Its body, which is JSON.
    pub body: Value,
}

impl Subscriber {
    /// A queue for replies.
    pub fn new(broker: &Arc<Broker>) -> Self {
        let queue = format!("subscriber-{}", Uuid::now_v7().simple());
        let mut connection = broker.connect();
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        connection.open_channel(None).unwrap().queue_declare(&queue, options).unwrap();
        close(connection);
        Self { broker: Arc::clone(broker), queue }
    }

    /// A queue for the events of an exchange whose routing keys fit `pattern`. The exchange exists.
    pub fn of_exchange(broker: &Arc<Broker>, exchange: &str, pattern: &str) -> Self {
        let subscriber = Self::new(broker);
        subscriber.on_connection(|connection| {
            let channel = connection.open_channel(None).unwrap();
            channel.queue_bind(&subscriber.queue, exchange, pattern, FieldTable::new()).unwrap();
        });
        subscriber
    }

    /// The properties of a request.
    pub fn asks(&self, message_id: &str, correlation_id: &str) -> AmqpProperties {
        crate::queue::properties(Some(message_id))
            .with_reply_to(self.queue.clone())
            .with_correlation_id(correlation_id.to_owned())
    }

    /// The next message, which is removed.
    #[track_caller]
    pub fn next(&self) -> Received {
        wait_for("a message for the subscriber", TIMEOUT, || self.try_next())
    }

    /// The next message if there is one, which is removed.
    pub fn try_next(&self) -> Option<Received> {
        self.on_connection(|connection| {
            let channel = connection.open_channel(None).unwrap();
            let got = channel.basic_get(&self.queue, true).unwrap()?;
            Some(Received {
                routing_key: got.delivery.routing_key.clone(),
                body: serde_json::from_slice(&got.delivery.body).unwrap(),
                properties: got.delivery.properties,
            })
        })
    }

    /// Deletes the queue: the program is gone.
    pub fn leave(&self) {
        self.on_connection(|connection| {
            let channel = connection.open_channel(None).unwrap();
            channel.queue_delete(&self.queue, QueueDeleteOptions::default()).unwrap();
        });
    }

    fn on_connection<T>(&self, work: impl FnOnce(&mut Connection) -> T) -> T {
        let mut connection = self.broker.connect();
        let result = work(&mut connection);
        close(connection);
        result
    }
}

/// Publishes a request to `queue` and waits for its reply, by RabbitMQ's direct reply-to.
pub fn ask_directly(broker: &Broker, queue: &str, body: &str, correlation_id: &str) -> Received {
    let mut connection = broker.connect();
    let channel = connection.open_channel(None).unwrap();
    let options = ConsumerOptions { no_ack: true, ..ConsumerOptions::default() };
    let consumer = channel.basic_consume("amq.rabbitmq.reply-to", options).unwrap();
    let properties = crate::queue::properties(Some(&Uuid::now_v7().to_string()))
        .with_reply_to("amq.rabbitmq.reply-to".to_owned())
        .with_correlation_id(correlation_id.to_owned());
    channel.basic_publish("", Publish::with_properties(body.as_bytes(), queue, properties)).unwrap();
    let message = consumer.receiver().recv_timeout(TIMEOUT).unwrap();
    let ConsumerMessage::Delivery(delivery) = message else { panic!("{message:?}") };
    let received = Received {
        routing_key: delivery.routing_key.clone(),
        body: serde_json::from_slice(&delivery.body).unwrap(),
        properties: delivery.properties,
    };
    drop(consumer);
    drop(channel);
    close(connection);
    received
}
