//! A relay that is down or refuses us: the breaker opens, the log names the cause, and the breaker closes.

use super::{DOWN, UP, is_down, metric, nobody_was_charged, strict};
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{RELAY_PASSWORD, RELAY_USER, Scenario};
use testkit::smtp::gate::Point;
use testkit::smtp::step_fault::{Step, StepFault};
use testkit::smtp::{Capabilities, SmtpServer};
use testkit::wait::wait_until;

const FOR_EVER: usize = usize::MAX;

/// A relay with this fault from the start; then the fault ends.
#[track_caller]
fn passes(name: &str, step: Step, fault: StepFault, cause: &str) {
    let scenario = strict(Scenario::with_relay(name, 40)).build();
    scenario.smtp.fail_step(step, fault, FOR_EVER);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, cause);
    assert_eq!(scenario.ledger.count("deliveries"), 0);
    assert_eq!(scenario.smtp.log().received.len(), 0);
    scenario.smtp.clear_step_faults();
    worker.wait_for_log(UP);
    nobody_was_charged(&scenario, worker);
}

#[test]
fn the_relay_is_down_at_the_start() {
    let scenario = strict(Scenario::builder("down").participants(80)).build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, "Connection refused");
    // A probe fails, and the pause grows.
    let failures = metric(&worker, "fanmail_relay_failures_total");
    wait_until("a probe", || metric(&worker, "fanmail_relay_failures_total") > failures);
    assert_eq!(worker.log().matches(DOWN).count(), 1, "a probe that fails is not worth a line");
    assert_eq!(scenario.ledger.count("deliveries"), 0);
    scenario.smtp.come_up();
    worker.wait_for_log(UP);
    nobody_was_charged(&scenario, worker);
}

#[test]
fn the_relay_goes_down_in_the_middle() {
    let scenario = strict(Scenario::with_relay("middle", 300)).connections(4).build();
    scenario.smtp.gate().close_after(Point::BeforeBody, 100);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(4);
    scenario.smtp.go_down();
    scenario.smtp.gate().open();
    is_down(&worker, "Connection refused");
    wait_until("the outcomes of what was accepted", || scenario.ledger.count("deliveries") == 100);
    scenario.smtp.come_up();
    // The mails in flight had no body yet.
    nobody_was_charged(&scenario, worker);
}

#[test]
fn the_host_name_of_the_relay_does_not_resolve() {
    let scenario = strict(Scenario::with_relay("dns", 30)).env("SMTP_HOST", "relay.invalid").build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, "relay.invalid:");
    assert!(worker.log().contains("check SMTP_HOST and SMTP_PORT"));
    assert_eq!(scenario.ledger.count("deliveries"), 0);
    // A clean stop while the relay is down. A worker with the right host name finishes the work.
    let ended = worker.stop();
    scenario.check_redacted(&ended.err);
    let mut scenario = scenario;
    scenario.environment.insert("SMTP_HOST".to_owned(), "127.0.0.1".to_owned());
    let worker = scenario.worker();
    nobody_was_charged(&scenario, worker);
}

#[test]
fn the_relay_greets_with_a_refusal() {
    passes("g554", Step::Greeting, StepFault::HangUp("554 5.3.2 No service"), "554 5.3.2 No service");
}

#[test]
fn the_relay_drops_each_connection_before_its_greeting() {
    passes("g-drop", Step::Greeting, StepFault::HangUp(""), "the relay closed the connection");
}

#[test]
fn the_relay_refuses_the_sender() {
    passes("mail-550", Step::Mail, StepFault::Say(b"550 5.7.1 Sender refused"), "550 5.7.1 Sender refused");
}

#[test]
fn the_relay_refuses_the_sender_for_now() {
    passes("mail-452", Step::Mail, StepFault::Say(b"452 4.3.1 Disk is full"), "452 4.3.1 Disk is full");
}

fn with_login(name: &str) -> ScenarioBuilder {
    let credentials = Some((RELAY_USER.to_owned(), RELAY_PASSWORD.to_owned()));
    let relay = SmtpServer::with_capabilities(Capabilities { credentials, ..Capabilities::default() });
    strict(Scenario::builder(name).relay(relay).participants(200))
        .env("SMTP_USERNAME", RELAY_USER)
        .env("SMTP_PASSWORD", RELAY_PASSWORD)
}

#[test]
fn the_password_is_wrong_from_the_start() {
    let mut scenario = with_login("password").env("SMTP_PASSWORD", "guessed").build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, "check SMTP_USERNAME, SMTP_PASSWORD");
    assert!(!worker.log().contains("guessed"));
    assert_eq!(scenario.ledger.count("deliveries"), 0);
    worker.stop();
    scenario.environment.insert("SMTP_PASSWORD".to_owned(), RELAY_PASSWORD.to_owned());
    let worker = scenario.worker();
    nobody_was_charged(&scenario, worker);
}

/// The login works at first, fails for new connections, and then works again.
#[track_caller]
fn login_refused_in_the_middle(name: &str, refusal: &str, cause: &str) {
    let scenario = with_login(name).connections(4).env("SMTP_MAX_PER_CONNECTION", "10").build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 60);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(4);
    scenario.smtp.configure(|settings| settings.auth_refusal = Some(refusal.to_owned()));
    scenario.smtp.gate().open();
    is_down(&worker, cause);
    assert_eq!(worker.log().contains("check SMTP_USERNAME"), refusal.starts_with("535"));
    let sent = scenario.smtp.accepted();
    assert!((64..200).contains(&sent), "{sent} on connections that were there");
    scenario.smtp.configure(|settings| settings.auth_refusal = None);
    worker.wait_for_log(UP);
    nobody_was_charged(&scenario, worker);
}

#[test]
fn the_password_changes_in_the_middle() {
    login_refused_in_the_middle("auth-535", "535 5.7.8 Invalid credentials", "535");
}

#[test]
fn the_relay_cannot_check_passwords_for_a_while() {
    login_refused_in_the_middle("auth-454", "454 4.7.0 Temporary failure", "454");
}
