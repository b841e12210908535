//! A relay that closes or refuses connections: 421 at each step, limits, broken machines behind one address.

use std::time::Duration;

use super::{DOWN, is_down, metric, nobody_was_charged, strict};
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::log::BodyReply;
use testkit::smtp::step_fault::{Step, StepFault};
use testkit::wait::wait_until;

const CLOSING_421: StepFault = StepFault::HangUp("421 4.3.2 Shutting down");

/// Logged when the relay accepts some lanes and refuses others.
const SOME: &str = "accepts some connections and refuses others";

/// The metric for replies that ask for fewer mails or connections.
const THROTTLED: &str = "fanmail_throttled_total";

/// 421 at this step, always, until the breaker is open. Where the recipient may be the cause, its mail waits for the
/// next attempt; no attempt is charged.
#[track_caller]
fn replies_421_at(name: &str, step: Step) {
    // One lane has a connection that has worked, the others have none.
    let scenario = strict(Scenario::with_relay(name, 120)).connections(4).env("RETRY_DELAY", "0.1").build();
    scenario.smtp.fail_step(step, CLOSING_421, usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, "421 4.3.2 Shutting down");
    assert_eq!(scenario.smtp.accepted(), 0);
    scenario.smtp.clear_step_faults();
    nobody_was_charged(&scenario, worker);
}

#[test]
fn reply_421_instead_of_the_greeting() {
    replies_421_at("bye-greeting", Step::Greeting);
}

#[test]
fn reply_421_to_ehlo() {
    replies_421_at("bye-ehlo", Step::Ehlo);
}

#[test]
fn reply_421_to_mail() {
    replies_421_at("bye-mail", Step::Mail);
}

#[test]
fn reply_421_to_rcpt() {
    replies_421_at("bye-rcpt", Step::Rcpt);
}

#[test]
fn reply_421_to_data() {
    replies_421_at("bye-data", Step::Data);
}

#[test]
fn reply_421_to_the_dot() {
    replies_421_at("bye-dot", Step::Dot);
}

/// The relay works apart from an occasional 421: the breaker stays closed.
#[test]
fn occasional_421_at_each_step() {
    let scenario =
        strict(Scenario::with_relay("bye-often", 300)).connections(2).env("RETRY_DELAY", "0.1").build();
    for step in [Step::Mail, Step::Rcpt, Step::Data, Step::Dot] {
        scenario.smtp.fail_step_on(step, CLOSING_421, 5, |connection| connection % 3 == 0);
    }
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    nobody_was_charged(&scenario, worker);
}

#[test]
fn unsolicited_421_while_idle() {
    let scenario = strict(Scenario::with_relay("idle", 60)).connections(3).build();
    let worker = scenario.worker();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    scenario.smtp.send_unsolicited_and_hang_up("421 4.4.2 Idle for too long");
    scenario.publish("UPDATED");
    scenario.wait_for_acks(2);
    assert_eq!(metric(&worker, "fanmail_relay_failures_total"), 0);
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'sent' AND attempts = 1"), 120);
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

/// Sixteen lanes, of which the relay serves four: the four send all mails, and the others stop after two attempts.
#[track_caller]
fn allows_four_of_sixteen(name: &str, step: Step, fault: StepFault, cause: &str, counter: &str) {
    let scenario = strict(Scenario::with_relay(name, 300)).connections(16).build();
    // So slow that the refused lanes try again while the others work.
    scenario.smtp.configure(|settings| {
        settings.most_connections = Some((4, step, fault));
        settings.reply_delay = Duration::from_millis(40);
    });
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    wait_until("twelve lanes to give up", || metric(&worker, "fanmail_connections_in_use") == 4);
    scenario.wait_for_acks(1);
    let refused = metric(&worker, counter);
    assert!((12..50).contains(&refused), "{refused} refusals");
    // Fewer than two attempts of each surplus lane are enough when the relay says that it is about connections.
    assert!(refused >= 24 || counter == THROTTLED, "{refused} refusals");
    let log = worker.log();
    assert!(log.matches(DOWN).count() <= 1, "at the very start it may look down, and not again:\n{log}");
    assert_eq!(log.matches(SOME).count(), 1, "logged once:\n{log}");
    assert!(
        log.contains(cause) && log.contains("SMTP_CONNECTIONS (16), lower SMTP_CONNECTIONS"),
        "with cause and hint"
    );
    nobody_was_charged(&scenario, worker);
}

#[test]
fn too_many_connections_are_greeted_with_421() {
    let fault = StepFault::HangUp("421 4.7.0 Too many connections");
    allows_four_of_sixteen("fewer-421", Step::Greeting, fault, "421 4.7.0 Too many connections", THROTTLED);
}

#[test]
fn too_many_connections_are_closed_without_a_reply() {
    allows_four_of_sixteen(
        "fewer-drop",
        Step::Greeting,
        StepFault::HangUp(""),
        "the relay closed the connection",
        "fanmail_relay_failures_total",
    );
}

#[test]
fn too_many_connections_are_ended_at_mail() {
    let fault = StepFault::HangUp("421 4.7.0 Too many sessions");
    allows_four_of_sixteen("fewer-mail", Step::Mail, fault, "421 4.7.0 Too many sessions", THROTTLED);
}

/// The limit grows by itself. How fast it grows is tested by the unit tests.
#[test]
fn the_limit_of_connections_is_lifted_in_the_middle() {
    let scenario = strict(Scenario::with_relay("lifted", 1_500)).connections(6).build();
    scenario.smtp.configure(|settings| {
        settings.most_connections = Some((4, Step::Greeting, CLOSING_421));
        settings.reply_delay = Duration::from_millis(40);
    });
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    let in_use = |expected| metric(&worker, "fanmail_connections_in_use") == expected;
    wait_until("two lanes to give up", || in_use(4));
    scenario.smtp.configure(|settings| settings.most_connections = None);
    wait_until("one of them to be back", || in_use(5));
    nobody_was_charged(&scenario, worker);
}

#[test]
fn half_of_the_connections_reach_a_broken_machine() {
    let scenario = strict(Scenario::with_relay("half", 300)).connections(4).env("RETRY_DELAY", "0.1").build();
    scenario.smtp.fail_step_on(Step::Mail, CLOSING_421, usize::MAX, |connection| connection % 2 == 0);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    nobody_was_charged(&scenario, worker);
}

/// The relay accepts each mail and its reply is lost (RFC 1047): each attempt may be one more copy, so each mail is sent
/// once more at most, and the breaker keeps them few.
#[test]
fn the_relay_drops_every_connection_after_the_dot() {
    let scenario = Scenario::with_relay("swallows", 200)
        .connections(4)
        .env("RETRY_DELAY", "0.1")
        .env("DEFER_SCHEDULE", "10s")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .build();
    scenario.smtp.fail_step(Step::Dot, StepFault::HangUp(""), usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, "the relay may have it");
    let failures = metric(&worker, "fanmail_relay_failures_total");
    wait_until("two probes", || metric(&worker, "fanmail_relay_failures_total") >= failures + 2);
    let swallowed = scenario.smtp.log().received.len();
    // Three failures open the breaker, while other lanes may have a mail in flight; then one for each probe.
    assert!(swallowed <= 3 + 3 + 2 + 1, "no storm, but {swallowed}");
    scenario.smtp.clear_step_faults();
    scenario.wait_for_acks(1);
    scenario.wait_for_deferrals();
    let swallowed = scenario.smtp.log().received.iter().filter(|mail| mail.answer == BodyReply::None).count();
    assert_eq!(metric(&worker, "fanmail_ambiguous_total"), swallowed);
    assert_eq!(
        scenario.duplicates(),
        swallowed,
        "one more copy for each reply that was lost, with the same id"
    );
    let delivered = scenario.smtp.delivered_ids();
    assert_eq!((scenario.ledger.outcomes("sent"), delivered.len()), (200, 200));
    for row in scenario.ledger.deliveries() {
        let copies = delivered[&scenario.ledger.message_id(row.notification_id, row.participant_id)];
        assert_eq!(usize::try_from(row.attempts).unwrap(), copies, "{row:?}");
    }
    scenario.stop_and_check(worker);
}

#[test]
fn a_recipient_whose_mail_never_gets_a_reply_is_sent_one_more_copy_and_fails_alone() {
    let scenario = Scenario::with_relay("swallowed", 100)
        .connections(2)
        .env("RETRY_DELAY", "0.1")
        .env("DEFER_SCHEDULE", "1s 1s 1s")
        .build();
    let person = &scenario.people()[30];
    scenario.smtp.fail_recipient(&person.email, RecipientFault::DropAfterDot, usize::MAX);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let row = |id| scenario.ledger.deliveries().into_iter().find(|row| row.participant_id == id);
    assert!(row(person.id).is_none(), "it is deferred, and not for as short a time as a retry takes");
    scenario.wait_for_deferrals();
    let row = row(person.id).unwrap();
    assert_eq!((row.status.as_str(), row.smtp_code), ("failed", None));
    assert!(row.detail.as_ref().unwrap().contains("the relay may have it"));
    assert_eq!(scenario.duplicates(), 1);
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'sent' AND attempts = 1"), 99);
    assert!(!worker.log().contains(DOWN), "one mail does not open the breaker");
    scenario.stop_and_check(worker);
}
