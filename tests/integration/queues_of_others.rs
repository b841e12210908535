//! Queues that another program has declared in its own way, and users that may create none: the queues are used as they
//! are. What cannot be used is told with its cause and cure.

use std::time::Duration;

use amiquip::{AmqpValue, FieldTable, QueueDeclareOptions};
use testkit::broker::Broker;
use testkit::process::Exit;
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::wait_until;

/// A durable queue with arguments.
fn with(arguments: &[(&str, AmqpValue)]) -> QueueDeclareOptions {
    let arguments = arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    QueueDeclareOptions {
        durable: true,
        arguments: arguments.collect::<FieldTable>(),
        ..QueueDeclareOptions::default()
    }
}

fn text(value: &str) -> AmqpValue {
    AmqpValue::LongString(value.to_owned())
}

/// A worker processes a good message and a bad one, and all commands work.
fn works_with(scenario: &Scenario, mails: usize, is_quorum: bool) {
    let queue = &scenario.queue;
    let acks = scenario.ledger.notifications().len() + 2;
    scenario.run_ok(&["publish", "--type", "UPDATED", "--event", &EVENT.to_string()]);
    let checked = scenario.run_ok(&["check"]);
    assert!(checked.contains(&format!("{}.dead", queue.name)), "{checked}");
    let worker = scenario.worker();
    queue.publish("CREATED", EVENT, Some("with-an-id"));
    queue.publish_raw(b"poison", properties(Some("p-1")));
    scenario.wait_for_acks(acks);
    wait_until("the dead letter", || queue.dead_depth() == 1);
    // RabbitMQ 4.0 tells no number before the first return.
    scenario.run_ok(&["dead-letters", "list"]);
    let listed = scenario.run(&["dead-letters", "list"]);
    assert!(listed.code == Some(0) && listed.out.contains("poison"), "{listed:?}");
    assert_eq!(listed.err.contains("counts deliveries"), is_quorum, "{listed:?}");
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (mails, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn queues_with_other_properties_are_used_as_they_are() {
    for (index, options) in [
        with(&[
            ("x-message-ttl", AmqpValue::LongInt(600_000)),
            ("x-max-priority", AmqpValue::LongInt(5)),
            ("x-max-length", AmqpValue::LongInt(1000)),
            ("x-dead-letter-exchange", text("dlx")),
            ("x-single-active-consumer", AmqpValue::Boolean(true)),
        ]),
        with(&[("x-queue-type", text("quorum")), ("x-delivery-limit", AmqpValue::LongInt(20))]),
        // It is not durable.
        QueueDeclareOptions::default(),
    ]
    .into_iter()
    .enumerate()
    {
        let scenario = Scenario::with_relay(&format!("foreign-{index}"), 3).build();
        let queue = &scenario.queue;
        queue.declare_as(&queue.name, options.clone());
        let is_quorum = options.arguments.get("x-queue-type") == Some(&text("quorum"));
        queue.declare_as(&queue.dead_name(), options);
        works_with(&scenario, 6, is_quorum);
        let checked = scenario.run_ok(&["check"]);
        for name in [&queue.name, &queue.dead_name()] {
            let note = format!("another program has declared the queue {name} with properties of its own");
            assert!(checked.contains(&note) && checked.contains("inequivalent arg"), "{checked}");
        }
    }
}

/// The worker and `check` end with these texts.
#[track_caller]
fn refused(scenario: &Scenario, texts: &[&str]) {
    let ended = scenario.worker().wait_within(Duration::from_secs(30));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    scenario.check_says(&ended.err, texts);
    let checked = scenario.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let broker = checked.out.lines().find(|line| line.starts_with("broker")).unwrap();
    scenario.check_says(broker, texts);
}

#[test]
fn a_stream_is_refused_and_nothing_is_taken_from_it() {
    let scenario = Scenario::with_relay("stream", 1).build();
    let queue = &scenario.queue;
    // The broker names another argument first where it compares.
    let stream =
        with(&[("x-queue-type", text("stream")), ("x-max-length-bytes", AmqpValue::LongInt(1_000_000))]);
    queue.declare_as(&queue.name, stream.clone());
    let is_a_stream = [&queue.name, "is a stream", "publish to a classic or a quorum queue", "LAVINMQ_QUEUE"];
    refused(&scenario, &is_a_stream);
    assert_eq!(scenario.ledger.count("notifications"), 0);
    queue.delete(&queue.name);
    queue.delete(&queue.dead_name());
    queue.declare_as(&queue.dead_name(), stream);
    let listed = scenario.run(&["dead-letters", "list"]);
    assert_eq!(listed.code, Some(2), "{listed:?}");
    scenario.check_says(&listed.err, &[&queue.dead_name(), "is a stream"]);
}

/// What each permission is for, with a user that has no other.
#[test]
fn a_user_without_the_configure_permission_needs_existing_queues_only() {
    let broker = Broker::shared();
    let user = format!("reader-{}", std::process::id());
    broker.ctl(&["add_user", &user, "limited-password"]);
    let allow = |write: &str, read: &str| broker.ctl(&["set_permissions", &user, "^$", write, read]);
    let scenario = Scenario::with_relay("reader", 3)
        .env("LAVINMQ_USERNAME", &user)
        .env("LAVINMQ_PASSWORD", "limited-password")
        .build();
    let queue = &scenario.queue;
    let publish = |scenario: &Scenario| -> Exit {
        scenario.run(&["publish", "--type", "UPDATED", "--event", &EVENT.to_string()])
    };
    let missing = "does not exist, and the broker does not create it: ACCESS_REFUSED";

    allow("^amq[.]default$", ".*");
    let ended = scenario.worker().wait_within(Duration::from_secs(30));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    scenario
        .check_says(&ended.err, &[&queue.dead_name(), missing, "create it yourself", "permission configure"]);
    let ended = publish(&scenario);
    assert_ne!(ended.code, Some(0));
    scenario.check_says(&ended.err, &[&queue.name, missing]);

    queue.declare_as(&queue.dead_name(), with(&[]));
    let ended = scenario.worker().wait_within(Duration::from_secs(30));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    scenario.check_says(&ended.err, &[&format!("{:?} {missing}", queue.name)]);

    queue.declare_as(&queue.name, with(&[("x-message-ttl", AmqpValue::LongInt(600_000))]));
    allow("^amq[.]default$", "^$");
    refused(
        &scenario,
        &["the user may not read the queue", &queue.name, "ACCESS_REFUSED", "permission read"],
    );

    allow("^$", ".*");
    let no_publishing = ["may not publish to the queue", "ACCESS_REFUSED", "write on amq.default"];
    let checked = scenario.run(&["check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    scenario.check_says(&checked.out, &no_publishing);
    scenario.check_says(&checked.out, &[&queue.dead_name()]);
    let ended = publish(&scenario);
    assert_ne!(ended.code, Some(0));
    scenario.check_says(&ended.err, &no_publishing);

    allow("^amq[.]default$", ".*");
    works_with(&scenario, 6, false);
    broker.ctl(&["delete_user", &user]);
}

/// Quorum queues count deliveries, and a killed worker is one more of them.
#[test]
fn a_worker_of_a_quorum_queue_is_killed_and_everyone_is_mailed_once() {
    for (name, message_id) in [("quorum-id", Some("the-id")), ("quorum-nameless", None)] {
        let scenario = Scenario::with_relay(name, 12).connections(1).build();
        let queue = &scenario.queue;
        queue.declare_as(&queue.name, with(&[("x-queue-type", text("quorum"))]));
        scenario.worker_in_the_middle(1, 5, message_id).kill();
        scenario.wait_until_held(0);
        scenario.smtp.gate().open();
        for _ in 0..4 {
            wait_until("the message to be back", || queue.redeliver_all() == 1);
        }
        wait_until("the message to be back", || queue.depth() == 1);
        let worker = scenario.worker();
        scenario.wait_for_acks(1);
        worker.wait_for_log("a message was delivered 5 times before");
        assert_eq!(scenario.ledger.notifications().len(), 1, "the redelivered message is the same one");
        // The mail that was in flight may have been delivered.
        assert!(scenario.duplicates() <= 1, "{}", scenario.duplicates());
        assert_eq!(scenario.smtp.delivered_ids().len(), 12);
        scenario.stop_and_check(worker);
        assert_eq!(queue.messages(), 0);
    }
}
