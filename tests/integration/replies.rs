//! `REPLIES`: a message with `reply_to` is answered when its notification has ended, before its ack. If the worker or the broker
//! breaks in between, it is answered at least once, and no participant is mailed twice.

mod trouble;

use std::process::Command;

use serde_json::{Value, json};
use testkit::amqp_proxy::{AckAction, AmqpProxy};
use testkit::exchange;
use testkit::installed::installed;
use testkit::metrics::metric;
use testkit::queue::properties;
use testkit::raw_publisher::{RawProperties, RawPublisher};
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::subscriber::{Received, Subscriber, ask_directly};
use testkit::wait::wait_until;
use uuid::Uuid;

fn body() -> String {
    format!(r#"{{"type":"UPDATED","event_id":{EVENT}}}"#)
}

fn scenario(name: &str, participants: usize) -> testkit::scenario::builder::ScenarioBuilder {
    Scenario::with_relay(name, participants).env("REPLIES", "True").env("HTTP_ADDR", "127.0.0.1:0")
}

fn ask(scenario: &Scenario, subscriber: &Subscriber, id: &str) {
    scenario.queue.publish_raw(body().as_bytes(), subscriber.asks(id, &format!("request-{id}")));
}

/// The numbers of a reply.
fn numbers(reply: &Value) -> [u64; 5] {
    ["participants", "sent", "failed", "skipped", "deferred"].map(|name| reply[name].as_u64().unwrap())
}

#[track_caller]
fn answers(received: &Received, id: &str) {
    let properties = &received.properties;
    assert_eq!(properties.correlation_id().as_deref(), Some(format!("request-{id}").as_str()));
    assert_eq!(properties.content_type().as_deref(), Some("application/json"));
    let body = received.body.to_string();
    assert!(body.split('@').rev().skip(1).all(|before| before.ends_with("***")), "{body}");
}

#[test]
fn a_request_is_answered_with_the_numbers_of_its_notification() {
    let scenario = scenario("replies", 5).build();
    let people = scenario.people();
    scenario.smtp.fail_recipient(&people[0].email, RecipientFault::Rcpt("550 5.1.1 unknown user"), 1);
    let worker = scenario.worker();
    let subscriber = Subscriber::new(&scenario.queue.broker);
    ask(&scenario, &subscriber, "1");
    let reply = subscriber.next();
    answers(&reply, "1");
    assert_eq!(numbers(&reply.body), [5, 4, 1, 0, 0], "{}", reply.body);
    assert_eq!((&reply.body["state"], &reply.body["message_id"]), (&json!("completed"), &json!("1")));
    scenario.wait_for_acks(1);

    // The same message again: its notification is completed already.
    scenario.queue.publish_raw(body().as_bytes(), subscriber.asks("1", "request-2"));
    let again = subscriber.next();
    answers(&again, "2");
    assert_eq!(again.body, reply.body);

    // Without a correlation id, and with odd ones.
    let odd = "naïve \u{1F600}\0".to_owned();
    for correlation_id in [None, Some(odd), Some(String::new()), Some("x".repeat(255))] {
        let asks = properties(Some("1")).with_reply_to(subscriber.queue.clone());
        let asks = match correlation_id.clone() {
            Some(id) => asks.with_correlation_id(id),
            None => asks,
        };
        scenario.queue.publish_raw(body().as_bytes(), asks);
        assert_eq!(*subscriber.next().properties.correlation_id(), correlation_id);
    }
    wait_until("the acks", || scenario.queue.messages() == 0);
    assert_eq!((metric(&worker, "fanmail_replies_total"), scenario.duplicates()), (6, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn a_direct_reply_reaches_the_connection_that_asks() {
    let scenario = scenario("replies-direct", 2).build();
    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    for id in ["one", "two"] {
        let reply = ask_directly(&scenario.queue.broker, &scenario.queue.name, &body(), id);
        assert_eq!(reply.properties.correlation_id().as_deref(), Some(id));
        assert_eq!(numbers(&reply.body), [2, 2, 0, 0, 0], "{}", reply.body);
    }
    let refused = ask_directly(&scenario.queue.broker, &scenario.queue.name, "no JSON", "three");
    assert!(refused.body["error"].as_str().unwrap().contains("is not JSON"), "{refused:?}");
    scenario.wait_for_acks(2);
    scenario.stop_and_check(worker);
}

/// The file of `examples/` that documents this.
#[test]
fn a_python_client_gets_its_replies() {
    let scenario = scenario("replies-pika", 2).build();
    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    let script = format!(
        "import json\nfrom fanmail_request import request\n\
         print(json.dumps([request({}), request({{'type': 'UPDATD'}})]))",
        body()
    );
    let output = Command::new(installed("bin/python"))
        .args(["-c", &script])
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("RABBITMQ_URL", scenario.queue.broker.url().split('?').next().unwrap())
        .env("RABBITMQ_QUEUE", &scenario.queue.name)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let replies: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(numbers(&replies[0]), [2, 2, 0, 0, 0]);
    assert!(replies[1]["error"].as_str().unwrap().contains("\"UPDATD\" is not one of"), "{replies}");
    scenario.stop_and_check(worker);
}

#[test]
fn a_dead_letter_is_answered_with_its_reason() {
    let scenario = scenario("replies-dead", 1).build();
    let worker = scenario.worker();
    let subscriber = Subscriber::new(&scenario.queue.broker);
    for (id, body, error) in [
        ("1", r#"{"type":"ann@example.com","event_id":1}"#.to_owned(), "a***@example.com"),
        ("2", "{}".to_owned(), "\"type\" is missing"),
        ("3", r#"{"type":"UPDATED","event_id":77}"#.to_owned(), "event 77 is not in the database"),
        ("3", r#"{"type":"UPDATED","event_id":77}"#.to_owned(), "event 77 is not in the database"),
        ("3", body(), "message_id was used before, by notification 1 for UPDATED of event 77"),
    ] {
        scenario.queue.publish_raw(body.as_bytes(), subscriber.asks(id, &format!("request-{id}")));
        let reply = subscriber.next();
        answers(&reply, id);
        assert!(reply.body["error"].as_str().unwrap().contains(error), "{}", reply.body);
    }
    wait_until("the dead letters", || scenario.queue.dead_depth() == 5);
    wait_until("the acks", || scenario.queue.messages() == 0);
    let ended = worker.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(scenario.queue.dead_depth(), 5);
}

/// A message that is acked without a mail, because no route is for it.
#[test]
fn a_message_without_a_route_is_answered_with_an_error() {
    let routes = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/routes");
    let exchange = format!("events-{}", Uuid::now_v7().simple());
    let scenario = scenario("replies-ignored", 1)
        .env("AMQP_BINDINGS", &format!("{exchange}(topic):#"))
        .env("ROUTES_FILE", &format!("{routes}/routes.toml"))
        .env("TEMPLATES_DIR", &format!("{routes}/templates"))
        .build();
    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    let broker = &scenario.queue.broker;
    let subscriber = Subscriber::new(broker);
    let asks = subscriber.asks("1", "request-1");
    assert!(exchange::publish(broker, &exchange, "order.paid", r#"{"order": 4711}"#, asks));
    let reply = subscriber.next();
    answers(&reply, "1");
    assert!(reply.body["error"].as_str().unwrap().contains("no route matches"), "{}", reply.body);
    wait_until("the ack", || scenario.queue.messages() == 0);
    scenario.stop_and_check(worker);
}

/// Off, which is the default, nothing is answered.
#[test]
fn without_the_variable_nothing_is_answered() {
    let scenario = Scenario::with_relay("replies-off", 1).build();
    let worker = scenario.worker();
    let subscriber = Subscriber::new(&scenario.queue.broker);
    ask(&scenario, &subscriber, "1");
    scenario.queue.publish_raw(b"no JSON", subscriber.asks("2", "request-2"));
    scenario.wait_for_acks(1);
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    scenario.stop_and_check(worker);
    assert!(subscriber.try_next().is_none());
}

#[test]
fn a_message_is_acked_although_the_program_that_asked_is_gone() {
    let scenario = scenario("replies-gone", 1).build();
    let worker = scenario.worker();
    let subscriber = Subscriber::new(&scenario.queue.broker);
    subscriber.leave();
    ask(&scenario, &subscriber, "1");
    scenario.wait_for_acks(1);
    let nobody = properties(Some("2")).with_reply_to("x".repeat(255)).with_correlation_id("2".to_owned());
    scenario.queue.publish_raw(body().as_bytes(), nobody);
    scenario.wait_for_acks(2);
    let direct = properties(Some("3")).with_reply_to("amq.rabbitmq.reply-to.g1h2AA==".to_owned());
    scenario.queue.publish_raw(body().as_bytes(), direct);
    scenario.wait_for_acks(3);
    assert_eq!(metric(&worker, "fanmail_replies_unroutable_total"), 2);
    scenario.stop_and_check(worker);
}

/// amiquip drops properties that are not UTF-8: the message asks for no reply any more.
#[test]
fn a_correlation_id_that_is_not_utf8_costs_no_mail() {
    let scenario = scenario("replies-not-utf8", 3).build();
    let subscriber = Subscriber::new(&scenario.queue.broker);
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    let mut publisher = RawPublisher::connect(&scenario.queue.broker);
    let asks = RawProperties::default().request(b"id-\xff", subscriber.queue.as_bytes()).message_id(b"m-1");
    publisher.publish("", scenario.queue.name.as_bytes(), &asks, body().as_bytes());
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
    assert!(subscriber.try_next().is_none());
}

/// The reply is published before the ack: a worker that dies in between has answered, and the next one answers again.
#[test]
fn a_worker_that_dies_before_the_ack_has_answered_and_the_next_one_answers_again() {
    let mut scenario = scenario("replies-killed", 3).build();
    let proxy = AmqpProxy::start(scenario.queue.broker.port, AckAction::Hold);
    let port = scenario.environment.insert("LAVINMQ_PORT".to_owned(), proxy.port.to_string()).unwrap();
    let worker = scenario.worker();
    let subscriber = Subscriber::new(&scenario.queue.broker);
    ask(&scenario, &subscriber, "1");
    proxy.wait_until_done();
    answers(&subscriber.next(), "1");
    worker.kill();
    scenario.environment.insert("LAVINMQ_PORT".to_owned(), port);
    let worker = scenario.worker();
    answers(&subscriber.next(), "1");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (3, 0));
    scenario.stop_and_check(worker);
}

/// A worker that dies in the middle has not answered: the one that completes the notification does, once, with all numbers.
#[test]
fn the_worker_that_completes_a_notification_answers() {
    let scenario = scenario("replies-middle", 20).connections(2).build();
    let subscriber = Subscriber::new(&scenario.queue.broker);
    scenario.smtp.gate().close_after(Point::BeforeReply, 9);
    let worker = scenario.worker();
    ask(&scenario, &subscriber, "1");
    scenario.wait_until_held(2);
    worker.kill();
    scenario.wait_until_held(0);
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    let reply = subscriber.next();
    answers(&reply, "1");
    assert_eq!(numbers(&reply.body), [20, 20, 0, 0, 0]);
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
    assert!(subscriber.try_next().is_none());
}
