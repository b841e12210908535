//! RabbitMQ's delivery acknowledgement timeout: the broker closes the channel of a consumer that has not acked for too
//! long (406), and delivers the messages again in the middle of their fan-outs.

use std::process::Command;
use std::sync::Arc;

use testkit::broker::Broker;
use testkit::metrics::metric;
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::wait::wait_until;

const LANES: usize = 2;
/// An event whose notification runs beside the long one.
const OTHER: i64 = 77;

/// A broker with an ack timeout of five seconds that it checks each second.
fn broker_with_ack_timeout() -> Arc<Broker> {
    let broker =
        Broker::own_with("", "[{rabbit, [{consumer_timeout, 5000}, {channel_tick_interval, 1000}]}].");
    broker.start();
    broker
}

/// Two fan-outs outlast the timeout twice, while two more messages wait for the first fan-out.
fn fan_outs_outlast_the_timeout(name: &str, ids: [Option<&str>; 4]) {
    let broker = broker_with_ack_timeout();
    let scenario = Scenario::with_relay(name, 40)
        .broker(&broker)
        .connections(LANES)
        .env("HTTP_ADDR", "127.0.0.1:0")
        .build();
    scenario.seed(OTHER, 20);
    scenario.smtp.gate().close_after(Point::BeforeReply, 10);
    let message = |kind, event, id| {
        let body = format!(r#"{{"type":"{kind}","event_id":{event}}}"#).into_bytes();
        (body, properties(id))
    };
    scenario.queue.publish_all(&[
        message("UPDATED", EVENT, ids[0]),
        message("CREATED", OTHER, ids[1]),
        // Without an id it equals the first message, and is a notification of its own.
        message("UPDATED", EVENT, ids[2]),
        message("CANCELLED", EVENT, ids[3]),
    ]);
    let worker = scenario.worker();
    scenario.wait_until_held(LANES);
    for request in [format!("UPDATED of event {EVENT}"), format!("CREATED of event {OTHER}")] {
        let again = format!("the message {request} was redelivered; its fan-out continues");
        wait_until("two timeouts", || worker.log().matches(&again).count() >= 2);
    }
    scenario.smtp.gate().open();
    scenario.wait_for_acks(4);
    assert_eq!(scenario.ledger.notifications().len(), 4);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (3 * 40 + 20, 0));

    let log = worker.log();
    let attached = log.matches("was redelivered; its fan-out continues").count();
    let by_flag = if ids[0].is_some() { 0 } else { attached };
    assert_eq!(metric(&worker, "fanmail_redelivered_decided_total"), by_flag);
    let problems = log.lines().filter(|line| line.contains(" WARN ") || line.contains(" ERROR "));
    let problems: Vec<&str> = problems.collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].contains("longer than the broker allows"), "{problems:?}");
    assert!(problems[0].contains(&setting(&broker, &scenario.queue.name)), "{problems:?}");
    assert!(!log.contains("reconnected at attempt"), "it is no outage:\n{log}");
    scenario.stop_and_check(worker);
}

#[test]
fn fan_outs_outlast_the_timeout_with_message_ids() {
    fan_outs_outlast_the_timeout("timeout-ids", [Some("a"), Some("b"), Some("c"), Some("d")]);
}

#[test]
fn fan_outs_outlast_the_timeout_without_message_ids() {
    fan_outs_outlast_the_timeout("timeout", [None; 4]);
}

/// The fan-out completes while the worker has no connection: the ack of the old delivery is void, and the next delivery
/// is acked.
#[test]
fn a_message_whose_ack_timed_out_at_the_end_of_its_fan_out_is_acked_when_redelivered() {
    let broker = broker_with_ack_timeout();
    let scenario = Scenario::with_relay("timeout-end", 10).broker(&broker).connections(LANES).build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 5);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(LANES);
    wait_until("the timeout in the broker's log", || broker.log().contains("timed out"));
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (10, 0));
    scenario.stop_and_check(worker);
}

/// What raises the limit on this broker: from RabbitMQ 3.12 on a policy of the queue, before that only rabbitmq.conf.
fn setting(broker: &Broker, queue: &str) -> String {
    if has_policy(broker) {
        format!("set_policy fanmail '^{queue}$' '{{\"consumer-timeout\":14400000}}' --apply-to queues")
    } else {
        "consumer_timeout = 14400000".to_owned()
    }
}

fn has_policy(broker: &Broker) -> bool {
    broker.version() >= (3, 12)
}

/// What `fanmail check` recommends.
#[test]
fn the_broker_accepts_the_settings_that_check_recommends() {
    let scenario = Scenario::with_relay("timeout-advice", 0).build();
    let out = scenario.run(&["check"]).out;
    let advice = out.lines().find(|line| line.contains("consumer_timeout")).expect(&out);
    let broker = &scenario.queue.broker;
    let (major, minor) = broker.version();
    assert!(advice.contains(&format!("note     RabbitMQ {major}.{minor}.")), "{advice}");
    assert!(advice.contains(&setting(broker, &scenario.queue.name)), "{advice}");
    if has_policy(broker) {
        let command = advice.split(": rabbitmqctl ").nth(1).and_then(|rest| rest.split(" (only").next());
        accepts_the_policy(&scenario, command.expect(advice));
    } else {
        let line = advice.split("write ").nth(1).and_then(|rest| rest.split(" into").next()).expect(advice);
        accepts_the_line(line);
    }
}

/// The policy applies to the queue and has the value.
fn accepts_the_policy(scenario: &Scenario, arguments: &str) {
    let words = Command::new("sh").args(["-c", &format!("printf '%s\\n' {arguments}")]).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    scenario.queue.depth(); // declares it
    scenario.queue.broker.ctl(&words.lines().collect::<Vec<_>>());
    let columns = ["name", "policy", "effective_policy_definition"];
    let queues = scenario
        .queue
        .broker
        .ctl(&[&["list_queues", "--quiet", "--no-table-headers"], &columns[..]].concat());
    let Some(queue) = queues.lines().find(|line| line.starts_with(&scenario.queue.name)) else {
        panic!("the queue is not there: {queues}")
    };
    assert!(queue.contains("\tfanmail\t") && queue.contains("14400000"), "{queue}");
    scenario.queue.broker.ctl(&["clear_policy", "fanmail"]);
}

/// A broker starts with this line in rabbitmq.conf, and has the value.
fn accepts_the_line(line: &str) {
    let broker = Broker::own_with(line, "[{rabbit, [{channel_tick_interval, 1000}]}].");
    broker.start();
    let environment = broker.ctl(&["environment"]);
    assert!(environment.contains("{consumer_timeout,14400000}"), "{environment}");
}
