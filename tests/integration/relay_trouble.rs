//! A relay that refuses, drops connections, or is away: charged to the recipient only when it is the recipient's.

use std::collections::BTreeSet;

use crate::support::process::Process;
use crate::support::scenario::{EVENT, RELAY_PASSWORD, RELAY_USER, Scenario, message_id};
use crate::support::smtp::gate::Point;
use crate::support::smtp::{Fault, Offer, SmtpServer};
use crate::support::wait::wait_until;

#[test]
fn one_refused_and_one_for_later_in_a_page() {
    // One lane: a pause in it would hold up everybody.
    let scenario = Scenario::with("refused", 100).connections(1).env("RETRY_DELAY", "2").ready();
    let people = scenario.people();
    let (never, later, late_dot) = (&people[40], &people[41], &people[42]);
    let no_such_user = format!("550 5.1.1 <{}> No such user", never.email).leak();
    scenario.smtp.order(&never.email, Fault::Rcpt(no_such_user), usize::MAX);
    scenario.smtp.order(&later.email, Fault::Rcpt("450 4.2.1 Busy"), 1);
    scenario.smtp.order(&late_dot.email, Fault::Dot("451 4.3.0 Scanner is away"), 1);
    let worker = scenario.worker();
    scenario.publish("UPDATED");

    // Nobody waits for the one whose retry is not due.
    wait_until("98 outcomes", || scenario.ledger.count("deliveries") == 98);
    let decided: BTreeSet<i64> = scenario.ledger.deliveries().iter().map(|row| row.participant_id).collect();
    assert!(!decided.contains(&later.id) && !decided.contains(&late_dot.id));
    assert_eq!(scenario.ledger.completed(), 0);

    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.outcomes("failed")), (99, 1));
    for row in scenario.ledger.deliveries() {
        let expected = match row.participant_id {
            id if id == never.id => (1, Some(550)),
            id if id == later.id || id == late_dot.id => (2, None),
            _ => (1, None),
        };
        assert_eq!(row.attempts, expected.0, "{row:?}");
        if let Some(code) = expected.1 {
            let detail = row.detail.unwrap();
            assert_eq!(row.smtp_code, Some(code), "{detail}");
            assert!(detail.contains("No such user") && !detail.contains(&never.email), "{detail}");
        }
    }
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (99, 0));
    scenario.all_is_well(worker);
}

#[test]
fn who_is_refused_for_ever_fails_and_can_be_retried_alone() {
    let scenario = Scenario::with("for-ever", 60).env("RETRY_DELAY", "0.1").env("MAX_RETRIES", "2").ready();
    let people = scenario.people();
    let (busy, gone) = (&people[7], &people[8]);
    scenario.smtp.order(&busy.email, Fault::Rcpt("450 4.2.1 Busy"), usize::MAX);
    scenario.smtp.order(&gone.email, Fault::Rcpt("550 5.1.1 Gone"), usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let rows = scenario.ledger.deliveries();
    let row = rows.iter().find(|row| row.participant_id == busy.id).unwrap();
    assert_eq!((row.status.as_str(), row.attempts, row.smtp_code), ("failed", 3, Some(450)));
    scenario.all_is_well(worker);

    scenario.smtp.forget_faults();
    scenario.succeeds(&["retry", "--notification", "1"]);
    assert_eq!(scenario.smtp.accepted(), 59);
    let last = scenario.smtp.log().received.pop().unwrap();
    assert_eq!((last.recipient, last.message_id), (busy.email.clone(), message_id(1, busy.id)));
    assert_eq!(scenario.ledger.outcomes("failed"), 1);

    // Nothing is left to do but for the one whose failure was permanent.
    scenario.succeeds(&["retry", "--notification", "1"]);
    assert_eq!(scenario.smtp.accepted(), 59);
    scenario.succeeds(&["retry", "--notification", "1", "--permanent-too"]);
    assert_eq!((scenario.smtp.accepted(), scenario.ledger.outcomes("sent")), (60, 60));
    assert_eq!(scenario.duplicates(), 0);
    scenario.settled();
}

#[test]
fn connections_lost_before_and_after_the_dot() {
    let scenario = Scenario::with("lost", 200).env("RETRY_DELAY", "0.1").ready();
    let people = scenario.people();
    for person in &people[10..15] {
        scenario.smtp.order(&person.email, Fault::DropAtData, 2);
    }
    for person in &people[110..115] {
        scenario.smtp.order(&person.email, Fault::DropInBody, 2);
    }
    for person in &people[160..165] {
        scenario.smtp.order(&person.email, Fault::DropAfterDot, 1);
    }
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!(scenario.ledger.outcomes("sent"), 200);
    let delivered = scenario.smtp.delivered_ids();
    let twice: BTreeSet<&String> = delivered.iter().filter(|(_, n)| **n > 1).map(|(id, _)| id).collect();
    let swallowed: Vec<String> = people[160..165].iter().map(|person| message_id(1, person.id)).collect();
    assert_eq!(twice, swallowed.iter().collect());
    assert_eq!((delivered.len(), scenario.duplicates()), (200, 5));
    scenario.all_is_well(worker);
}

#[test]
fn a_recipient_who_breaks_every_connection_fails_alone() {
    let scenario =
        Scenario::with("breaker-of", 120).env("RETRY_DELAY", "0.1").env("MAX_RETRIES", "1").ready();
    let people = scenario.people();
    scenario.smtp.order(&people[50].email, Fault::DropInBody, usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.outcomes("failed")), (119, 1));
    assert_eq!(scenario.duplicates(), 0);
    scenario.all_is_well(worker);
}

/// The notification is done in the end, and nobody was charged: where `MAX_RETRIES` is 0, one charge is a failure.
fn nobody_was_charged(scenario: &Scenario, worker: Process) {
    scenario.wait_for_acks(1);
    let people = scenario.people().len();
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.outcomes("failed")), (people, 0));
    scenario.all_is_well(worker);
}

#[test]
fn the_relay_is_down_at_the_start() {
    let scenario = Scenario::named("down").participants(80).env("MAX_RETRIES", "0").ready();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    worker.wait_for_log("the relay does not work");
    assert_eq!(scenario.ledger.count("deliveries"), 0);
    scenario.smtp.come_up();
    nobody_was_charged(&scenario, worker);
    assert_eq!(scenario.duplicates(), 0);
}

#[test]
fn the_relay_goes_down_in_the_middle() {
    let scenario = Scenario::with("middle", 300).connections(4).ready();
    scenario.smtp.gate().close_after(Point::BeforeBody, 100);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(4);
    scenario.smtp.go_down();
    scenario.smtp.gate().open();
    worker.wait_for_log("the relay does not work");
    wait_until("the outcomes of what was accepted", || scenario.ledger.count("deliveries") == 100);
    scenario.smtp.come_up();
    nobody_was_charged(&scenario, worker);
    // What was under way had no body yet.
    assert_eq!(scenario.duplicates(), 0);
}

#[test]
fn the_relay_greets_with_a_refusal() {
    let scenario = Scenario::with("greeting", 40).env("MAX_RETRIES", "0").ready();
    scenario.smtp.change(|orders| orders.greeting = Some("554 5.3.2 No service".to_owned()));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    worker.wait_for_log("the relay does not work");
    assert!(scenario.smtp.log().connections > 0);
    scenario.smtp.change(|orders| orders.greeting = None);
    nobody_was_charged(&scenario, worker);
    assert_eq!(scenario.duplicates(), 0);
}

#[test]
fn the_relay_takes_only_so_many_mails_a_connection() {
    let scenario = Scenario::with("421", 250)
        .connections(2)
        .env("SMTP_MAX_PER_CONNECTION", "1000")
        .env("MAX_RETRIES", "0")
        .ready();
    scenario.smtp.change(|orders| orders.mails_per_connection = Some(50));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    nobody_was_charged(&scenario, worker);
    assert!(scenario.smtp.log().connections >= 5);
    assert_eq!(scenario.duplicates(), 0);
}

#[test]
fn the_relay_refuses_the_login() {
    let offer =
        Offer { credentials: Some((RELAY_USER.to_owned(), RELAY_PASSWORD.to_owned())), ..Offer::default() };
    let scenario = Scenario::named("auth")
        .relay(SmtpServer::offering(offer))
        .participants(40)
        .env("SMTP_USERNAME", RELAY_USER)
        .env("SMTP_PASSWORD", RELAY_PASSWORD)
        .env("MAX_RETRIES", "0")
        .ready();
    scenario.smtp.change(|orders| orders.auth_refusal = Some("535 5.7.8 Invalid credentials".to_owned()));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    worker.wait_for_log("the relay does not work");
    assert_eq!(scenario.ledger.count("deliveries"), 0);
    scenario.smtp.change(|orders| orders.auth_refusal = None);
    nobody_was_charged(&scenario, worker);
    assert_eq!(scenario.duplicates(), 0);
}

#[test]
fn an_address_that_no_mail_can_be_sent_to_fails_without_the_relay() {
    let scenario = Scenario::with("addresses", 30).ready();
    let people = scenario.people();
    let change = |n: usize, email: &str| {
        scenario
            .ledger
            .execute(&format!("UPDATE participants SET email = {email} WHERE id = {}", people[n].id));
    };
    change(3, "'nobody'");
    change(4, "'x@example.com' || char(13, 10) || 'RCPT TO:<y@example.com>'");
    change(5, "'müller@example.com'");
    change(6, "NULL");
    change(7, "'a@b@example.com>'");
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, None);
    scenario.wait_for_acks(1);
    let outcomes = ["sent", "failed", "skipped"].map(|status| scenario.ledger.outcomes(status));
    assert_eq!(outcomes, [25, 4, 1]);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (25, 0));
    scenario.all_is_well(worker);
}
