//! Replies while the broker is away, takes no messages, or gives no second connection: no notification waits for them for long.

use std::time::Duration;

use testkit::broker::Broker;
use testkit::metrics::metric;
use testkit::smtp::gate::Point;
use testkit::subscriber::{Received, Subscriber};
use testkit::wait::{wait_for, wait_until};

use super::{answers, ask, numbers, scenario};

/// The broker is killed while a fan-out runs, and restarted: the message comes again with the new session and is answered.
#[test]
fn requests_are_answered_after_a_restart_of_the_broker() {
    let broker = Broker::own();
    broker.start();
    let scenario = scenario("replies-restart", 6).broker(&broker).connections(2).build();
    let subscriber = Subscriber::new(&broker);
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    broker.restart();
    let worker = scenario.worker();
    ask(&scenario, &subscriber, "0");
    answers(&subscriber.next(), "0");
    scenario.smtp.gate().close_after(Point::BeforeReply, 2);
    ask(&scenario, &subscriber, "1");
    scenario.wait_until_held(2);
    broker.kill();
    worker.wait_for_log("cannot take messages any more");
    scenario.smtp.gate().open();
    wait_until("the notification to be completed", || scenario.ledger.completed() == 2);
    broker.start();
    // A broker that was killed may have forgotten that the first reply was taken.
    let is_second = |reply: &Received| reply.properties.correlation_id().as_deref() == Some("request-1");
    let reply = wait_for("the reply", Duration::from_secs(120), || subscriber.try_next().filter(is_second));
    answers(&reply, "1");
    assert_eq!(numbers(&reply.body), [6, 6, 0, 0, 0]);
    wait_until("the acks", || scenario.queue.messages() == 0);
    assert_eq!(scenario.duplicates(), 0);
    let ended = worker.stop();
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// A worker that stops meanwhile leaves the answer to the next one.
#[test]
fn a_worker_that_stops_before_it_could_answer_leaves_that_to_the_next_one() {
    let broker = Broker::own();
    broker.start();
    let scenario = scenario("replies-stop", 2).broker(&broker).build();
    let subscriber = Subscriber::new(&broker);
    ask(&scenario, &subscriber, "1");
    broker.ctl(&["set_vm_memory_high_watermark", "0.000001"]);
    let worker = scenario.worker();
    worker.wait_for_log("completed: 2 sent");
    let ended = worker.stop();
    assert_eq!((ended.code, scenario.queue.messages()), (Some(0), 1), "{ended:?}");
    broker.ctl(&["set_vm_memory_high_watermark", "0.6"]);
    let worker = scenario.worker();
    answers(&subscriber.next(), "1");
    scenario.wait_for_acks(1);
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

/// A broker that gives this worker no second connection.
#[test]
fn a_connection_that_cannot_be_opened_holds_up_no_notification() {
    let broker = Broker::own();
    broker.start();
    broker.ctl(&["add_user", "lonely", "limited-password"]);
    broker.ctl(&["set_permissions", "lonely", ".*", ".*", ".*"]);
    broker.ctl(&["set_user_limits", "lonely", r#"{"max-connections": 1}"#]);
    let scenario = scenario("replies-limit", 2)
        .broker(&broker)
        .env("LAVINMQ_USERNAME", "lonely")
        .env("LAVINMQ_PASSWORD", "limited-password")
        .build();
    let subscriber = Subscriber::new(&broker);
    let worker = scenario.worker();
    ask(&scenario, &subscriber, "1");
    wait_for("the ack", Duration::from_secs(120), || {
        scenario.ledger.notifications().iter().any(|row| row.acked).then_some(())
    });
    assert_eq!(metric(&worker, "fanmail_replies_lost_total"), 1);
    worker.wait_for_log("cannot publish replies and events: ");
    scenario.stop_and_check(worker);
}

/// A broker with an alarm takes no messages: the message is acked unanswered after half a minute, so that the queue gets shorter.
#[test]
fn a_broker_that_takes_no_messages_holds_up_no_notification() {
    let broker = Broker::own();
    broker.start();
    let scenario = scenario("replies-alarm", 2).broker(&broker).env("PREFETCH", "1").build();
    let subscriber = Subscriber::new(&broker);
    for id in ["1", "2", "3"] {
        ask(&scenario, &subscriber, id);
    }
    broker.ctl(&["set_vm_memory_high_watermark", "0.000001"]);
    let worker = scenario.worker();
    wait_for("the acks", Duration::from_secs(120), || {
        let rows = scenario.ledger.notifications();
        (rows.iter().filter(|row| row.acked).count() == 3).then_some(())
    });
    assert_eq!(metric(&worker, "fanmail_replies_lost_total"), 3);
    worker.wait_for_log("cannot publish replies and events: the broker accepts no messages");
    broker.ctl(&["set_vm_memory_high_watermark", "0.6"]);
    ask(&scenario, &subscriber, "4");
    wait_until("a reply to the last one", || {
        let reply = subscriber.try_next();
        reply.is_some_and(|reply| reply.properties.correlation_id().as_deref() == Some("request-4"))
    });
    worker.wait_for_log("replies and events can be published again");
    scenario.stop_and_check(worker);
}
