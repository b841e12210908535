//! A worker that takes messages from several queues: a dead-letter queue for each, all verbs, and crashes of the worker and of the
//! broker with messages without a `message_id` in both.

use std::sync::Arc;
use std::time::Duration;

use amiquip::ExchangeType;
use chrono::{TimeDelta, Utc};
use testkit::broker::Broker;
use testkit::exchange;
use testkit::queue::{Queue, properties};
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::wait::wait_until;
use uuid::Uuid;

const OTHER: i64 = EVENT + 1;

/// A scenario with two queues, and the second one.
fn two_queues(name: &str, broker: &Arc<Broker>, participants: usize) -> (Scenario, Queue) {
    let second = format!("test-{name}-more-{}", Uuid::now_v7().simple());
    let mut scenario = Scenario::with_relay(name, participants).broker(broker).connections(1).build();
    let first = scenario.queue.name.clone();
    scenario.environment.insert("LAVINMQ_QUEUE".to_owned(), format!("{first}, {second}"));
    (scenario, Queue::new(Arc::clone(broker), second))
}

fn body(event: i64) -> String {
    format!(r#"{{"type":"UPDATED","event_id":{event}}}"#)
}

#[test]
fn all_queues_are_worked_on_and_each_has_its_dead_letters() {
    let broker = Broker::shared();
    let (mut scenario, more) = two_queues("several", &broker, 3);
    scenario.seed(OTHER, 2);
    let [topic, direct] = ["topic", "direct"].map(|name| format!("{name}-{}", Uuid::now_v7().simple()));
    exchange::declare(&broker, &direct, ExchangeType::Direct);
    let bindings = format!("{topic}:event.*,{direct}:email->{}", more.name);
    scenario.environment.insert("AMQP_BINDINGS".to_owned(), bindings);
    let worker = scenario.worker();
    wait_until("both to be consumed", || scenario.queue.consumers() == 1 && more.consumers() == 1);
    for (exchange, key, event, id) in [(&topic, "event.updated", EVENT, "1"), (&direct, "email", OTHER, "2")]
    {
        assert!(exchange::publish(&broker, exchange, key, &body(event), properties(Some(id))));
    }
    scenario.queue.publish("CREATED", EVENT, None);
    more.publish("CANCELLED", EVENT, None);
    scenario.queue.publish_raw(b"bad", properties(Some("bad-1")));
    more.publish_raw(b"worse", properties(Some("bad-2")));
    scenario.wait_for_acks(4);
    wait_until("both dead letters", || scenario.queue.dead_depth() == 1 && more.dead_depth() == 1);
    let checked = scenario.run_ok(&["check"]);
    for told in [
        format!("the queue {} has 0 message(s) waiting and 1 consumer(s)", scenario.queue.name),
        format!("the queue {} has 0 message(s) waiting and 1 consumer(s)", more.name),
        format!("{} has 1 dead letter(s)", more.dead_name()),
        format!(
            "{topic} is a topic exchange; the worker binds the queue {} to it for event.*",
            scenario.queue.name
        ),
        format!("{direct} is a direct exchange; the worker binds the queue {} to it for email", more.name),
    ] {
        assert!(checked.contains(&told), "{told}: {checked}");
    }
    let listed = scenario.run_ok(&["dead-letters", "list"]);
    for told in [&scenario.queue.dead_name(), &more.dead_name(), "  bad\n", "  worse\n"] {
        assert!(listed.contains(told), "{told}: {listed}");
    }
    let listed = scenario.run_ok(&["dead-letters", "list", "--format", "json"]);
    let letters: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
    let queues: Vec<&str> = letters.iter().map(|letter| letter["original_queue"].as_str().unwrap()).collect();
    assert_eq!(queues, [&scenario.queue.name, &more.name]);
    scenario.stop_and_check(worker);
    assert_eq!((more.messages(), scenario.smtp.accepted(), scenario.duplicates()), (0, 3 + 2 + 3 + 3, 0));
    let published = scenario.run_ok(&["publish", "--type", "UPDATED", "--event", &EVENT.to_string()]);
    assert!(published.contains(&format!("to the queue {} of", scenario.queue.name)), "{published}");
}

#[test]
fn a_worker_does_not_begin_with_some_of_its_queues() {
    let broker = Broker::shared();
    let (scenario, more) = two_queues("several-refused", &broker, 1);
    let stream = amiquip::QueueDeclareOptions {
        durable: true,
        arguments: [("x-queue-type".to_owned(), amiquip::AmqpValue::LongString("stream".to_owned()))].into(),
        ..amiquip::QueueDeclareOptions::default()
    };
    more.declare_as(&more.name, stream);
    let ended = scenario.worker().wait_within(Duration::from_secs(60));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.err.contains(&format!("the queue {:?} is a stream", more.name)), "{ended:?}");
    let checked = scenario.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    assert!(checked.out.contains(&format!("the queue {:?} is a stream", more.name)), "{checked:?}");
}

/// The worker is in the middle of a notification of each event, and equal messages wait in both queues.
#[test]
fn a_worker_is_killed_with_messages_without_ids_in_both_queues() {
    let broker = Broker::shared();
    let (scenario, more) = two_queues("several-kill", &broker, 6);
    scenario.seed(OTHER, 6);
    for _ in 0..3 {
        scenario.smtp.gate().close_after(Point::BeforeReply, 2);
        let worker = scenario.worker();
        wait_until("both to be consumed", || scenario.queue.consumers() == 1 && more.consumers() == 1);
        scenario.queue.publish("UPDATED", EVENT, None);
        more.publish("UPDATED", EVENT, None);
        more.publish("UPDATED", OTHER, None);
        scenario.wait_until_held(1);
        worker.kill();
        scenario.wait_until_held(0);
        scenario.smtp.gate().open();
        wait_until("the connections to be gone", || scenario.queue.consumers() + more.consumers() == 0);
    }
    let worker = scenario.worker();
    // One that ended right before a kill may have been acked without a record of it.
    wait_until("9 notifications to be completed", || {
        scenario.ledger.completed() >= 9 && scenario.queue.messages() + more.messages() == 0
    });
    scenario.check_redacted(&worker.stop().err);
    scenario.check_completed_except_acks();
    let rows = scenario.ledger.notifications();
    assert_eq!(rows.len(), 9, "each message has a notification of its own: {rows:?}");
    assert_eq!(scenario.smtp.delivered_ids().len(), 9 * 6, "nobody is left out");
    // One connection, three kills.
    assert!(scenario.duplicates() <= 3, "{}", scenario.duplicates());
    assert_eq!(scenario.queue.messages() + more.messages(), 0);
}

/// Beside the outbox and reminders. Bad notices become dead letters of the queue that they came from.
#[test]
fn a_worker_is_killed_with_notices_in_all_queues_urgent_ones_and_rows_of_the_outbox() {
    const NOTICE: &[u8] = br#"{"recipients":["zoe@example.com"],"message":"Hello"}"#;
    let broker = Broker::shared();
    let (mut scenario, more) = two_queues("several-notices", &broker, 2);
    for (name, value) in [("URGENT_QUEUE", "True"), ("OUTBOX", "True"), ("REMINDERS", "1h")] {
        scenario.environment.insert(name.to_owned(), value.to_owned());
    }
    let starts_at = (Utc::now() + TimeDelta::minutes(59)).format("%F %T");
    scenario.ledger.execute(&format!("UPDATE events SET starts_at = '{starts_at}'"));
    let urgent = [&scenario.queue, &more].map(|queue| {
        let name = format!("{}.urgent", queue.name);
        Queue::new(Arc::clone(&broker), name)
    });
    let queues = [&scenario.queue, &more, &urgent[0], &urgent[1]];
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    let worker = scenario.worker();
    wait_until("all to be consumed", || queues.iter().all(|queue| queue.consumers() == 1));
    for queue in queues {
        queue.publish_raw(NOTICE, properties(None));
        queue.publish_raw(br#"{"recipients":[],"message":"Hello"}"#, properties(None));
    }
    scenario.ledger.execute(&format!("INSERT INTO outbox (body) VALUES ('{}')", body(EVENT)));
    wait_until("all to be open", || scenario.ledger.count("notifications") == queues.len() + 2);
    wait_until("the dead letters", || queues.iter().all(|queue| queue.dead_depth() == 1));
    scenario.wait_until_held(1);
    worker.kill();
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(queues.len() + 2);
    scenario.stop_and_check(worker);
    for queue in queues {
        let of_queue = format!(
            "notifications n JOIN broker_sessions s ON s.name = n.broker_session WHERE s.queue = '{}'",
            queue.name
        );
        assert_eq!((queue.messages(), scenario.ledger.count(&of_queue)), (0, 1), "{}", queue.name);
    }
    assert_eq!(scenario.smtp.delivered_ids().len(), queues.len() + 2 * 2, "nobody is left out");
    // One connection, one kill.
    assert!(scenario.duplicates() <= 1, "{}", scenario.duplicates());
}

/// A broker that crashes marks every message as redelivered, and forgets acks, of each queue by itself.
#[test]
fn a_broker_is_killed_with_messages_without_ids_in_both_queues() {
    const ROUNDS: usize = 3;
    let broker = Broker::own();
    broker.start();
    let (scenario, more) = two_queues("several-crash", &broker, 4);
    let event_of = |round: usize| OTHER + i64::try_from(round).unwrap();
    for round in 1..=ROUNDS {
        scenario.seed(event_of(round), 4);
    }
    assert_eq!(scenario.queue.depth() + more.depth(), 0, "and now they are declared");
    broker.restart();
    let worker = scenario.worker();
    for round in 1..=ROUNDS {
        wait_until("both to be consumed", || scenario.queue.consumers() == 1 && more.consumers() == 1);
        // Finished and acked right before the crash: the broker may have forgotten that.
        scenario.queue.publish("UPDATED", EVENT, None);
        more.publish("UPDATED", EVENT, None);
        wait_until("both to be completed", || scenario.ledger.completed() == 5 * round - 3);
        scenario.smtp.gate().close_after(Point::BeforeReply, 1);
        for queue in [&scenario.queue, &more, &more] {
            queue.publish("CREATED", event_of(round), None);
        }
        scenario.wait_until_held(1);
        broker.kill();
        scenario.smtp.gate().open();
        broker.start();
        wait_until("all to be completed", || scenario.ledger.completed() == 5 * round);
        wait_until("all to be acked", || scenario.queue.messages() + more.messages() == 0);
    }
    let ended = worker.stop();
    scenario.check_redacted(&ended.err);
    scenario.check_completed_except_acks();
    assert_eq!(scenario.ledger.notifications().len(), 5 * ROUNDS, "each message has one of its own");
    assert_eq!(scenario.smtp.delivered_ids().len(), 5 * ROUNDS * 4, "nobody is left out");
    assert_eq!(scenario.duplicates(), 0);
}
