//! The publishers of `examples/`, each as a service would use it, with a real broker and a worker: what returned `True` is mailed,
//! whatever happens to the broker, and no call takes longer than its timeout.

mod driver;

use std::time::Duration;

use serde_json::{Value, json};

use driver::{Driver, Publisher};
use testkit::broker::Broker;
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::{wait_for, wait_until};

/// A timeout that is longer than the start of a broker on a busy machine, in seconds.
const LONG: u32 = 120;
/// How much longer than its timeout a call may take on a busy machine, in seconds.
const BUSY: f64 = 5.0;

/// The queue is not there before: the publisher makes it as fanmail does. The id that the caller gives is that of the notification.
#[test]
fn an_event_is_published_once_for_each_message_id() {
    for publisher in Publisher::ALL {
        let scenario = Scenario::with_relay("publishers", 3).env("REQUIRE_MESSAGE_ID", "True").build();
        let mut driver = Driver::start(publisher, &scenario.queue.broker, &scenario.queue.name);
        let event = json!({"type": "UPDATED", "event_id": EVENT, "message_id": "m-1"});
        for _ in 0..2 {
            let answer = driver.call("publish_event", &event);
            assert_eq!(answer.result, true, "{publisher:?}: {}", driver.log());
        }
        let answer = driver.call("publish_event", &json!({"type": "CREATED", "event_id": EVENT}));
        assert_eq!(answer.result, true, "{}", driver.log());
        let worker = scenario.worker();
        scenario.wait_for_acks(2);
        wait_until("the copy", || scenario.queue.messages() == 0);
        let keys: Vec<_> = scenario.ledger.notifications().into_iter().map(|row| row.message_key).collect();
        assert_eq!((keys.len(), keys[0].as_deref()), (2, Some("m-1")), "{publisher:?}");
        assert_eq!((scenario.smtp.accepted(), scenario.queue.dead_depth()), (6, 0));
        worker.stop();
    }
}

/// What cannot be published is told at once, and is no exception.
#[test]
fn what_cannot_be_published_is_false() {
    let broker = Broker::shared();
    for publisher in Publisher::ALL {
        let mut driver = Driver::start(publisher, &broker, "publishers-refused");
        let large = json!({"type": "UPDATED", "event_id": EVENT, "note": "x".repeat(70_000)});
        let answer = driver.call("publish_event", &large);
        assert_eq!(answer.result, false, "{publisher:?}");
        assert!(driver.log().contains("at most 65536"), "{publisher:?}: {}", driver.log());
        assert!(answer.seconds < BUSY, "{publisher:?}: {answer:?}");
    }
}

/// A typing error leaves no call without a deadline, and is no exception.
#[test]
fn a_timeout_that_is_no_positive_number_is_told_and_not_used() {
    let scenario = Scenario::with_relay("publishers-timeout", 0).build();
    for publisher in Publisher::ALL {
        for timeout in ["ten", "0", "-3", "Infinity"] {
            let set = [("RABBITMQ_TIMEOUT", timeout)];
            let mut driver =
                Driver::start_with(publisher, &scenario.queue.broker, &scenario.queue.name, &set);
            let answer = driver.call("publish_event", &json!({"type": "UPDATED", "event_id": EVENT}));
            assert_eq!(answer.result, true, "{publisher:?} {timeout}: {}", driver.log());
            let told = "which is no positive number; 10 seconds are used";
            assert!(driver.log().contains(told), "{publisher:?} {timeout}: {}", driver.log());
        }
    }
    assert_eq!(scenario.queue.depth(), 12);
}

/// A web application: several threads or tasks use one publisher, and workers are forked after the first message.
#[test]
fn many_calls_at_the_same_time_share_a_publisher() {
    let scenario = Scenario::with_relay("publishers-many", 1).build();
    let many = |publisher, sorts: &[(&str, usize)]| {
        let mut driver = Driver::start(publisher, &scenario.queue.broker, &scenario.queue.name);
        for (sort, calls) in sorts {
            let event = json!({"type": "UPDATED", "event_id": EVENT});
            driver.begin(&json!({*sort: 8, "function": "publish_event", "arguments": event}));
            assert_eq!(driver.end().result, json!(vec![true; *calls]), "{sort}: {}", driver.log());
        }
    };
    many(Publisher::Pika, &[("threads", 8), ("forks", 9), ("threads", 8)]);
    many(Publisher::AioPika, &[("tasks", 8), ("tasks", 8)]);
    many(Publisher::Node, &[("tasks", 8), ("tasks", 8)]);
    assert_eq!(scenario.queue.depth(), 57);
    let worker = scenario.worker();
    scenario.wait_for_acks(57);
    worker.stop();
}

/// Each function that a service calls, with the users of the application's table.
#[test]
fn notices_reach_the_users_whom_they_name() {
    for publisher in Publisher::ALL {
        let scenario = Scenario::with_relay("publishers-notices", 0).build();
        scenario.ledger.execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, name TEXT, locale TEXT);
             INSERT INTO users VALUES (1, 'a@example.com', 'A', NULL), (2, 'b@example.com', 'B', NULL)",
        );
        let mut driver = Driver::start(publisher, &scenario.queue.broker, &scenario.queue.name);
        let mut call = |function, arguments, expected: Value| {
            let answer = driver.call(function, &arguments);
            assert_eq!(answer.result, expected, "{publisher:?} {function}: {}", driver.log());
        };
        let notice = |user: u32, message: &str| json!({"recipient_user_id": user, "message": message});
        let details = json!({"service": "Oil change", "date": "2026-12-01", "time": "10:00"});
        let one = json!({
            "recipient_user_id": 1, "message": "It is here", "title": "Your parcel", "priority": "high",
            "notification_type": "PARCEL", "metadata": {"shelf": 7}
        });
        call("publish_notification", one, json!(true));
        let many = json!({"notifications": [notice(1, "First"), notice(2, "Second")]});
        call("publish_bulk_notifications", many, json!(2));
        let appointment = json!({"user_id": 1, "appointment_details": details});
        call("notify_appointment_created", appointment, json!(true));
        let vehicle = json!({"user_id": 2, "vehicle_id": "V-1", "new_status": "ready"});
        call("notify_vehicle_status_changed", vehicle, json!(true));
        call("notify_system_alert", json!({"user_ids": [1, 2], "message": "Closed on Friday"}), json!(2));

        let worker = scenario.worker();
        scenario.wait_for_acks(7);
        assert_eq!((scenario.smtp.accepted(), scenario.queue.dead_depth()), (7, 0), "{publisher:?}");
        let mut mails: Vec<_> =
            scenario.smtp.log().received.iter().map(|mail| mail.recipient.clone()).collect();
        mails.sort();
        assert_eq!(mails, [["a@example.com"; 4].as_slice(), &["b@example.com"; 3]].concat());
        let subjects: Vec<_> =
            scenario.smtp.log().received.iter().map(|mail| mail.header("Subject")).collect();
        for title in ["Your parcel", "Appointment confirmed", "Vehicle status", "System alert"] {
            assert!(subjects.iter().any(|subject| subject.contains(title)), "{title}: {subjects:?}");
        }
        worker.stop();
    }
}

#[test]
fn the_publisher_for_node_has_types() {
    assert_eq!(driver::wrong_types(), "");
}

/// Each sort of trouble is there when a call begins. One with little time is told so in time, one with much waits for the broker.
#[test]
fn what_was_confirmed_is_mailed_whatever_happens_to_the_broker() {
    let broker = Broker::own();
    broker.start();
    let scenario = Scenario::with_relay("publishers-restarts", 2).broker(&broker).build();
    let mut drivers = Publisher::ALL.map(|publisher| Driver::start(publisher, &broker, &scenario.queue.name));
    let worker = scenario.worker();
    let mut confirmed = Vec::new();
    let mut round = |name: &str, timeout: u32, meanwhile: &dyn Fn()| {
        for (number, driver) in drivers.iter_mut().enumerate() {
            let id = format!("{name}-{number}");
            let arguments =
                json!({"type": "UPDATED", "event_id": EVENT, "message_id": id, "timeout": timeout});
            driver.begin(&json!({"function": "publish_event", "arguments": arguments}));
        }
        meanwhile();
        let mut results = Vec::new();
        for (number, driver) in drivers.iter().enumerate() {
            let answer = driver.end();
            assert!(answer.seconds < f64::from(timeout) + BUSY, "{name}: {answer:?}\n{}", driver.log());
            if answer.result == true {
                confirmed.push(format!("{name}-{number}"));
            }
            results.push(answer.result == true);
        }
        results
    };
    let all = |result: bool| vec![result; Publisher::ALL.len()];
    assert_eq!(round("before", LONG, &|| ()), all(true));

    broker.stop();
    assert_eq!(round("stopped", 1, &|| ()), all(false));
    assert_eq!(round("restarted", LONG, &|| broker.start()), all(true));

    broker.kill();
    assert_eq!(round("killed", 1, &|| ()), all(false));
    assert_eq!(round("started-again", LONG, &|| broker.start()), all(true));

    broker.freeze();
    assert_eq!(round("frozen", 2, &|| ()), all(false));
    assert_eq!(round("thawed", LONG, &|| broker.thaw()), all(true));
    assert_eq!(round("after", LONG, &|| ()), all(true));

    // What was not confirmed may have arrived all the same: in the sockets of the frozen broker, for one.
    wait_for("the confirmed messages", Duration::from_secs(60), || {
        let rows = scenario.ledger.notifications();
        let done = |id: &String| rows.iter().any(|row| row.completed && row.message_key.as_ref() == Some(id));
        confirmed.iter().all(done).then_some(())
    });
    worker.stop();
    assert!(scenario.smtp.accepted() >= 2 * confirmed.len());
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (scenario.ledger.outcomes("sent"), 0));
}
