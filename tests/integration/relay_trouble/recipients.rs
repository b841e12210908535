//! What is a recipient's trouble: refused, put off, or over whom the connection breaks.

use std::collections::BTreeSet;

use crate::support::scenario::{EVENT, Scenario, message_id};
use crate::support::smtp::Fault;
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
