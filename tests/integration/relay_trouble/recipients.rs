//! Failures of one recipient: refused, deferred, or the connection breaks over it.

use std::collections::BTreeSet;

use super::DOWN;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::wait::wait_until;

#[test]
fn a_permanent_and_a_transient_failure_in_one_page() {
    // One lane: a pause in it would delay all recipients.
    let scenario = Scenario::with_relay("refused", 100).connections(1).env("RETRY_DELAY", "2").build();
    let people = scenario.people();
    let (never, later, late_dot) = (&people[40], &people[41], &people[42]);
    let no_such_user = format!("550 5.1.1 <{}> No such user", never.email).leak();
    scenario.smtp.fail_recipient(&never.email, RecipientFault::Rcpt(no_such_user), usize::MAX);
    scenario.smtp.fail_recipient(&later.email, RecipientFault::Rcpt("450 4.2.1 Busy"), 1);
    scenario.smtp.fail_recipient(&late_dot.email, RecipientFault::Dot("451 4.3.0 Scanner is away"), 1);
    let worker = scenario.worker();
    scenario.publish("UPDATED");

    // No recipient waits for the one whose retry is not due.
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
    scenario.stop_and_check(worker);
}

#[test]
fn a_recipient_who_is_always_refused_fails_and_can_be_retried_alone() {
    let scenario = Scenario::with_relay("for-ever", 60)
        .env("RETRY_DELAY", "0.1")
        .env("MAX_RETRIES", "2")
        .env("DEFER_SCHEDULE", "off")
        .build();
    let people = scenario.people();
    let (busy, gone) = (&people[7], &people[8]);
    scenario.smtp.fail_recipient(&busy.email, RecipientFault::Rcpt("450 4.2.1 Busy"), usize::MAX);
    scenario.smtp.fail_recipient(&gone.email, RecipientFault::Rcpt("550 No such user"), usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let rows = scenario.ledger.deliveries();
    let row = rows.iter().find(|row| row.participant_id == busy.id).unwrap();
    assert_eq!((row.status.as_str(), row.attempts, row.smtp_code), ("failed", 3, Some(450)));
    scenario.stop_and_check(worker);

    scenario.smtp.clear_recipient_faults();
    scenario.run_ok(&["retry", "--notification", "1"]);
    assert_eq!(scenario.smtp.accepted(), 59);
    let last = scenario.smtp.log().received.pop().unwrap();
    assert_eq!(
        (last.recipient, last.message_id),
        (busy.email.clone(), scenario.ledger.message_id(1, busy.id))
    );
    assert_eq!(scenario.ledger.outcomes("failed"), 1);

    // Nothing is left to do except for the permanent failure.
    scenario.run_ok(&["retry", "--notification", "1"]);
    assert_eq!(scenario.smtp.accepted(), 59);
    scenario.run_ok(&["retry", "--notification", "1", "--permanent-too"]);
    assert_eq!((scenario.smtp.accepted(), scenario.ledger.outcomes("sent")), (60, 60));
    assert_eq!(scenario.duplicates(), 0);
    scenario.check_completed();
}

#[test]
fn connections_lost_before_and_after_the_dot() {
    let scenario =
        Scenario::with_relay("lost", 200).env("RETRY_DELAY", "0.1").env("DEFER_SCHEDULE", "1s").build();
    let people = scenario.people();
    for person in &people[10..15] {
        scenario.smtp.fail_recipient(&person.email, RecipientFault::DropAtData, 2);
    }
    for person in &people[110..115] {
        // To fanmail the same as the next one: the dot was written, and no reply came.
        scenario.smtp.fail_recipient(&person.email, RecipientFault::DropInBody, 1);
    }
    for person in &people[160..165] {
        scenario.smtp.fail_recipient(&person.email, RecipientFault::DropAfterDot, 1);
    }
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    // Those without a reply to their body are sent once more, after a pause that holds up no ack.
    scenario.wait_for_deferrals();
    assert_eq!(scenario.ledger.outcomes("sent"), 200);
    let delivered = scenario.smtp.delivered_ids();
    let twice: BTreeSet<&String> = delivered.iter().filter(|(_, n)| **n > 1).map(|(id, _)| id).collect();
    let swallowed: Vec<String> =
        people[160..165].iter().map(|person| scenario.ledger.message_id(1, person.id)).collect();
    assert_eq!(twice, swallowed.iter().collect());
    assert_eq!((delivered.len(), scenario.duplicates()), (200, 5));
    scenario.stop_and_check(worker);
}

#[test]
fn a_recipient_whose_mail_breaks_each_connection_fails_alone() {
    let scenario = Scenario::with_relay("breaker-of", 120)
        .env("RETRY_DELAY", "0.1")
        .env("MAX_RETRIES", "1")
        .env("DEFER_SCHEDULE", "off")
        .build();
    let people = scenario.people();
    scenario.smtp.fail_recipient(&people[50].email, RecipientFault::DropInBody, usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.outcomes("failed")), (119, 1));
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

#[test]
fn an_invalid_address_fails_without_the_relay() {
    let scenario = Scenario::with_relay("addresses", 30).build();
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
    scenario.stop_and_check(worker);
}

/// One recipient in ten gets a transient reply once, to RCPT or to the dot; each of them is charged one attempt more,
/// and no other is.
#[test]
fn a_relay_that_puts_off_every_tenth_recipient() {
    let scenario = Scenario::with_relay("put-off", 300).connections(3).env("RETRY_DELAY", "0.1").build();
    let people = scenario.people();
    let put_off: Vec<i64> = people.iter().step_by(10).map(|person| person.id).collect();
    for (n, person) in people.iter().step_by(10).enumerate() {
        let fault = if n % 2 == 0 {
            RecipientFault::Rcpt("450 4.2.1 Mailbox is busy")
        } else {
            RecipientFault::Dot("451 4.3.0 Scanner is away")
        };
        scenario.smtp.fail_recipient(&person.email, fault, 1);
    }
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    for row in scenario.ledger.deliveries() {
        let attempts = if put_off.contains(&row.participant_id) { 2 } else { 1 };
        assert_eq!((row.status.as_str(), row.attempts), ("sent", attempts), "{row:?}");
    }
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (300, 0));
    assert!(!worker.log().contains(DOWN), "it answers, so it works");
    scenario.stop_and_check(worker);
}

/// 452 is transient, and so is 552 to RCPT, which means the same (RFC 5321 section 4.5.3.1.10); 552 to the dot is
/// permanent.
#[test]
fn the_reply_decides_whether_a_lack_of_space_is_transient_or_permanent() {
    let scenario = Scenario::with_relay("room", 50).connections(2).env("RETRY_DELAY", "0.1").build();
    let people = scenario.people();
    for (n, fault) in [
        RecipientFault::Rcpt("452 4.2.2 Mailbox is full"),
        RecipientFault::Rcpt("552 5.2.2 Mailbox is full"),
        RecipientFault::Dot("452 4.3.1 Disk is full"),
        RecipientFault::Dot("552 5.2.2 Mailbox is full"),
        RecipientFault::Rcpt("521 5.3.2 No mail here"),
    ]
    .into_iter()
    .enumerate()
    {
        let times = if n == 4 { 2 } else { 1 };
        scenario.smtp.fail_recipient(&people[n].email, fault, times);
    }
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let rows = scenario.ledger.deliveries();
    let outcomes: Vec<(&str, i32, Option<i32>)> =
        rows[..6].iter().map(|row| (row.status.as_str(), row.attempts, row.smtp_code)).collect();
    let expected = [
        ("sent", 2, Some(250)),
        ("sent", 2, Some(250)),
        ("sent", 2, Some(250)),
        ("failed", 1, Some(552)),
        // Whether it is about us shows only a second refusal, after mails to others were accepted.
        ("failed", 2, Some(521)),
        ("sent", 1, Some(250)),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

/// The relay closes the connection each time it gets this recipient. The recipient waits without being charged, and the
/// others, of a later notification as well, get their mails as usual.
#[test]
fn a_recipient_with_421_each_time_delays_no_other() {
    let scenario = Scenario::with_relay("goodbye", 80)
        .connections(1)
        .env("DEFER_SCHEDULE", "off")
        .env("RETRY_DELAY", "0.1")
        .env("MAX_RETRIES", "1")
        .build();
    let person = scenario.people()[0].clone();
    scenario.smtp.fail_recipient(
        &person.email,
        RecipientFault::RcptThenHangUp("421 4.3.0 Go away"),
        usize::MAX,
    );
    scenario.seed(EVENT + 1, 40);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    wait_until("everyone else", || scenario.ledger.count("deliveries") == 79);
    scenario.queue.publish("CREATED", EVENT + 1, None);
    scenario.wait_for_acks(1);
    assert_eq!(scenario.ledger.count("deliveries"), 119, "only the one still waits");
    scenario.wait_for_acks(2);
    let rows = scenario.ledger.deliveries();
    let row = rows.iter().find(|row| row.participant_id == person.id).unwrap();
    assert_eq!((row.status.as_str(), row.attempts, row.smtp_code), ("failed", 2, Some(421)));
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'sent' AND attempts = 1"), 119);
    assert!(!worker.log().contains(DOWN), "one mail does not open the breaker");
    scenario.stop_and_check(worker);
}
