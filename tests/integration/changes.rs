//! An event changes between its notifications, and while one is sent: what each participant is told of it, with each database.

use std::collections::BTreeMap;

use mail_parser::MessageParser;

use crate::systems::on_every_system;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::log::ReceivedMail;
use testkit::system::System;

const LANES: usize = 4;
const PEOPLE: usize = 40;

on_every_system!(
    a_change_is_seen_in_the_mail
    a_fan_out_that_was_killed_tells_everyone_the_same
    an_update_without_a_change_is_skipped
    who_joined_between_is_told_what_it_is
);

fn scenario(system: System, name: &str) -> Scenario {
    let builder = Scenario::with_relay(name, PEOPLE).database(system).connections(LANES);
    let scenario = builder.env("SKIP_UNCHANGED", "True").build();
    read_english(&scenario);
    scenario
}

/// Everyone gets mails in English, whose words these tests know.
fn read_english(scenario: &Scenario) {
    scenario.ledger.execute("UPDATE participants SET locale = 'en-GB'");
}

fn change(scenario: &Scenario, what: &str) {
    scenario.ledger.execute(&format!("UPDATE events SET {what} WHERE id = {EVENT}"));
}

fn subject(received: &ReceivedMail) -> String {
    MessageParser::default().parse(&received.raw[..]).unwrap().subject().unwrap().to_owned()
}

/// How many mails of the notification have a subject that begins with these words, up to a colon.
fn subjects(scenario: &Scenario, notification: i64) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for received in scenario.smtp.log().received {
        if received.notification() == notification {
            let subject = subject(&received);
            *found.entry(subject.split(':').next().unwrap().to_owned()).or_default() += 1;
        }
    }
    found
}

fn are(words: &str, mails: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(words.to_owned(), mails)])
}

/// The first mail of the notification.
fn first_mail(scenario: &Scenario, notification: i64) -> Vec<u8> {
    let mails = scenario.smtp.log().received;
    let is_of = |received: &&ReceivedMail| received.notification() == notification;
    mails.iter().find(is_of).unwrap().raw.to_vec()
}

fn a_change_is_seen_in_the_mail(system: System) {
    let scenario = scenario(system, "changes");
    change(
        &scenario,
        "starts_at = '2026-12-03 17:30:00', ends_at = NULL, timezone = 'Europe/Berlin', location = 'Hall'",
    );
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    change(&scenario, "starts_at = '2026-12-03 18:30:00', location = 'The <new> park'");
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    assert_eq!(subjects(&scenario, 2).values().sum::<usize>(), PEOPLE);
    let raw = first_mail(&scenario, 2);
    let mail = MessageParser::default().parse(&raw[..]).unwrap();
    // With its year, if the test runs in another one.
    let subject = mail.subject().unwrap();
    assert!(
        subject.starts_with("Moved to Thu") && subject.contains("3 Dec") && subject.contains(", 19:30: "),
        "{subject}"
    );
    let (text, html) = (mail.body_text(0).unwrap(), mail.body_html(0).unwrap());
    for words in ["New time and new place.", "was: 18:30", "was: Hall"] {
        assert!(text.contains(words), "{words:?} is missing: {text}");
    }
    for words in ["New time and new place.", "<s><bdi>Hall</bdi></s>", "The &lt;new&gt; park"] {
        assert!(html.contains(words), "{words:?} is missing: {html}");
    }
    worker.stop();
}

fn a_fan_out_that_was_killed_tells_everyone_the_same(system: System) {
    let scenario = scenario(system, "changes-killed");
    change(&scenario, "title = 'Ball'");
    scenario.worker_in_the_middle(LANES, 10, Some("once")).kill();
    scenario.wait_until_held(0);
    change(&scenario, "title = 'Concert', location = 'Elsewhere'");
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    for received in scenario.smtp.log().received {
        let subject = subject(&received);
        assert!(subject.contains("Ball"), "{subject}");
        assert!(!String::from_utf8_lossy(&received.raw).contains("Elsewhere"));
    }
    assert_eq!(scenario.smtp.delivered_ids().len(), PEOPLE);
    // Those who got the first mails are told the change as well as the others.
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    assert_eq!(subjects(&scenario, 2).values().sum::<usize>(), PEOPLE);
    worker.stop();
}

fn an_update_without_a_change_is_skipped(system: System) {
    let scenario = scenario(system, "changes-none");
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    let status = scenario.status();
    let line = status.iter().find(|line| line["type"] == "UPDATED").unwrap();
    assert_eq!((&line["sent"], &line["skipped"]), (&0.into(), &PEOPLE.into()), "{line}");
    assert_eq!(scenario.ledger.count("deliveries WHERE detail = 'nothing changed'"), PEOPLE);
    assert_eq!(scenario.smtp.accepted(), PEOPLE);
    worker.stop();
}

fn who_joined_between_is_told_what_it_is(system: System) {
    let scenario = scenario(system, "changes-joined");
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    scenario.seed(EVENT, PEOPLE + 3);
    read_english(&scenario);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    assert_eq!(subjects(&scenario, 2), are("You're registered", 3));
    let received = scenario.smtp.log().received;
    let updated = received.iter().filter(|mail| mail.header("Feedback-ID").contains(":updated:"));
    assert_eq!(updated.count(), 3, "it is a mail of the UPDATED all the same");
    assert_eq!(scenario.ledger.count("deliveries WHERE detail = 'nothing changed'"), PEOPLE);
    change(&scenario, "location = 'Another place'");
    scenario.seed(EVENT, PEOPLE + 5);
    read_english(&scenario);
    scenario.publish("UPDATED");
    scenario.wait_for_acks(3);
    let expected = [("New place".to_owned(), PEOPLE + 3), ("You're registered".to_owned(), 2)];
    assert_eq!(subjects(&scenario, 3), expected.into());
    worker.stop();
}
