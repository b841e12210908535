//! Messages with properties that no usual publisher sets: they are mailed or become dead letters like any other, and do
//! no harm to the log, the ledger or the connection.

use std::collections::BTreeMap;
use std::time::Duration;

use amiquip::{
    AmqpProperties, AmqpValue, ExchangeDeclareOptions, ExchangeType, FieldTable, QueueDeclareOptions,
};

use testkit::broker::Broker;
use testkit::closing::close;
use testkit::metrics::metric;
use testkit::queue::properties;
use testkit::raw_publisher::{RawProperties, RawPublisher};
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::wait::{wait_for, wait_until};

fn body(kind: &str) -> Vec<u8> {
    format!(r#"{{"type":"{kind}","event_id":{EVENT}}}"#).into_bytes()
}

/// Headers of each type that AMQP 0-9-1 and RabbitMQ know.
fn every_header() -> FieldTable {
    let inner = BTreeMap::from([("deep".to_owned(), AmqpValue::LongString("x".repeat(10_000)))]);
    let values = [
        AmqpValue::Boolean(true),
        AmqpValue::ShortShortInt(-1),
        AmqpValue::ShortShortUInt(255),
        AmqpValue::ShortInt(-32_768),
        AmqpValue::ShortUInt(65_535),
        AmqpValue::LongInt(-1),
        AmqpValue::LongUInt(u32::MAX),
        AmqpValue::LongLongInt(i64::MIN),
        AmqpValue::Float(1.5),
        // Not a NaN: RabbitMQ cannot read it, and closes the connection of the publisher.
        AmqpValue::Double(-1e300),
        AmqpValue::LongString("\n\r\0 \u{202e}".to_owned()),
        AmqpValue::FieldArray(vec![AmqpValue::Void, AmqpValue::FieldTable(inner.clone())]),
        AmqpValue::Timestamp(u64::MAX),
        AmqpValue::FieldTable(inner),
        AmqpValue::ByteArray(vec![0, 255]),
        AmqpValue::Void,
    ];
    (1..).map(|n| format!("header-{n}")).zip(values).collect()
}

#[test]
fn messages_with_unusual_properties_are_processed() {
    let scenario = Scenario::with_relay("odd", 3).env("PREFETCH", "20").build();
    let longest = "ü".repeat(127) + "x";
    let nasty = "line one\r\nFORGED line two\0\u{1b}[31m\u{202e}";
    let odd: Vec<AmqpProperties> = vec![
        properties(Some(&longest)),
        properties(Some(nasty)),
        // An empty id is no id: these are two notifications.
        properties(Some("")),
        properties(Some("")),
        properties(Some("priority")).with_priority(255),
        properties(Some("expiring")).with_expiration("600000".to_owned()),
        properties(Some("headers")).with_headers(every_header()),
        AmqpProperties::default(),
        properties(Some("unconvincing")).with_content_type("image/png".to_owned()).with_delivery_mode(1),
    ];
    let messages: Vec<_> = odd.iter().map(|properties| (body("UPDATED"), properties.clone())).collect();
    scenario.queue.publish_all(&messages);
    let worker = scenario.worker();
    scenario.wait_for_acks(odd.len());
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (3 * odd.len(), 0));

    // The same ids again are the same notifications; with another kind they are errors of the publisher.
    scenario.queue.publish_all(&[
        (body("UPDATED"), properties(Some(&longest))),
        (body("UPDATED"), properties(Some(nasty))),
        (body("CANCELLED"), properties(Some(nasty))),
        (body("CANCELLED"), properties(Some(&longest))),
    ]);
    wait_until("the dead letters to be kept", || scenario.queue.dead_depth() == 2);
    wait_until("the queue to be empty", || scenario.queue.depth() == 0);
    assert_eq!(scenario.smtp.accepted(), 3 * odd.len());
    let log = worker.log();
    assert!(log.lines().all(|line| !line.starts_with("FORGED") && !line.contains('\u{1b}')), "{log}");
    scenario.stop_and_check(worker);
    let ids: Vec<_> = scenario.queue.take_dead_letters();
    let ids: Vec<_> =
        ids.iter().map(|dead_letter| dead_letter.properties.message_id().clone().unwrap()).collect();
    assert_eq!(ids, [nasty, &longest]);
}

/// Headers and ids that are not UTF-8. amiquip drops such an id, so the message has none.
#[test]
fn messages_with_properties_that_are_not_utf8_are_processed() {
    let scenario = Scenario::with_relay("not-utf8", 4).build();
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    let mut publisher = RawPublisher::connect(&scenario.queue.broker);
    let queue = scenario.queue.name.clone();
    let mut publish = |properties: RawProperties| {
        publisher.publish("", queue.as_bytes(), &properties, &body("UPDATED"));
    };
    publish(RawProperties::default().message_id(b"id-\xff"));
    publish(RawProperties::default().message_id(b"id-\xff"));
    publish(RawProperties::default().header(b"tenant", b"blue-\xff").message_id(b"whole"));
    publish(RawProperties::default().header(b"ten\xffant", b"blue").message_id(b"another"));
    let worker = scenario.worker();
    scenario.wait_for_acks(4);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (16, 0));
    let keys: Vec<_> = scenario.ledger.notifications().into_iter().map(|row| row.message_key).collect();
    assert_eq!(keys, [None, None, Some("whole".to_owned()), Some("another".to_owned())]);
    scenario.stop_and_check(worker);
}

/// amiquip cannot read a frame with a routing key that is not UTF-8: the connection breaks, and the message is
/// delivered again.
#[test]
fn a_message_that_breaks_the_connection_is_reported_and_retried_with_growing_pauses() {
    let scenario = Scenario::with_relay("breaks", 5).build();
    let queue = &scenario.queue;
    bind_to_a_fanout_exchange(&queue.broker, &queue.name);
    let mut publisher = RawPublisher::connect(&queue.broker);
    publisher.publish(&queue.name, b"key-\xff", &RawProperties::default(), &body("UPDATED"));
    scenario.publish("CREATED");
    let mut worker = scenario.worker();
    worker.wait_for_log("breaks the protocol for this program");
    // The pauses grow: 1, 2, 4, 8 seconds. In ten seconds there are two more attempts at most.
    let tries = || worker.log().matches("taking messages from").count();
    let tries_before = tries();
    assert_eq!(tries_before, 3);
    wait_for("the next try", Duration::from_secs(20), || (tries() > tries_before).then_some(()));
    let log = worker.log();
    assert_eq!(log.matches("breaks the protocol for this program").count(), 1, "it is logged once:\n{log}");
    assert_eq!(log.matches("a frame that cannot be read").count(), 1, "it is logged once:\n{log}");
    assert!(log.contains(&format!("rabbitmqadmin get queue={}", queue.name)), "{log}");
    assert!(worker.is_running());

    // What the log recommends: the first message is removed from the queue, and the others pass.
    wait_until("the bad message to be back", || {
        let mut connection = queue.broker.connect();
        let channel = connection.open_channel(None).unwrap();
        let count = channel.queue_declare_passive(queue.name.as_str()).unwrap();
        count.declared_message_count() == Some(2)
    });
    purge(&queue.broker, &queue.name);
    scenario.publish("CREATED");
    wait_for("the worker to be healthy", Duration::from_secs(90), || {
        scenario.ledger.notifications().iter().any(|row| row.acked).then_some(())
    });
    scenario.stop_and_check(worker);
}

fn bind_to_a_fanout_exchange(broker: &Broker, queue: &str) {
    let mut connection = broker.connect();
    let channel = connection.open_channel(None).unwrap();
    let exchange =
        channel.exchange_declare(ExchangeType::Fanout, queue, ExchangeDeclareOptions::default()).unwrap();
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let queue = channel.queue_declare(queue, durable).unwrap();
    queue.bind(&exchange, "", FieldTable::new()).unwrap();
    drop(channel);
    close(connection);
}

fn purge(broker: &Broker, queue: &str) {
    let mut connection = broker.connect();
    let channel = connection.open_channel(None).unwrap();
    channel.queue_purge(queue).unwrap();
    drop(channel);
    close(connection);
}

/// Without an id, only the redelivered flag shows that a message was delivered before. With an id, the flag decides
/// nothing.
#[test]
fn the_redelivered_flag_is_counted_where_it_decides() {
    let scenario = Scenario::with_relay("hint", 20).connections(1).env("HTTP_ADDR", "127.0.0.1:0").build();
    scenario.queue.publish("UPDATED", EVENT, None);
    for mails in [3, 5] {
        scenario.smtp.gate().close_after(Point::BeforeReply, mails);
        let worker = scenario.worker();
        scenario.wait_until_held(1);
        worker.kill();
        scenario.wait_until_held(0);
    }
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!(metric(&worker, "fanmail_redelivered_decided_total"), 1);
    // Without an id and new, then with an id: the flag decides nothing.
    scenario.queue.publish("UPDATED", EVENT, None);
    scenario.queue.publish("UPDATED", EVENT, Some("named"));
    scenario.wait_for_acks(3);
    assert_eq!(metric(&worker, "fanmail_redelivered_decided_total"), 1);
    assert_eq!(scenario.smtp.delivered_ids().len(), 60);
    scenario.stop_and_check(worker);
}

/// A message with an id that was delivered before is the notification of its id, with the redelivered flag and without.
#[test]
fn a_known_message_id_decides_whatever_the_redelivered_flag_says() {
    let scenario = Scenario::with_relay("known", 20).connections(1).env("HTTP_ADDR", "127.0.0.1:0").build();
    scenario.queue.publish("UPDATED", EVENT, Some("known"));
    scenario.smtp.gate().close_after(Point::BeforeReply, 5);
    let worker = scenario.worker();
    scenario.wait_until_held(1);
    worker.kill();
    scenario.wait_until_held(0);
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    scenario.queue.publish("UPDATED", EVENT, Some("known"));
    worker.wait_for_log("was completed before; message acked");
    assert_eq!(metric(&worker, "fanmail_redelivered_decided_total"), 0);
    assert_eq!((scenario.smtp.delivered_ids().len(), scenario.ledger.notifications().len()), (20, 1));
    scenario.stop_and_check(worker);
}
