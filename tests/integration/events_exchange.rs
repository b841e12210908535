//! `EVENTS_EXCHANGE`: a program that binds a queue to it hears of each notification that is completed, and of each mail that has failed.

use std::collections::BTreeSet;
use std::time::Duration;

use amiquip::ExchangeType;
use serde_json::{Value, json};
use testkit::amqp_proxy::{AckAction, AmqpProxy};
use testkit::broker::Broker;
use testkit::exchange;
use testkit::metrics::metric;
use testkit::process::Process;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::subscriber::{Received, Subscriber};
use testkit::wait::wait_until;
use uuid::Uuid;

/// A name that no other test uses.
fn unique(name: &str) -> String {
    format!("{name}-{}", Uuid::now_v7().simple())
}

fn scenario(name: &str, participants: usize, exchange: &str) -> ScenarioBuilder {
    Scenario::with_relay(name, participants)
        .env("EVENTS_EXCHANGE", exchange)
        .env("HTTP_ADDR", "127.0.0.1:0")
        .env("DEFER_SCHEDULE", "1s")
        .env("MAX_RETRIES", "0")
}

/// The next event, of which this is the routing key.
#[track_caller]
fn next(subscriber: &Subscriber, key: &str) -> Received {
    let event = subscriber.next();
    assert_eq!(event.routing_key, key, "{}", event.body);
    assert_eq!(event.properties.type_().as_deref(), Some(key));
    assert_eq!(event.properties.content_type().as_deref(), Some("application/json"));
    assert!(!event.body.to_string().contains("@example.com\""), "{}", event.body);
    event
}

fn numbers(event: &Value) -> [u64; 5] {
    ["participants", "sent", "failed", "skipped", "deferred"].map(|name| event[name].as_u64().unwrap())
}

#[test]
fn whoever_subscribes_hears_of_notifications_and_failures() {
    let broker = Broker::shared();
    let exchange = unique("events");
    let scenario = scenario("events", 6, &exchange).build();
    let checked = scenario.run_ok(&["check"]);
    let told = format!("{exchange} does not exist yet; the worker will declare it as topic exchange");
    assert!(checked.contains(&told), "{checked}");
    let people = scenario.people();
    let refused = RecipientFault::Rcpt("550 5.1.1 <ann@example.com>: no such user");
    scenario.smtp.fail_recipient(&people[0].email, refused.clone(), 1);
    scenario.smtp.fail_recipient(&people[3].email, refused, 1);
    let greylisted = RecipientFault::Rcpt("450 4.2.0 greylisted, try later");
    scenario.smtp.fail_recipient(&people[5].email, greylisted, 9);

    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    let all = Subscriber::of_exchange(&broker, &exchange, "#");
    let completed = Subscriber::of_exchange(&broker, &exchange, "notification.*");
    scenario.queue.publish("UPDATED", EVENT, Some("m-1"));
    let mut failed: Vec<Value> = (0..2).map(|_| next(&all, "delivery.failed").body).collect();
    let event = next(&all, "notification.completed");
    assert_eq!(numbers(&event.body), [6, 3, 2, 0, 1], "{}", event.body);
    assert_eq!(
        ["kind", "event_id", "message_id"].map(|name| event.body[name].clone()),
        [json!("UPDATED"), json!(EVENT), json!("m-1")]
    );
    assert_eq!(next(&completed, "notification.completed").body, event.body);

    // The last attempt at the deferred mail.
    failed.push(next(&all, "delivery.failed").body);
    let participants: BTreeSet<i64> =
        failed.iter().map(|event| event["participant"].as_i64().unwrap()).collect();
    assert_eq!(participants, [0, 3, 5].map(|index| people[index].id).into());
    assert_eq!((&failed[0]["code"], &failed[0]["permanent"]), (&json!(550), &json!(true)));
    assert_eq!(failed[0]["reason"], "550 5.1.1 <a***@example.com>: no such user");
    assert_eq!((&failed[2]["code"], &failed[2]["permanent"]), (&json!(450), &json!(false)));
    scenario.wait_for_acks(1);
    wait_until("the metric", || metric(&worker, "fanmail_events_total") == 4);

    // The one who failed for a temporary reason fails again.
    let mut environment = scenario.environment.clone();
    environment.insert("DEFER_SCHEDULE".to_owned(), "off".to_owned());
    let retry = Process::start(scenario.dir.path(), &environment, &["retry", "--notification", "1"]);
    assert_eq!(retry.wait_within(Duration::from_secs(60)).code, Some(1));
    let again = next(&all, "delivery.failed");
    assert_eq!(again.body["participant"], people[5].id);
    let checked = scenario.run_ok(&["check"]);
    assert!(
        checked.contains(&format!("the worker publishes events to the exchange {exchange}")),
        "{checked}"
    );
    scenario.stop_and_check(worker);
    assert!(all.try_next().is_none());
}

/// Of a message everything is published before its ack: a worker that dies before it leaves that to the next one, and both publish the
/// same events with the same ids.
#[test]
fn a_worker_that_dies_before_the_ack_leaves_the_events_to_the_next_one() {
    let exchange = unique("events");
    let mut scenario = scenario("events-killed", 3, &exchange).build();
    let broker = &scenario.queue.broker;
    exchange::declare(broker, &exchange, ExchangeType::Topic);
    let all = Subscriber::of_exchange(broker, &exchange, "#");
    let people = scenario.people();
    scenario.smtp.fail_recipient(&people[1].email, RecipientFault::Rcpt("550 5.1.1 unknown"), 1);
    let proxy = AmqpProxy::start(broker.port, AckAction::Hold);
    let port = scenario.environment.insert("LAVINMQ_PORT".to_owned(), proxy.port.to_string()).unwrap();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    proxy.wait_until_done();
    let both = || ["delivery.failed", "notification.completed"].map(|key| next(&all, key));
    let first = both();
    worker.kill();
    scenario.environment.insert("LAVINMQ_PORT".to_owned(), port);
    let worker = scenario.worker();
    let again = both();
    for (first, again) in first.iter().zip(&again) {
        assert_eq!(first.body, again.body);
        assert!(first.properties.message_id().is_some());
        assert_eq!(first.properties.message_id(), again.properties.message_id());
    }
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
}

/// What no message carries is told, too.
#[test]
fn notifications_of_the_outbox_are_told() {
    let exchange = unique("events");
    let scenario = scenario("events-outbox", 2, &exchange).env("OUTBOX", "True").build();
    let broker = &scenario.queue.broker;
    exchange::declare(broker, &exchange, ExchangeType::Topic);
    let all = Subscriber::of_exchange(broker, &exchange, "#");
    let worker = scenario.worker();
    scenario.ledger.execute(&format!(
        "INSERT INTO outbox (message_id, body) VALUES ('row-1', '{{\"type\":\"UPDATED\",\"event_id\":{EVENT}}}')"
    ));
    let event = next(&all, "notification.completed");
    assert_eq!(numbers(&event.body), [2, 2, 0, 0, 0]);
    worker.stop();
}

/// An exchange that is deleted while the worker runs is declared again, and costs no mail and no ack.
#[test]
fn an_exchange_that_is_deleted_is_declared_again() {
    let exchange = unique("events");
    let scenario = scenario("events-deleted", 2, &exchange).build();
    let broker = &scenario.queue.broker;
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    exchange::delete(broker, &exchange);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    let all = Subscriber::of_exchange(broker, &exchange, "#");
    scenario.publish("UPDATED");
    next(&all, "notification.completed");
    scenario.wait_for_acks(3);
    scenario.stop_and_check(worker);
}

#[test]
fn an_exchange_of_another_type_is_refused_at_start() {
    let broker = Broker::shared();
    for (exchange_type, found) in [(ExchangeType::Direct, "direct"), (ExchangeType::Fanout, "fanout")] {
        let exchange = unique("events-wrong");
        exchange::declare(&broker, &exchange, exchange_type);
        let scenario = scenario("events-wrong", 1, &exchange).build();
        let told = format!("EVENTS_EXCHANGE names {exchange:?}, which is an exchange of the type {found}");
        let ended = scenario.run(&["worker"]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        scenario.check_says(&ended.err, &[&told, "set the name of a topic exchange"]);
        let checked = scenario.run(&["check"]);
        assert!(checked.code == Some(1) && checked.out.contains(&told), "{}", checked.out);
    }
}

/// A user who may not publish to the exchange: the worker tells it, and sends all mails.
#[test]
fn an_exchange_that_may_not_be_written_costs_no_mail() {
    let broker = Broker::shared();
    let (user, exchange) = (unique("publisher"), unique("events"));
    broker.ctl(&["add_user", &user, "limited-password"]);
    exchange::declare(&broker, &exchange, ExchangeType::Topic);
    let scenario = scenario("events-refused", 2, &exchange)
        .env("REPLIES", "True")
        .env("LAVINMQ_USERNAME", &user)
        .env("LAVINMQ_PASSWORD", "limited-password")
        .build();
    let own = format!("^(amq.default|{}.*)$", scenario.queue.name);
    broker.ctl(&["set_permissions", &user, &own, &own, &own]);
    let worker = scenario.worker();
    let subscriber = Subscriber::new(&broker);
    let body = format!(r#"{{"type":"UPDATED","event_id":{EVENT}}}"#);
    scenario.queue.publish_raw(body.as_bytes(), subscriber.asks("1", "request-1"));
    assert_eq!(numbers(&subscriber.next().body), [2, 2, 0, 0, 0]);
    scenario.wait_for_acks(1);
    worker.wait_for_log("the user may not publish to the exchange");
    assert_eq!(metric(&worker, "fanmail_events_lost_total"), 1);
    scenario.stop_and_check(worker);
}

/// Without a broker nothing can be published.
#[test]
fn a_worker_without_a_broker_says_that_it_publishes_nothing() {
    let scenario = scenario("events-outbox-only", 1, "fanmail.events").build();
    let worker = scenario.start(&["worker", "--outbox-only"]);
    worker.wait_for_log("EVENTS_EXCHANGE: nothing is published");
    worker.stop();
}
