//! Applications whose events have UUIDs as keys, or other texts.

use crate::systems::on_every_system;
use testkit::queue::properties;
use testkit::scenario::Scenario;
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 4;
const PEOPLE: usize = 100;
const BALL: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const TALK: &str = "0190f5d8-3c10-7e3a-9c55-2f3d1c0b7a11";

on_every_system!(killed_in_the_middle_with_a_uuid);

/// The tables of an application: [`PEOPLE`] take part in one event, and one person in another.
fn tables(key: &str) -> String {
    let people: Vec<String> = (1..=PEOPLE)
        .map(|n| format!("({n}, '{BALL}', 'p{n}@example.com', 'Ann', NULL)"))
        .chain([format!("({}, '{TALK}', 'other@example.com', 'Bob', NULL)", PEOPLE + 1)])
        .collect();
    format!(
        "CREATE TABLE events (id {key} PRIMARY KEY, title VARCHAR(99), description VARCHAR(99), location VARCHAR(99),
            starts_at TIMESTAMP NULL, ends_at TIMESTAMP NULL, timezone VARCHAR(99), url VARCHAR(99),
            updated_at TIMESTAMP NULL);
         CREATE TABLE participants (id BIGINT PRIMARY KEY, event_id {key}, email VARCHAR(99), name VARCHAR(99),
            locale VARCHAR(99));
         CREATE INDEX participants_by_event ON participants (event_id, id);
         INSERT INTO events (id, title) VALUES ('{BALL}', 'Ball'), ('{TALK}', 'Talk');
         INSERT INTO participants (id, event_id, email, name, locale) VALUES {}",
        people.join(", ")
    )
}

fn publish(scenario: &Scenario, event_id: &str, message_id: Option<&str>) {
    let body = format!(r#"{{"type":"UPDATED","event_id":{event_id}}}"#);
    scenario.queue.publish_raw(body.as_bytes(), properties(message_id));
}

/// The publisher writes the UUIDs in capitals, and the worker is killed while the relay holds a mail of each lane.
fn killed_in_the_middle_with_a_uuid(system: System) {
    let key = if matches!(system, System::Sqlite) { "TEXT" } else { "UUID" };
    let relay = Scenario::with_relay("text-keys", 0).database(system).connections(LANES);
    let scenario = relay.tables(tables(key)).build();
    let published = if key == "UUID" { BALL.to_uppercase() } else { BALL.to_owned() };
    scenario.smtp.gate().close_after(Point::BeforeReply, 30);
    publish(&scenario, &format!("{published:?}"), None);
    let worker = scenario.worker();
    scenario.wait_until_held(LANES);
    let log = worker.kill();
    scenario.check_redacted(&log);
    scenario.wait_until_held(0);
    scenario.smtp.gate().open();

    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!(scenario.smtp.delivered_ids().len(), PEOPLE, "a participant was skipped");
    assert!((1..=LANES).contains(&scenario.duplicates()), "{} duplicates", scenario.duplicates());
    assert_eq!(scenario.ledger.notifications().len(), 1, "a redelivery became another notification");

    let out = scenario.run_ok(&["publish", "--type", "CREATED", "--event", TALK]);
    assert!(out.contains(&format!("CREATED of event {TALK}")), "{out}");
    scenario.wait_for_acks(2);
    assert_eq!(scenario.smtp.delivered_ids().len(), PEOPLE + 1);

    for event_id in ["123", r#""ab-c""#, r#""""#, r#""a\u0000""#] {
        publish(&scenario, event_id, Some(event_id));
    }
    wait_until("the dead letters", || scenario.queue.dead_depth() == 4);
    let dead_letters = scenario.queue.take_dead_letters();
    let reason = |body: &str| {
        let of_body = dead_letters.iter().find(|dead| dead.body.ends_with(format!("{body}}}").as_bytes()));
        of_body.unwrap().reason()
    };
    for event_id in ["123", r#""ab-c""#] {
        let reason = reason(event_id);
        let expected = if key == "UUID" {
            "it is not a UUID, as the keys of events are"
        } else {
            "is not in the database"
        };
        assert!(reason.contains(expected), "{reason}");
    }
    assert!(reason(r#""""#).ends_with("it is empty"));
    assert!(reason(r#""a\u0000""#).ends_with("it contains a NUL character"));

    let of_event = scenario.run_ok(&["status", "--event", TALK, "--format", "json"]);
    assert!(of_event.contains(&format!(r#""event": "{TALK}""#)) && !of_event.contains(BALL), "{of_event}");
    if key == "UUID" {
        let of_event = scenario.run_ok(&["status", "--event", &TALK.to_uppercase(), "--format", "json"]);
        assert!(of_event.contains(TALK), "{of_event}");
    }
    let preview = scenario.run_ok(&["preview", "--type", "UPDATED", "--event", BALL]);
    assert!(preview.contains("Ball"), "{preview}");
    for verb in [&["seed", "--event", "7"][..], &["import", "--event", "7", "people.csv"]] {
        std::fs::write(scenario.path("people.csv"), "email\na@example.com\n").unwrap();
        let refused = scenario.run(verb);
        assert!(
            refused.code == Some(1) && refused.err.contains("the keys of your events are text"),
            "{refused:?}"
        );
    }
    worker.stop();
}
