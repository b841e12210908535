//! The queue of one test: publishing as another program would, and looking at what is left in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use amiquip::{
    AmqpProperties, AmqpValue, Channel, Confirm, Connection, Delivery, Exchange, Publish,
    QueueDeclareOptions, QueueDeleteOptions,
};

use uuid::Uuid;

use crate::broker::Broker;
use crate::closing::close;
use crate::published::Published;

/// A queue, and the queue of its dead letters.
pub struct Queue {
    /// The broker of the queue.
    pub broker: Arc<Broker>,
    /// The value of `LAVINMQ_QUEUE`.
    pub name: String,
    /// What was published.
    pub published: Arc<Published>,
}

/// A connection for many messages. It stays open.
pub struct Publisher {
    // Declared before its connection, so that it is closed first.
    channel: Channel,
    _connection: Connection,
    queue: String,
    published: Arc<Published>,
}

impl Publisher {
    /// Publishes one notification with a `message_id` of its own, and does not wait for a confirm.
    pub fn publish(&self, kind: &str, event: i64) {
        self.publish_body(&format!(r#"{{"type":"{kind}","event_id":{event}}}"#));
    }

    /// The same with any body.
    pub fn publish_body(&self, body: &str) {
        let properties = properties(Some(&Uuid::now_v7().to_string()));
        let publish = Publish::with_properties(body.as_bytes(), &self.queue, properties);
        Exchange::direct(&self.channel).publish(publish).unwrap();
        self.published.add(body.as_bytes(), None);
    }
}

/// A message of the dead-letter queue.
pub struct DeadLetter {
    /// The body as it was published.
    pub body: Vec<u8>,
    /// The properties of the original message, with more headers.
    pub properties: AmqpProperties,
}

impl DeadLetter {
    fn new(delivery: Delivery) -> Self {
        Self { body: delivery.body, properties: delivery.properties }
    }

    /// A header of type string.
    pub fn header(&self, name: &str) -> Option<String> {
        match self.properties.headers().as_ref()?.get(name)? {
            AmqpValue::LongString(text) => Some(text.clone()),
            _ => None,
        }
    }

    /// The header `x-dead-reason`.
    pub fn reason(&self) -> String {
        self.header("x-dead-reason").expect("no x-dead-reason")
    }
}

/// The properties that publishers should set.
pub fn properties(message_id: Option<&str>) -> AmqpProperties {
    let properties =
        AmqpProperties::default().with_delivery_mode(2).with_content_type("application/json".to_owned());
    match message_id {
        Some(id) => properties.with_message_id(id.to_owned()),
        None => properties,
    }
}

impl Queue {
    /// Names a queue. The first publication or the worker declares it.
    pub fn new(broker: Arc<Broker>, name: String) -> Self {
        Self { broker, name, published: Arc::default() }
    }

    /// Publishes one notification and waits for the broker's confirm.
    pub fn publish(&self, kind: &str, event: i64, message_id: Option<&str>) {
        let body = format!(r#"{{"type":"{kind}","event_id":{event}}}"#);
        self.publish_raw(body.as_bytes(), properties(message_id));
    }

    /// Publishes any bytes with any properties and waits for the broker's confirm.
    pub fn publish_raw(&self, body: &[u8], properties: AmqpProperties) {
        self.publish_all(&[(body.to_vec(), properties)]);
    }

    /// Publishes several messages, in this order.
    pub fn publish_all(&self, messages: &[(Vec<u8>, AmqpProperties)]) {
        self.on_channel(&self.name, |channel, _| {
            let confirms = channel.listen_for_publisher_confirms().unwrap();
            channel.enable_publisher_confirms().unwrap();
            for (body, properties) in messages {
                let publish = Publish::with_properties(body, &self.name, properties.clone());
                Exchange::direct(channel).publish(publish).unwrap();
                self.published.add(body, properties.message_id().as_deref());
            }
            let mut confirmed = 0;
            while confirmed < messages.len() as u64 {
                confirmed = match confirms.recv_timeout(Duration::from_secs(20)).unwrap() {
                    Confirm::Ack(confirm) => confirm.delivery_tag,
                    Confirm::Nack(confirm) => panic!("the broker refused {confirm:?}"),
                };
            }
        });
    }

    /// A connection for publishing many messages.
    pub fn publisher(&self) -> Publisher {
        let mut connection = self.broker.connect();
        declare(&mut connection, &self.name);
        let channel = connection.open_channel(None).unwrap();
        Publisher {
            channel,
            _connection: connection,
            queue: self.name.clone(),
            published: Arc::clone(&self.published),
        }
    }

    /// Number of messages ready for delivery. Messages that are delivered and not acked do not count.
    pub fn depth(&self) -> u32 {
        self.on_channel(&self.name, |_, depth| depth.0)
    }

    /// Number of messages, delivered ones that are not acked included. Takes a second: AMQP does not tell.
    pub fn messages(&self) -> usize {
        self.messages_in(&self.name)
    }

    /// The same of dead letters.
    pub fn messages_of_dead_letters(&self) -> usize {
        self.messages_in(&self.dead_name())
    }

    fn messages_in(&self, name: &str) -> usize {
        let list = self.broker.ctl(&["list_queues", "--quiet", "--no-table-headers", "name", "messages"]);
        let line = list.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
        line.map_or(0, |number| number.trim().parse().unwrap())
    }

    /// Number of consumers.
    pub fn consumers(&self) -> u32 {
        self.on_channel(&self.name, |_, depth| depth.1)
    }

    /// Number of dead letters.
    pub fn dead_depth(&self) -> u32 {
        self.on_channel(&self.dead_name(), |_, depth| depth.0)
    }

    /// Removes and returns all dead letters.
    pub fn take_dead_letters(&self) -> Vec<DeadLetter> {
        self.take_all(&self.dead_name())
    }

    /// Removes and returns all messages that are ready for delivery.
    pub fn take_messages(&self) -> Vec<DeadLetter> {
        self.take_all(&self.name)
    }

    /// Takes all messages and returns them without an ack. The broker marks them as redelivered. Returns their number.
    pub fn redeliver_all(&self) -> usize {
        self.on_channel(&self.name, |channel, _| {
            // They go back to the queue when the channel is closed.
            std::iter::from_fn(|| channel.basic_get(&self.name, false).unwrap()).count()
        })
    }

    /// The name of the dead-letter queue.
    pub fn dead_name(&self) -> String {
        format!("{}.dead", self.name)
    }

    fn take_all(&self, name: &str) -> Vec<DeadLetter> {
        self.on_channel(name, |channel, _| {
            std::iter::from_fn(|| channel.basic_get(name, true).unwrap())
                .map(|get| DeadLetter::new(get.delivery))
                .collect()
        })
    }

    /// Declares the queue or its dead-letter queue as another program might.
    pub fn declare_as(&self, name: &str, options: QueueDeclareOptions) {
        let mut connection = self.broker.connect();
        connection.open_channel(None).unwrap().queue_declare(name, options).unwrap();
        close(connection);
    }

    /// Deletes the queue or its dead-letter queue.
    pub fn delete(&self, name: &str) {
        let mut connection = self.broker.connect();
        connection.open_channel(None).unwrap().queue_delete(name, QueueDeleteOptions::default()).unwrap();
        close(connection);
    }

    /// Works with the queue of this name, of which it gets the numbers of ready messages and consumers.
    fn on_channel<T>(&self, name: &str, work: impl FnOnce(&Channel, (u32, u32)) -> T) -> T {
        let mut connection: Connection = self.broker.connect();
        let depth = declare(&mut connection, name);
        let channel = connection.open_channel(None).unwrap();
        let result = work(&channel, depth);
        drop(channel);
        close(connection);
        result
    }
}

/// Finds the queue as it is, or declares it as the publishers of the earlier service do: durable, no arguments. Returns the
/// numbers of ready messages and consumers.
fn declare(connection: &mut Connection, name: &str) -> (u32, u32) {
    let counts = |queue: amiquip::Queue<'_>| {
        (queue.declared_message_count().unwrap(), queue.declared_consumer_count().unwrap())
    };
    // The broker closes the channel if the queue is missing.
    let found = connection.open_channel(None).unwrap().queue_declare_passive(name).map(counts);
    found.unwrap_or_else(|_| {
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        counts(connection.open_channel(None).unwrap().queue_declare(name, options).unwrap())
    })
}

/// Rarely used properties, to check that a dead letter keeps them.
pub fn unusual_properties() -> AmqpProperties {
    let headers = BTreeMap::from([
        ("traceparent".to_owned(), AmqpValue::LongString("00-4bf9-01".to_owned())),
        ("x-tries".to_owned(), AmqpValue::LongInt(7)),
        ("x-flag".to_owned(), AmqpValue::Boolean(true)),
    ]);
    properties(Some("odd-1"))
        .with_headers(headers)
        .with_correlation_id("c-17".to_owned())
        .with_reply_to("replies".to_owned())
        .with_app_id("planner".to_owned())
        .with_type_("event.updated".to_owned())
        .with_priority(3)
        .with_timestamp(1_790_000_000)
}
