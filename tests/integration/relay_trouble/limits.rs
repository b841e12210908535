//! Limits that a relay tells with any code: how many mails one connection takes, the pace, a quota.

use super::{DOWN, metric, nobody_was_charged, strict};
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::{Step, StepFault};
use testkit::wait::wait_until;

/// The mails that the relay takes on one connection.
const MOST: usize = 10;

/// The lanes open new connections and send the mails again at once: no other lane is slower for that, and nobody is
/// charged.
#[track_caller]
fn limits_the_mails_of_a_connection(name: &str, step: Step, fault: StepFault) {
    let scenario = strict(Scenario::with_relay(name, 150))
        .connections(2)
        .env("SMTP_MAX_PER_CONNECTION", "1000")
        .env("DEFER_SCHEDULE", "off")
        .build();
    scenario.smtp.configure(|settings| settings.mails_per_connection = Some((MOST, step, fault)));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let connections = scenario.smtp.log().connections;
    assert!((150 / MOST..=150 / MOST + 2).contains(&connections), "{connections} connections");
    // A used connection gets one free retry: that is no relay failure.
    assert_eq!(metric(&worker, "fanmail_relay_failures_total"), 0);
    assert_eq!(metric(&worker, "fanmail_throttled_total"), 0);
    nobody_was_charged(&scenario, worker);
}

#[test]
fn mails_per_connection_told_with_421_at_mail() {
    let fault = StepFault::HangUp("421 4.7.0 Too many mails on this connection");
    limits_the_mails_of_a_connection("per-421", Step::Mail, fault);
}

#[test]
fn mails_per_connection_told_with_550_at_mail() {
    let fault = StepFault::Say(b"550 events@example.com max messages per session");
    limits_the_mails_of_a_connection("per-mail", Step::Mail, fault);
}

#[test]
fn mails_per_connection_told_with_450_at_rcpt() {
    let fault = StepFault::Say(b"450 4.2.1 Too many messages on this connection");
    limits_the_mails_of_a_connection("per-rcpt", Step::Rcpt, fault);
}

#[test]
fn mails_per_connection_told_with_550_and_a_code_of_a_mailbox_at_rcpt() {
    let fault = StepFault::Say(b"550 5.1.1 Too many recipients this session");
    limits_the_mails_of_a_connection("per-550", Step::Rcpt, fault);
}

#[test]
fn mails_per_connection_told_with_452_at_data() {
    let fault = StepFault::Say(b"452 4.4.5 Maximum number of messages per session exceeded.");
    limits_the_mails_of_a_connection("per-data", Step::Data, fault);
}

#[test]
fn mails_per_connection_told_with_451_at_the_dot() {
    let fault = StepFault::Say(b"451-Requested action aborted\r\n451 Mails per session limit exceeded.");
    limits_the_mails_of_a_connection("per-451", Step::Dot, fault);
}

#[test]
fn mails_per_connection_told_with_554_at_the_dot() {
    let fault = StepFault::HangUp("554 5.7.0 too many messages in this session");
    limits_the_mails_of_a_connection("per-554", Step::Dot, fault);
}

/// The first mail of a new connection meets the limit, too: fanmail waits as for any relay that throttles.
#[test]
fn a_relay_that_takes_no_mail_on_any_connection_for_a_while_charges_nobody() {
    for (name, step) in [("none-rcpt", Step::Rcpt), ("none-dot", Step::Dot)] {
        let scenario =
            strict(Scenario::with_relay(name, 60)).connections(2).env("DEFER_SCHEDULE", "off").build();
        let fault = StepFault::Say(b"550 5.7.1 Too many messages per connection");
        scenario.smtp.configure(|settings| settings.mails_per_connection = Some((0, step, fault)));
        let worker = scenario.worker();
        scenario.publish("UPDATED");
        wait_until("some refusals", || metric(&worker, "fanmail_throttled_total") >= 3);
        assert_eq!(scenario.smtp.accepted(), 0);
        scenario.smtp.configure(|settings| settings.mails_per_connection = None);
        nobody_was_charged(&scenario, worker);
    }
}

/// The pace, told with 5yz: everyone is mailed, and nobody is charged.
#[track_caller]
fn throttles_with(name: &str, step: Step, reply: &'static str) {
    let scenario = strict(Scenario::with_relay(name, 80)).connections(4).env("DEFER_SCHEDULE", "off").build();
    scenario.smtp.add_policy(Policy::rate(step, reply, 20));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert!(metric(&worker, "fanmail_throttled_total") > 0);
    assert!(!worker.log().contains(DOWN), "it answers, so it works");
    nobody_was_charged(&scenario, worker);
}

#[test]
fn the_pace_told_with_550_at_rcpt() {
    throttles_with("fast-550", Step::Rcpt, "550 5.7.0 sending too fast");
}

#[test]
fn the_pace_told_with_552_and_a_code_of_a_mailbox_at_the_dot() {
    throttles_with("fast-552", Step::Dot, "552 5.2.2 too many messages per hour");
}

/// Words of the pace with which a relay means one person, for good: nobody else is left to whom it might reply.
#[test]
fn a_last_mail_that_is_always_throttled_with_550_is_deferred_at_last() {
    let scenario = strict(Scenario::with_relay("last-550", 3)).env("DEFER_SCHEDULE", "1h").build();
    let last = &scenario.people()[1];
    let fault = RecipientFault::Rcpt("550 5.7.1 Sending too fast, try again in 0 seconds");
    scenario.smtp.fail_recipient(&last.email, fault, usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    assert_eq!(scenario.ledger.outcomes("sent"), 2);
    let counters = ["fanmail_deferred_total", "fanmail_throttled_total"];
    assert_eq!(counters.map(|name| metric(&worker, name)), [1, 21]);
    scenario.stop_and_check(worker);
}

/// Such quotas count the last 24 hours, so that the relay takes one mail now and then, and refuses the others. Nobody
/// fails for that.
#[test]
fn a_quota_that_is_renewed_bit_by_bit_fails_nobody() {
    let scenario = Scenario::with_relay("rolling", 25)
        .connections(2)
        .env("RETRY_DELAY", "0.1")
        .env("MAX_RETRIES", "1")
        .env("DEFER_SCHEDULE", "1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s")
        .build();
    let reply = "550 5.4.5 Daily user sending limit exceeded";
    scenario.smtp.add_policy(Policy::rate(Step::Rcpt, reply, 8));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    scenario.wait_for_deferrals();
    assert_eq!((scenario.ledger.outcomes("sent"), scenario.duplicates()), (25, 0));
    scenario.stop_and_check(worker);
}
