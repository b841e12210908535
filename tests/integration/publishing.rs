//! `fanmail publish` in all its forms, with a real broker: what arrives, what is refused before anything is published, and what a dry run
//! says.

use amiquip::ExchangeType;
use serde_json::{Value, json};
use testkit::broker::Broker;
use testkit::exchange;
use testkit::scenario::{EVENT, Scenario};
use uuid::Uuid;

fn publish(scenario: &Scenario, words: &[&str]) -> String {
    scenario.run_ok(&[&["publish"], words].concat())
}

/// The reason on standard error of a command line that is refused.
fn refusal(scenario: &Scenario, words: &[&str]) -> String {
    let ended = scenario.run(&[&["publish"], words].concat());
    assert_eq!(ended.code, Some(2), "{words:?}: {ended:?}");
    ended.err
}

fn bodies(scenario: &Scenario) -> Vec<Value> {
    let messages = scenario.queue.take_messages();
    messages.iter().map(|message| serde_json::from_slice(&message.body).unwrap()).collect()
}

fn make_users(scenario: &Scenario) {
    scenario.ledger.execute(
        "CREATE TABLE users (id BIGINT PRIMARY KEY, email VARCHAR(200), name VARCHAR(200), locale VARCHAR(20));
         INSERT INTO users VALUES (7, 'ada@example.com', 'Ada', NULL), (8, NULL, 'Bob', NULL), (9, 'no address', NULL, 'tr')",
    );
}

#[test]
fn each_form_arrives_as_it_was_meant() {
    let scenario = Scenario::with_relay("publish-forms", 1).build();
    make_users(&scenario);
    publish(
        &scenario,
        &[
            "--type",
            "cancelled",
            "--event",
            "123",
            "--note",
            "Sorry",
            "--reason",
            "storm",
            "--metadata",
            r#"{"a":0.1}"#,
        ],
    );
    let published = publish(
        &scenario,
        &[
            "--notice",
            "Your car is ready.",
            "--users",
            "7,8",
            "--to",
            "Zoe <zoe@example.com>",
            "--to",
            "bob@example.com",
            "--title",
            "Pick-up",
            "--url",
            "https://example.com/3",
            "--priority",
            "high",
            "--notification-type",
            "CAR",
        ],
    );
    assert!(published.starts_with("published NOTICE to the queue "), "{published}");
    let file = scenario.path("batch.json");
    let batch = json!([{"recipient_user_id": 7, "message": "first"}, {"recipients": ["zoe@example.com"], "message": "second"}]);
    std::fs::write(&file, batch.to_string()).unwrap();
    publish(&scenario, &["--payload", &format!("@{}", file.display())]);
    let expected = [
        json!({"type": "CANCELLED", "event_id": 123, "note": "Sorry", "reason": "storm", "metadata": {"a": 0.1}}),
        json!({
            "message": "Your car is ready.", "recipient_user_ids": [7, 8], "title": "Pick-up", "url": "https://example.com/3",
            "recipients": [{"name": "Zoe", "email": "zoe@example.com"}, "bob@example.com"], "priority": "high",
            "notification_type": "CAR",
        }),
        batch,
    ];
    assert_eq!(bodies(&scenario), expected);
}

#[test]
fn what_is_wrong_is_told_before_anything_is_published() {
    let scenario = Scenario::with_relay("publish-refused", 1).build();
    make_users(&scenario);
    let notice = |more: &[&'static str]| [&["--notice", "x"][..], more].concat();
    let long = format!("[{}]", "1,".repeat(9_000) + "1");
    let large = format!(r#"{{"a":{long}}}"#);
    let ids = (0..10_001).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    for (words, told) in [
        (notice(&["--to", "ada"]), "the address has no @"),
        (
            notice(&["--users", "7,999,abc"]),
            "the table users has no user with the id 999, abc; nothing was published",
        ),
        (notice(&["--users", "7", "--metadata", "[]"]), "no object"),
        (notice(&["--users", "7", "--priority", "urgent"]), "expected one of high, medium, low"),
        (vec!["--notice", " ", "--users", "7"], "the text is empty"),
        (vec!["--notice", "x", "--users", &ids], "name 10001 people; a notice may have 10000 at most"),
        (vec!["--type", "UPDATED", "--event", "abc"], "no event can have the key abc"),
        (
            vec!["--type", "UPDATED", "--event", "7", "--metadata", &large],
            "would be a dead letter: the field \"metadata\"",
        ),
        (
            vec!["--payload", r#"{"student":7}"#],
            "A message of your own, of which a route makes a mail, needs --routing-key",
        ),
        (vec!["--payload", "{", "--routing-key", "a", "--exchange", "e"], "would be a dead letter"),
        (vec!["--payload", "{}", "--routing-key", "a"], "set AMQP_BINDINGS, or name one with --exchange"),
    ] {
        let error = refusal(&scenario, &words);
        assert!(error.contains(told), "{told}: {error}");
    }
    assert_eq!(scenario.queue.messages(), 0);
}

#[test]
fn a_routing_key_goes_to_the_exchange_that_takes_it() {
    let broker = Broker::shared();
    let [topic, other] = ["topic", "other"].map(|name| format!("{name}-{}", Uuid::now_v7().simple()));
    let scenario = Scenario::with_relay("publish-exchange", 1)
        .broker(&broker)
        .env("AMQP_BINDINGS", &format!("{topic}:student.*,{topic}:event.#"))
        .build();
    let about = ["--type", "UPDATED", "--event", "123", "--routing-key"];
    let missing = scenario.run(&[&["publish"], &about[..], &["event.updated"]].concat());
    assert!(missing.err.contains(&format!("the exchange \"{topic}\" does not exist")), "{missing:?}");
    let worker = scenario.worker();
    testkit::wait::wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    let published = publish(&scenario, &[&about[..], &["event.updated"]].concat());
    let told = format!(
        "published UPDATED of event 123 to the exchange {topic} with the routing key event.updated of "
    );
    assert!(published.starts_with(&told), "{published}");
    scenario.wait_for_acks(1);
    let error = refusal(&scenario, &[&about[..], &["course.created"]].concat());
    assert!(error.contains("nothing in AMQP_BINDINGS takes \"course.created\""), "{error}");
    exchange::declare(&broker, &other, ExchangeType::Topic);
    let unrouted = scenario.run(&[&["publish"], &about[..], &["a.b", "--exchange", &other]].concat());
    assert_eq!(unrouted.code, Some(1), "{unrouted:?}");
    assert!(unrouted.err.contains("has no queue for the routing key \"a.b\""), "{unrouted:?}");
    exchange::delete(&broker, &other);
    worker.stop();
}

#[test]
fn a_dry_run_counts_people_and_publishes_nothing() {
    let scenario =
        Scenario::with_relay("publish-dry", 5).env("AMQP_BINDINGS", "events.topic:student.*").build();
    make_users(&scenario);
    scenario.ledger.execute(
        "UPDATE participants SET email = NULL WHERE id = 1; UPDATE participants SET email = 'x' WHERE id = 2",
    );
    let dry = |words: &[&str]| publish(&scenario, &[words, &["--dry-run"]].concat());
    let event = EVENT.to_string();
    let said = dry(&["--type", "UPDATED", "--event", &event]);
    for told in [
        "UPDATED of event 123 would reach 3 of 5 people\n",
        "1 of them: there is no address\n",
        "1 of them: the address has no @\n",
        &format!("through the queue {} of the broker 127.0.0.1:", scenario.queue.name),
        "its body: {\"event_id\":123,\"type\":\"UPDATED\"}\n",
        "nothing was published\n",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let said = dry(&["--type", "UPDATED", "--event", "99"]);
    assert!(
        said.contains("would reach 0 of 0 people") && said.contains("event 99 is not in the database"),
        "{said}"
    );
    let said = dry(&["--notice", "x", "--users", "7,8,9", "--to", "zoe@example.com", "--outbox"]);
    assert!(
        said.contains("NOTICE would reach 2 of 4 people") && said.contains("through the outbox of "),
        "{said}"
    );
    let said = dry(&["--payload", "{}", "--routing-key", "student.created"]);
    assert!(
        said.contains("through the exchange events.topic with the routing key student.created of"),
        "{said}"
    );
    assert!(
        refusal(&scenario, &["--notice", "x", "--users", "99", "--dry-run"])
            .contains("no user with the id 99")
    );
    assert_eq!((scenario.queue.messages(), scenario.ledger.count("outbox")), (0, 0));
}

#[test]
fn the_outbox_takes_all_forms_without_a_broker() {
    let scenario = Scenario::with_relay("publish-outbox", 1).env("LAVINMQ_PORT", "1").build();
    let to_outbox = |words: &[&str]| publish(&scenario, &[words, &["--outbox"]].concat());
    let written = to_outbox(&[
        "--notice",
        "Now",
        "--to",
        "zoe@example.com",
        "--priority",
        "high",
        "--message-id",
        "n-1",
    ]);
    assert!(written.starts_with("wrote NOTICE to the outbox of "), "{written}");
    to_outbox(&["--payload", r#"{"student":7}"#, "--routing-key", "student.created"]);
    assert_eq!(
        scenario.ledger.count("outbox WHERE message_id = 'n-1' AND priority = 1 AND routing_key IS NULL"),
        1
    );
    assert_eq!(scenario.ledger.count("outbox WHERE priority = 0 AND routing_key = 'student.created'"), 1);
}
