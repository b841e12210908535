//! The main job without failures: everyone is mailed once, with each database and under load.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mail_parser::MessageParser;

use crate::systems::on_every_system;
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::smtp::{Capabilities, SmtpServer};
use testkit::system::System;
use testkit::wait::wait_until;

on_every_system!(everyone_is_mailed_once_for_each_kind small_pages_reach_everyone_who_had_joined_before);

fn everyone_is_mailed_once_for_each_kind(system: System) {
    let scenario = Scenario::with_relay("once", 250).database(system).build();
    let worker = scenario.worker();
    for (notification, kind) in (1..).zip(["CREATED", "UPDATED", "CANCELLED"]) {
        scenario.publish(kind);
        scenario.wait_for_acks(notification);
    }
    assert_eq!(scenario.duplicates(), 0);

    let people = scenario.people();
    let expected: BTreeSet<(String, String)> = (1..=3)
        .flat_map(|n| people.iter().map(move |person| (n, person)))
        .map(|(n, person)| (scenario.ledger.message_id(n, person.id), person.email.clone()))
        .collect();
    let received = scenario.smtp.log().received;
    let got: BTreeSet<(String, String)> =
        received.iter().map(|mail| (mail.message_id.clone(), mail.recipient.clone())).collect();
    assert_eq!((got.len(), received.len()), (750, 750));
    assert!(got == expected, "a participant got the mail of another one");

    for received in received {
        let mail = MessageParser::default().parse(&received.raw[..]).unwrap();
        let person = people.iter().find(|person| person.email == received.recipient).unwrap();
        let language = &received.header("Content-Language")[..2];
        let words = match language {
            "de" => ["Angemeldet: ", "Geändert: ", "Abgesagt: "],
            "fr" => ["Inscription confirmée : ", "Modification : ", "Annulation : "],
            _ => ["You're registered: ", "Updated: ", "Cancelled: "],
        };
        let word = match &received.message_id[..4] {
            "<n1." => words[0],
            "<n2." => words[1],
            _ => words[2],
        };
        assert!(mail.subject().unwrap().starts_with(word), "{language} {:?}", mail.subject());
        let from = mail.from().unwrap().first().unwrap();
        assert_eq!((from.name(), from.address()), (Some("Test Events"), Some("events@sender.example")));
        let to = mail.to().unwrap().first().unwrap();
        assert_eq!((to.name(), to.address()), (Some(&*person.name), Some(&*person.email)));
        assert_eq!(mail.header_raw("Auto-Submitted").unwrap().trim(), "auto-generated");
        assert!(mail.date().is_some());
        assert!(mail.body_text(0).unwrap().contains(&person.name));
        assert!(mail.body_html(0).is_some());
    }
    scenario.stop_and_check(worker);
}

/// Pages of 7, while participants join and leave.
fn small_pages_reach_everyone_who_had_joined_before(system: System) {
    let scenario =
        Scenario::with_relay("pages", 100).database(system).connections(2).env("BATCH_SIZE", "7").build();
    let people = scenario.people();
    scenario.ledger.execute(&format!("DELETE FROM participants WHERE id = {}", people[3].id));
    scenario.smtp.gate().close_after(Point::BeforeReply, 30);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(2);
    scenario.seed(EVENT, 5);
    scenario.ledger.execute(&format!("DELETE FROM participants WHERE id = {}", people[90].id));
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    let got: BTreeSet<String> =
        scenario.smtp.log().received.into_iter().map(|received| received.recipient).collect();
    let expected: BTreeSet<String> =
        (0..).zip(people).filter(|(n, _)| ![3, 90].contains(n)).map(|(_, person)| person.email).collect();
    assert_eq!((got == expected, scenario.smtp.accepted()), (true, 98));
    scenario.stop_and_check(worker);
}

#[test]
fn a_relay_without_extensions_gets_all_mails() {
    let plain = Capabilities { pipelining: false, eight_bit: false, ..Capabilities::default() };
    let scenario =
        Scenario::builder("plain").relay(SmtpServer::with_capabilities(plain)).participants(120).build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (120, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn lines_that_begin_with_a_dot_arrive_unchanged() {
    let scenario = Scenario::with_relay("dots", 5).build();
    scenario.ledger.execute("UPDATE events SET title = '.', description = '.. .', location = '...'");
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    for received in scenario.smtp.log().received {
        let mail = MessageParser::default().parse(&received.raw[..]).unwrap();
        let text = mail.body_text(0).unwrap();
        for line in ["    .", ".. ."] {
            assert!(text.lines().any(|found| found == line), "{text}");
        }
        let raw = String::from_utf8_lossy(&received.raw);
        assert!(raw.lines().any(|line| line.starts_with('.')), "nothing was there to stuff:\n{raw}");
    }
    assert_eq!(scenario.smtp.accepted(), 5);
    scenario.stop_and_check(worker);
}

#[test]
fn an_event_without_participants_is_completed_at_once() {
    let scenario = Scenario::with_relay("nobody", 0).build();
    scenario.seed(EVENT, 0);
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    assert_eq!(scenario.status()[0]["participants"], 0);
    assert_eq!(scenario.smtp.log().connections, 0);
    scenario.stop_and_check(worker);
}

#[test]
fn messages_with_one_id_are_one_notification_and_those_without_are_new_ones() {
    let scenario = Scenario::with_relay("identity", 20).build();
    let worker = scenario.worker();
    for id in [Some("one"), Some("one"), None, None, Some("two")] {
        scenario.queue.publish("UPDATED", EVENT, id);
    }
    scenario.wait_for_acks(4);
    wait_until("an empty queue", || scenario.queue.depth() == 0);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (80, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn views_can_replace_the_tables() {
    let scenario = Scenario::with_relay("views", 0).build();
    scenario.ledger.execute(
        "DROP TABLE events; DROP TABLE participants;
         CREATE TABLE meetings (nr INTEGER PRIMARY KEY, name TEXT, begins TEXT);
         CREATE TABLE members (nr INTEGER PRIMARY KEY, mail TEXT, called TEXT);
         CREATE TABLE guests (meeting INTEGER, member INTEGER);
         INSERT INTO meetings VALUES (123, 'Board meeting', '2027-03-01 17:00:00');
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 130)
           INSERT INTO members SELECT i, 'member' || i || '@example.net', 'Member ' || i FROM n;
         INSERT INTO guests SELECT 123, nr FROM members WHERE nr <= 120;
         CREATE VIEW events AS SELECT nr AS id, name AS title, NULL AS description, NULL AS location,
           begins AS starts_at, NULL AS ends_at, 'Europe/Berlin' AS timezone, NULL AS url, NULL AS updated_at
           FROM meetings;
         CREATE VIEW participants AS SELECT member AS id, meeting AS event_id, mail AS email, called AS name,
           NULL AS locale, NULL AS created_at FROM guests JOIN members ON nr = member;",
    );
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (120, 0));
    assert_eq!(scenario.status()[0]["sent"], 120);
    scenario.stop_and_check(worker);
}

#[test]
fn a_small_notification_overtakes_a_big_one() {
    let scenario = Scenario::with_relay("overtake", 2000).connections(2).build();
    scenario.seed(7, 5);
    scenario.smtp.gate().close_after(Point::BeforeReply, 50);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(2);
    scenario.queue.publish("UPDATED", 7, Some("small"));
    wait_until("the small one to begin", || scenario.ledger.notifications().len() == 2);
    // The big one cannot be complete after these.
    scenario.smtp.gate().close_after(Point::BeforeReply, 500);
    wait_until("the small one to be completed", || scenario.ledger.completed() == 1);
    let rows = scenario.ledger.notifications();
    assert_eq!((rows[0].event_id, rows[0].completed), (EVENT, false));
    assert_eq!((rows[1].event_id, rows[1].completed), (7, true));
    scenario.smtp.gate().open();
    scenario.wait_for_acks(2);
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

#[test]
fn notifications_of_one_event_keep_their_order() {
    let scenario = Scenario::with_relay("order", 150).connections(4).build();
    let worker = scenario.worker();
    let messages = ["CREATED", "UPDATED", "UPDATED", "CANCELLED"].map(|kind| {
        let body = format!(r#"{{"type":"{kind}","event_id":{EVENT}}}"#);
        (body.into_bytes(), properties(None))
    });
    scenario.queue.publish_all(&messages);
    scenario.wait_for_acks(4);
    let order: Vec<String> = scenario
        .smtp
        .log()
        .received
        .iter()
        .map(|mail| mail.message_id.split('.').next().unwrap().to_owned())
        .collect();
    assert!(order.is_sorted(), "the mails of the notifications are mixed");
    let kinds: Vec<String> = scenario.ledger.notifications().into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds, ["CREATED", "UPDATED", "UPDATED", "CANCELLED"]);
    assert_eq!((order.len(), scenario.duplicates()), (600, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn ten_thousand_mails_take_seconds() {
    let scenario =
        Scenario::with_relay("many", 10_000).connections(16).env("SMTP_MAX_PER_CONNECTION", "10000").build();
    let worker = scenario.worker();
    let start = Instant::now();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (10_000, 0));
    let log = scenario.smtp.log();
    assert!((2..=16).contains(&log.most_open), "{}", log.most_open);
    assert_eq!(log.connections, log.most_open, "connections are kept");
    scenario.stop_and_check(worker);
}

/// Nobody was mailed because nobody was found: that is no success like any other.
#[test]
fn an_event_without_participants_is_a_warning() {
    let scenario = Scenario::with_relay("nobody", 1).build();
    scenario.ledger.execute("DELETE FROM participants");
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let log = worker.log();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("has no participants")).collect();
    assert!(
        matches!(warnings[..], [line] if line.contains("WARN") && line.contains("have this event_id")),
        "{log}"
    );
    scenario.stop_and_check(worker);
}
