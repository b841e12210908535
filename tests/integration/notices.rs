//! Notices: messages that name their recipients and are about no event.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::systems::on_every_system;
use testkit::queue::{DeadLetter, properties};
use testkit::scenario::Scenario;
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 4;

on_every_system!(
    users_and_addresses_get_a_notice
    each_recipient_of_a_batch_gets_its_own_text
    a_worker_is_killed_in_the_middle_of_a_notice_without_an_id
);

fn publish(scenario: &Scenario, body: &Value, message_id: Option<&str>) {
    scenario.queue.publish_raw(body.to_string().as_bytes(), properties(message_id));
}

fn make_users(scenario: &Scenario) {
    scenario.ledger.execute(
        "CREATE TABLE users (id BIGINT PRIMARY KEY, email VARCHAR(200), name VARCHAR(200), locale VARCHAR(20));
         INSERT INTO users VALUES (7, 'ada@example.com', 'Ada', NULL), (8, NULL, 'Bob', NULL), (9, 'cem@example.com', NULL, 'tr')",
    );
}

/// To whom the mails went that the relay took, with the subject and the text.
fn mails(scenario: &Scenario) -> Vec<(String, String, String)> {
    let mut mails: Vec<_> = scenario.smtp.read_log(|log| {
        let text = |raw: &[u8]| String::from_utf8_lossy(raw).replace("\r\n", "\n");
        log.received.iter().map(|mail| (mail.header("To"), mail.header("Subject"), text(&mail.raw))).collect()
    });
    mails.sort();
    mails
}

fn users_and_addresses_get_a_notice(system: System) {
    let scenario = Scenario::with_relay("notice", 1).database(system).build();
    make_users(&scenario);
    let worker = scenario.worker();
    publish(
        &scenario,
        &json!({
            "recipient_user_ids": [7, 8, 999, "abc"], "title": "Your car is ready", "priority": "high",
            "recipients": [{"email": "zoe@example.com", "name": "Zoe"}, {"email": "no address"}, {"name": "Nobody"}],
            "message": "Pick it up until 18:00.\nBring the keys.", "url": "https://example.com/cars/3",
        }),
        Some("n-1"),
    );
    scenario.wait_for_acks(1);
    let mails = mails(&scenario);
    let to: Vec<&str> = mails.iter().map(|(to, ..)| to.as_str()).collect();
    assert_eq!(to, ["Ada <ada@example.com>", "Zoe <zoe@example.com>"]);
    for (_, subject, text) in &mails {
        assert_eq!(subject, "Your car is ready");
        let expected =
            "Pick it up until 18:00.\nBring the keys.\n\nMore about it:\nhttps://example.com/cars/3\n";
        assert!(text.contains(expected), "{text}");
    }
    let of = |status: &str| scenario.ledger.outcomes(status);
    assert_eq!((of("sent"), of("failed"), of("skipped")), (2, 1, 4));
    let absent = scenario.ledger.count("deliveries WHERE detail = 'no such user'");
    assert_eq!(absent, 2);
    let line = &scenario.status()[0];
    assert_eq!(
        (&line["type"], &line["event"], &line["participants"]),
        (&json!("NOTICE"), &json!(null), &json!(7))
    );
    worker.stop();
}

fn each_recipient_of_a_batch_gets_its_own_text(system: System) {
    let scenario = Scenario::with_relay("notice-batch", 1).database(system).build();
    make_users(&scenario);
    let worker = scenario.worker();
    publish(
        &scenario,
        &json!([
            {"recipient_user_id": 7, "message": "first"},
            {"recipient_user_ids": [7, 9], "message": "second", "title": "Again"},
        ]),
        None,
    );
    scenario.wait_for_acks(1);
    let mails: Vec<(String, String)> =
        mails(&scenario).into_iter().map(|(to, subject, _)| (to, subject)).collect();
    let expected = [
        ("Ada <ada@example.com>", "Again"),
        ("Ada <ada@example.com>", "first"),
        ("cem@example.com", "Again"),
    ];
    assert_eq!(mails, expected.map(|(to, subject)| (to.to_owned(), subject.to_owned())));
    worker.stop();
}

/// Nobody is skipped, and nobody gets two but for the mails in flight.
fn a_worker_is_killed_in_the_middle_of_a_notice_without_an_id(system: System) {
    let scenario = Scenario::with_relay("notice-killed", 1).database(system).connections(LANES).build();
    let recipients: Vec<String> = (0..300).map(|number| format!("{number}@example.com")).collect();
    let body = json!({"recipients": recipients, "message": "Hello"});
    for _ in 0..2 {
        publish(&scenario, &body, None);
    }
    let kills = [(Point::BeforeReply, 0), (Point::BeforeReply, 170), (Point::BeforeBody, 331)];
    for (point, mails) in kills {
        scenario.smtp.gate().close_after(point, mails);
        let worker = scenario.worker();
        scenario.wait_until_held(LANES);
        scenario.check_redacted(&worker.kill());
        scenario.wait_until_held(0);
    }
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(2);
    assert_eq!(scenario.ledger.notifications().len(), 2, "a redelivery became another notification");
    assert_eq!(
        scenario.smtp.delivered_ids().keys().collect::<HashSet<_>>().len(),
        600,
        "somebody was skipped"
    );
    let duplicates = scenario.duplicates();
    assert!(duplicates <= kills.len() * LANES, "{duplicates} duplicates");
    worker.stop();
}

#[test]
fn without_a_table_of_users_the_notice_waits_for_it() {
    let scenario = Scenario::with_relay("notice-no-users", 1).build();
    let worker = scenario.worker();
    publish(&scenario, &json!({"recipient_user_id": 7, "message": "Hello"}), Some("n-1"));
    publish(&scenario, &json!({"recipients": ["zoe@example.com"], "message": "Hello"}), Some("n-2"));
    publish(&scenario, &json!({"recipient_user_id": 7}), Some("n-3"));
    scenario.wait_for_acks(2);
    wait_until("the dead letter", || scenario.queue.dead_depth() == 1);
    let reasons: Vec<String> = scenario.queue.take_dead_letters().iter().map(DeadLetter::reason).collect();
    assert!(reasons[0].contains("the field \"message\" is missing"), "{reasons:?}");
    let line = |key: &str| {
        // It exits with 1 while something is set aside.
        let lines: Vec<Value> =
            serde_json::from_str(&scenario.run(&["status", "--all", "--format", "json"]).out).unwrap();
        lines.into_iter().find(|line| line["message_id"] == key).unwrap_or_else(|| panic!("{key}"))
    };
    let waits = line("n-1");
    assert_eq!(waits["state"], "set_aside", "{waits}");
    assert!(waits["reason"].as_str().unwrap().contains("users(id, email, name, locale)"), "{waits}");
    assert_eq!(line("n-2")["sent"], 1);
    make_users(&scenario);
    scenario.run_ok(&["retry", "--notification", &waits["notification"].to_string()]);
    assert_eq!(mails(&scenario).len(), 2);
    worker.stop();
}
