//! A dead-letter queue that cannot be used: the worker refuses to start; later it processes other messages, says how many
//! are held, and stores them as soon as the queue works.

use std::time::Duration;

use amiquip::{Connection, QueueDeclareOptions};
use testkit::broker::Broker;
use testkit::closing::close;
use testkit::http::get_from_worker;
use testkit::process::Process;
use testkit::queue::{Queue, properties};
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::{wait_for, wait_until};

/// Declares a queue for this connection alone, in place of the one that there is. The broker deletes it with the connection.
fn lock(queue: &Queue, name: &str) -> Connection {
    queue.delete(name);
    let mut connection = queue.broker.connect();
    let options = QueueDeclareOptions { durable: true, exclusive: true, ..QueueDeclareOptions::default() };
    connection.open_channel(None).unwrap().queue_declare(name, options).unwrap();
    connection
}

/// Publishes messages that are no notifications.
fn publish_poison(queue: &Queue, numbers: std::ops::Range<usize>) {
    let poison: Vec<_> =
        numbers.map(|n| (format!("poison {n}").into_bytes(), properties(Some(&format!("p-{n}"))))).collect();
    queue.publish_all(&poison);
}

fn wait_for_health(worker: &Process, text: &str) {
    wait_until(&format!("/healthz to say {text:?}"), || get_from_worker(worker, "/healthz").contains(text));
}

/// The worker names the queue, the broker's reason and the cure, and `check` says the same.
#[track_caller]
fn refuses_to_start(scenario: &Scenario, texts: &[&str]) {
    let ended = scenario.worker().wait_within(Duration::from_secs(30));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    let checked = scenario.run(&["check"]);
    let broker = checked.out.lines().find(|line| line.starts_with("broker")).unwrap();
    assert!(broker.contains("FAILED"), "{broker}");
    for text in texts {
        assert!(ended.err.contains(text), "{text}: {}", ended.err);
        assert!(broker.contains(text), "{text}: {broker}");
    }
    scenario.check_redacted(&ended.err);
}

#[test]
fn the_worker_refuses_to_start_when_a_queue_is_unusable() {
    let scenario = Scenario::with_relay("refused-queue", 1).build();
    let queue = &scenario.queue;
    assert_eq!((queue.depth(), queue.dead_depth()), (0, 0), "and now they are declared");
    for name in [queue.dead_name(), queue.name.clone()] {
        let connection = lock(queue, &name);
        refuses_to_start(
            &scenario,
            &[&name, "belongs to another connection", "stop the program", "LAVINMQ_QUEUE"],
        );
        close(connection);
    }
    // And a worker starts when no other connection has them.
    let worker = scenario.worker();
    worker.wait_for_log("taking messages from");
    scenario.stop_and_check(worker);
}

/// A user who may create only queues that match `configure`, and publish to exchanges that match `write`.
fn allow(broker: &Broker, user: &str, configure: &str, write: &str) {
    broker.ctl(&["set_permissions", user, configure, write, ".*"]);
}

#[test]
fn permissions_are_missing_at_the_start_and_taken_away_later() {
    let broker = Broker::own();
    broker.start();
    broker.ctl(&["add_user", "limited", "limited-password"]);
    let scenario = Scenario::with_relay("permissions", 2)
        .broker(&broker)
        .env("LAVINMQ_USERNAME", "limited")
        .env("LAVINMQ_PASSWORD", "limited-password")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .build();
    let queue = &scenario.queue;
    let without_dead_letters = format!("^{}$", queue.name);
    allow(&broker, "limited", &without_dead_letters, ".*");
    let ended = scenario.worker().wait_within(Duration::from_secs(30));
    assert_eq!(ended.code, Some(2), "{ended:?}");
    for text in [&queue.dead_name(), "ACCESS_REFUSED", "rabbitmqctl set_permissions"] {
        assert!(ended.err.contains(text), "{text}: {}", ended.err);
    }
    scenario.check_redacted(&ended.err);

    allow(&broker, "limited", ".*", ".*");
    let worker = scenario.worker();
    worker.wait_for_log("taking messages from");
    allow(&broker, "limited", &without_dead_letters, ".*");
    queue.delete(&queue.dead_name());
    publish_poison(queue, 0..2);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    wait_for_health(&worker, "2 messages cannot be kept in ");
    assert!(get_from_worker(&worker, "/healthz").contains("ACCESS_REFUSED"));

    // A session begins all the same.
    broker.ctl(&["close_all_connections", "a test"]);
    wait_until("another session", || worker.log().matches("taking messages from").count() == 2);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    allow(&broker, "limited", ".*", ".*");
    wait_until("the dead letters", || queue.dead_depth() == 2);
    worker.wait_for_log("dead letters can be kept in");
    wait_for_health(&worker, "200 OK");

    // A channel remembers that it may publish.
    broker.ctl(&["close_all_connections", "a test"]);
    allow(&broker, "limited", ".*", "^$");
    publish_poison(queue, 2..3);
    wait_for_health(&worker, "permission write on amq.default");
    assert!(get_from_worker(&worker, "/healthz").contains("1 message cannot be kept in "));
    allow(&broker, "limited", ".*", ".*");
    wait_until("the dead letters", || queue.dead_depth() == 3);
    wait_for_health(&worker, "200 OK");
    for letter in queue.take_dead_letters() {
        assert!(
            letter.properties.content_type().is_some(),
            "a missing permission is not the message's fault"
        );
    }
    scenario.stop_and_check(worker);
}

#[test]
fn good_messages_pass_while_the_queue_is_locked_and_the_others_are_kept_once_it_is_not() {
    let scenario =
        Scenario::with_relay("locked", 4).env("PREFETCH", "4").env("HTTP_ADDR", "127.0.0.1:0").build();
    let queue = &scenario.queue;
    let worker = scenario.worker();
    worker.wait_for_log("taking messages from");
    let program = lock(queue, &queue.dead_name());
    publish_poison(queue, 0..3);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!(scenario.smtp.accepted(), 4);
    let dead = queue.dead_name();
    wait_for_health(&worker, &format!("3 messages cannot be kept in {dead} and hold 3 of 4 PREFETCH places"));
    assert!(get_from_worker(&worker, "/healthz").contains("belongs to another connection"));
    publish_poison(queue, 3..9);
    wait_for_health(&worker, "hold all 4 PREFETCH places, no other message is processed");
    let told = |worker: &Process| worker.log().matches(" cannot be kept in ").count();
    // 1, 2 or 3 held, then all 4.
    assert!((2..=4).contains(&told(&worker)), "{}", worker.log());

    program.close().unwrap();
    wait_until("the dead letters", || queue.dead_depth() == 9);
    worker.wait_for_log(&format!("dead letters can be kept in {dead} again"));
    wait_for_health(&worker, "200 OK");
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (8, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn a_full_queue_that_refuses_messages_is_told_and_recovers() {
    let broker = Broker::own();
    broker.start();
    let scenario = Scenario::with_relay("full", 3).broker(&broker).env("HTTP_ADDR", "127.0.0.1:0").build();
    let queue = &scenario.queue;
    let pattern = format!("^{}$", queue.dead_name().replace('.', "[.]"));
    let policy = r#"{"max-length":1,"overflow":"reject-publish"}"#;
    broker.ctl(&["set_policy", "full", &pattern, policy, "--apply-to", "queues"]);
    let worker = scenario.worker();
    worker.wait_for_log("taking messages from");
    publish_poison(queue, 0..3);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    wait_for_health(&worker, "2 messages cannot be kept in ");
    assert!(get_from_worker(&worker, "/healthz").contains("has reached its length limit"));
    broker.ctl(&["clear_policy", "full"]);
    wait_until("the dead letters", || queue.dead_depth() == 3);
    wait_for_health(&worker, "200 OK");
    scenario.stop_and_check(worker);
}

#[test]
fn a_queue_that_is_deleted_is_declared_again_without_a_warning() {
    let scenario = Scenario::with_relay("deleted-dead", 1).build();
    let queue = &scenario.queue;
    let worker = scenario.worker();
    for n in 0..3 {
        publish_poison(queue, n..n + 1);
        wait_for("the dead letter", Duration::from_secs(10), || {
            worker.log().contains(&format!("(message id p-{n})")).then_some(())
        });
        queue.delete(&queue.dead_name());
    }
    assert!(!worker.log().contains("cannot be kept"), "{}", worker.log());
    queue.publish("UPDATED", EVENT, Some("good"));
    scenario.wait_for_acks(1);
    scenario.stop_and_check(worker);
}
