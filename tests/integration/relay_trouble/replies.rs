//! Unusual replies: of several lines, without a code, in an unknown encoding, without an end, unsolicited.

use super::{UP, is_down, metric, nobody_was_charged, strict};
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::step_fault::{Step, StepFault};

#[test]
fn replies_of_several_lines_are_read_to_their_end() {
    let scenario = strict(Scenario::with_relay("lines", 60)).connections(2).build();
    for (step, reply) in [
        (Step::Greeting, &b"220-relay.test\r\n220-speaks\r\n220 ESMTP"[..]),
        (Step::Dot, b"250-2.0.0 Queued\r\n250-as 4711\r\n250 2.0.0 Bye"),
    ] {
        scenario.smtp.fail_step(step, StepFault::Say(reply), usize::MAX);
    }
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    nobody_was_charged(&scenario, worker);
}

/// For a while, a reply at `step` that cannot be read; no body was sent.
#[track_caller]
fn garbage_at(name: &str, step: Step, fault: StepFault, cause: &str) {
    let scenario = strict(Scenario::with_relay(name, 60)).env("RETRY_DELAY", "0.1").build();
    scenario.smtp.fail_step(step, fault, usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, cause);
    scenario.smtp.clear_step_faults();
    worker.wait_for_log(UP);
    nobody_was_charged(&scenario, worker);
}

#[test]
fn something_that_is_not_smtp() {
    garbage_at("not-smtp", Step::Greeting, StepFault::Say(b"HTTP/1.1 400 Bad Request"), "unreadable reply");
}

/// Only the code counts.
#[test]
fn replies_in_latin_1_count_by_their_code() {
    let scenario = strict(Scenario::with_relay("latin-1", 60)).connections(2).build();
    scenario.smtp.fail_step(Step::Greeting, StepFault::Say(b"220 \xe0 votre service"), usize::MAX);
    scenario.smtp.fail_step(Step::Dot, StepFault::Say(b"250 2.0.0 Accept\xe9"), usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    nobody_was_charged(&scenario, worker);
}

#[test]
fn a_greeting_without_an_end() {
    garbage_at("endless", Step::Greeting, StepFault::Endless, "unreadable reply");
}

#[test]
fn a_reply_to_mail_without_an_end() {
    garbage_at("endless-mail", Step::Mail, StepFault::Endless, "unreadable reply");
}

#[test]
fn a_relay_that_says_250_to_data() {
    garbage_at("data-250", Step::Data, StepFault::Say(b"250 2.0.0 OK"), "250 2.0.0 OK");
}

/// The mail has probably arrived, but not even the code can be read. A retry would make copies, and without a stop each
/// mail would be recorded as a failure that is none: after three the breaker opens.
#[test]
fn an_unreadable_reply_to_the_dot_fails_a_few_mails_and_opens_the_breaker() {
    let scenario = strict(Scenario::with_relay("dot-no-code", 200)).connections(2).build();
    scenario.smtp.fail_step(Step::Dot, StepFault::Say(b"Accepted"), usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, "unreadable reply to the body, the relay may have it");
    scenario.smtp.clear_step_faults();
    scenario.wait_for_acks(1);
    let failed = scenario.ledger.outcomes("failed");
    assert!((3..=6).contains(&failed), "{failed} have failed");
    assert_eq!(
        scenario.ledger.count("deliveries WHERE status = 'failed' AND permanent AND attempts = 1"),
        failed
    );
    assert_eq!(scenario.ledger.outcomes("sent"), 200 - failed);
    assert_eq!(metric(&worker, "fanmail_ambiguous_total"), failed);
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

/// The relay refuses the recipient and waits for a body all the same.
#[test]
fn no_body_is_sent_after_a_refused_recipient() {
    let scenario = Scenario::with_relay("nobody", 40).connections(2).env("RETRY_DELAY", "0.1").build();
    let people = scenario.people();
    scenario.smtp.fail_recipient(
        &people[10].email,
        RecipientFault::RcptThen354("550 5.1.1 No such user"),
        usize::MAX,
    );
    scenario.smtp.fail_recipient(&people[20].email, RecipientFault::RcptThen354("450 4.2.0 Later"), 1);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.ledger.outcomes("failed")), (39, 1));
    assert_eq!((scenario.smtp.log().received.len(), scenario.duplicates()), (39, 0));
    let charged = "deliveries WHERE attempts = 2 AND status = 'sent'";
    assert_eq!(scenario.ledger.count(charged), 1);
    scenario.stop_and_check(worker);
}
