//! What a person does with dead letters: replays them to where they came from, and purges them, beside a worker.

use std::sync::Arc;

use amiquip::{AmqpProperties, AmqpValue};
use serde_json::Value;
use testkit::process::Process;
use testkit::queue::{DeadLetter, Queue, properties, unusual_properties};
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::wait_until;

/// Without a lookup, the message of an event that is not there is a dead letter at once.
fn scenario(name: &str) -> Scenario {
    Scenario::with_relay(name, 3).env("EVENT_LOOKUP_GRACE", "0").build()
}

fn json(scenario: &Scenario, arguments: &[&str]) -> Value {
    let ended = scenario.run(&[&["dead-letters"], arguments, &["--format", "json"]].concat());
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{arguments:?}: {ended:?}"))
}

fn ids(scenario: &Scenario) -> Vec<String> {
    let list = json(scenario, &["list", "--limit", "1000"]);
    list.as_array().unwrap().iter().map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
}

fn about(event: i64) -> Vec<u8> {
    format!(r#"{{"type":"UPDATED","event_id":{event}}}"#).into_bytes()
}

fn bodies(letters: &[DeadLetter]) -> Vec<&[u8]> {
    letters.iter().map(|letter| letter.body.as_slice()).collect()
}

#[test]
fn what_can_be_repaired_is_replayed_and_the_rest_keeps_its_order() {
    let scenario = scenario("replay");
    let queue = &scenario.queue;
    let worker = scenario.worker();
    let large = vec![b'x'; 70_000];
    queue.publish_all(&[
        (b"poison".to_vec(), properties(Some("p-1"))),
        (about(7), properties(None)),
        (large.clone(), properties(None)),
        (about(8), unusual_properties()),
        (about(7), properties(None)),
        (b"\xff\xfe\x00".to_vec(), properties(None)),
    ]);
    wait_until("the dead letters", || queue.dead_depth() == 6);
    let groups = json(&scenario, &["list", "--by-reason"]);
    let missing = "event … is not in the database, and did not appear within … s";
    assert_eq!((&groups[0]["reason"], &groups[0]["count"]), (&Value::from(missing), &Value::from(3)));
    scenario.seed(7, 2);
    scenario.seed(8, 1);
    let before = ids(&scenario);
    let planned = json(&scenario, &["replay", "--reason", missing, "--dry-run"]);
    assert_eq!(planned["replayed"].as_array().unwrap().len(), 3);
    assert_eq!(ids(&scenario), before, "nothing has changed");

    let replayed = json(&scenario, &["replay", "--reason", missing]);
    assert_eq!(replayed["replayed"], planned["replayed"]);
    let replayed = replayed["replayed"].as_array().unwrap().clone();
    for letter in &replayed {
        let made = format!("dead-letter-{}", letter["id"].as_str().unwrap());
        assert!(letter["message_id"] == made.as_str() || letter["message_id"] == "odd-1", "{letter}");
    }
    wait_until("the mails of two equal messages without ids, and of another one", || {
        scenario.smtp.accepted() == 2 + 2 + 1
    });
    let is_left = |id: &&String| replayed.iter().all(|letter| letter["id"] != id.as_str());
    let left: Vec<String> = before.iter().filter(is_left).cloned().collect();
    assert_eq!((left.len(), &ids(&scenario)), (3, &left), "the others are in their order");
    let id = |body: &str| {
        let list = json(&scenario, &["list"]);
        let letter = list.as_array().unwrap().iter().find(|letter| letter["body"] == body).unwrap().clone();
        letter["id"].as_str().unwrap().to_owned()
    };
    let poison = id("poison");

    // What cannot be repaired is a dead letter again, and its replays are counted.
    let again = scenario.run_ok(&["dead-letters", "replay", &poison]);
    assert!(again.contains("replayed 1 dead letter") && again.contains("message id p-1"), "{again}");
    wait_until("the dead letter", || queue.dead_depth() == 3);
    let list = scenario.run_ok(&["dead-letters", "list"]);
    assert!(list.contains("replayed    1 time, last at "), "{list}");
    let unknown = scenario.run(&["dead-letters", "replay", &poison]);
    assert!(unknown.code == Some(1) && unknown.out.contains("no dead letter has the id"), "{unknown:?}");

    // Nobody can be asked here.
    let refused = scenario.run(&["dead-letters", "purge", "--all"]);
    assert!(refused.code == Some(2) && refused.err.contains("--yes"), "{refused:?}");
    let purged = scenario.run_ok(&["dead-letters", "purge", "--reason", "the body has", "--yes"]);
    assert!(purged.starts_with("purged 1 dead letter of "), "{purged}");
    assert_eq!(
        scenario.run_ok(&["dead-letters", "purge", "--older-than", "1h", "--yes"]),
        "no such dead letters\n"
    );
    let left = queue.take_dead_letters();
    assert_eq!(bodies(&left), [b"\xff\xfe\x00", b"poison" as &[u8]], "the replayed one is the last");
    assert_eq!(left[1].properties.message_id().as_deref(), Some("p-1"));
    worker.stop();
}

#[test]
fn a_message_about_an_event_that_was_cancelled_since_is_not_replayed() {
    let scenario = scenario("outdated");
    let queue = &scenario.queue;
    let worker = scenario.worker();
    queue.publish("UPDATED", 7, Some("u-1"));
    wait_until("the dead letter", || queue.dead_depth() == 1);
    scenario.seed(7, 2);
    queue.publish("CANCELLED", 7, Some("c-1"));
    wait_until("the cancellation", || scenario.smtp.accepted() == 2);
    let refused = scenario.run(&["dead-letters", "replay", "--all"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for told in ["kept 1 dead letter: event 7 was cancelled after this UPDATED (notification ", "--force"] {
        assert!(refused.out.contains(told), "{told}: {refused:?}");
    }
    assert_eq!(queue.dead_depth(), 1);
    scenario.run_ok(&["dead-letters", "replay", "--all", "--force"]);
    wait_until("the update", || scenario.smtp.accepted() == 2 + 2);
    assert_eq!(queue.dead_depth(), 0);
    worker.stop();
}

#[test]
fn a_stale_message_that_is_replayed_is_not_stale_again() {
    let scenario = Scenario::with_relay("stale-replay", 2).env("STALE_AFTER", "1h").build();
    let queue = &scenario.queue;
    let worker = scenario.worker();
    let body = format!(r#"{{"type":"UPDATED","event_id":{EVENT}}}"#);
    queue.publish_raw(body.as_bytes(), properties(Some("old")).with_timestamp(1_790_000_000));
    wait_until("the dead letter", || queue.dead_depth() == 1);
    let shown = scenario.run_ok(&["dead-letters", "show", &ids(&scenario)[0]]);
    assert!(
        shown.contains("it is stale: ") && shown.contains("STALE_AFTER counts from the replay on"),
        "{shown}"
    );
    scenario.run_ok(&["dead-letters", "replay", "--reason", "it is stale"]);
    scenario.wait_for_acks(1);
    assert_eq!((queue.dead_depth(), scenario.smtp.accepted()), (0, 2));
    scenario.stop_and_check(worker);
}

/// As an earlier version has stored them: without ids, and times to the second.
#[test]
fn dead_letters_of_earlier_versions_and_of_the_broker_are_replayed() {
    let scenario = scenario("old-letters");
    let queue = &scenario.queue;
    assert_eq!(queue.dead_depth(), 0, "and now it is declared");
    let dead = Queue::new(Arc::clone(&queue.broker), queue.dead_name());
    let text = |text: &str| AmqpValue::LongString(text.to_owned());
    let with = |message_id: Option<&str>, headers: Vec<(&str, AmqpValue)>| {
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        properties(message_id).with_headers(headers)
    };
    let old = |message_id| {
        with(
            message_id,
            vec![
                ("x-dead-reason", text("event 7 is not in the database")),
                ("x-dead-at", text("2026-01-02T12:00:00Z")),
                ("x-original-queue", text(&queue.name)),
            ],
        )
    };
    let moved = [
        ("count".to_owned(), AmqpValue::LongLongInt(1)),
        ("reason".to_owned(), text("expired")),
        ("queue".to_owned(), text(&queue.name)),
        ("exchange".to_owned(), text("")),
        ("routing-keys".to_owned(), AmqpValue::FieldArray(vec![text(&queue.name)])),
    ];
    let moved = AmqpValue::FieldArray(vec![AmqpValue::FieldTable(moved.into_iter().collect())]);
    let expired = with(Some("e-1"), vec![("x-death", moved)]);
    let plain = AmqpProperties::default();
    dead.publish_all(&[
        (about(7), old(Some("m-1"))),
        (about(7), old(None)),
        (about(7), expired),
        (about(7), plain),
    ]);
    scenario.seed(7, 1);
    let list = json(&scenario, &["list"]);
    let reasons: Vec<&str> =
        list.as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap_or("")).collect();
    let by_broker = format!("the broker moved it here from the queue {:?}: it has expired", queue.name);
    let missing = "event 7 is not in the database";
    assert_eq!(reasons, [missing, missing, &by_broker, ""]);
    assert_eq!(ids(&scenario), ids(&scenario), "they stay the same");
    let shown = scenario.run_ok(&["dead-letters", "show", &ids(&scenario)[3]]);
    assert!(shown.contains("no reason is given") && shown.contains("\"event_id\": 7"), "{shown}");
    // Two commands at once, and a worker.
    let worker = scenario.worker();
    worker.wait_for_log("taking messages from");
    let commands = [(); 2].map(|()| scenario.start(&["dead-letters", "replay", "--all"]));
    for command in commands {
        assert_eq!(command.wait().code, Some(0));
    }
    wait_until("the dead letters", || queue.dead_depth() == 0);
    scenario.wait_for_acks(4);
    assert_eq!(scenario.smtp.accepted(), 4);
    worker.stop();
}

#[test]
fn what_cannot_be_published_stays_in_its_order() {
    let scenario = scenario("not-replayed");
    let queue = &scenario.queue;
    queue.broker.ctl(&["add_user", "reader", "reader-password"]);
    queue.broker.ctl(&["set_permissions", "reader", "^$", "^$", ".*"]);
    let worker = scenario.worker();
    let poison: Vec<_> = (0..5).map(|n| (format!("poison {n}").into_bytes(), properties(None))).collect();
    queue.publish_all(&poison);
    wait_until("the dead letters", || queue.dead_depth() == 5);
    worker.stop();
    let before = ids(&scenario);
    queue.delete(&queue.name);
    let missing = scenario.run(&["dead-letters", "replay", "--all"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
    assert!(
        missing.out.contains("kept 5 dead letters: the queue ")
            && missing.out.contains("does not exist any more"),
        "{missing:?}"
    );
    assert_eq!(ids(&scenario), before);

    let mut environment = scenario.environment.clone();
    for (name, value) in [("LAVINMQ_USERNAME", "reader"), ("LAVINMQ_PASSWORD", "reader-password")] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    let run = |arguments: &[&str]| Process::start(scenario.dir.path(), &environment, arguments).wait();
    let listed = run(&["dead-letters", "list", "--by-reason"]);
    assert!(listed.code == Some(0) && listed.out.contains("not JSON"), "{listed:?}");
    let refused = run(&["dead-letters", "replay", &before[2]]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.err.contains("permission write on amq.default"), "{refused:?}");
    assert_eq!(ids(&scenario), before);
}
