//! A relay that accepts connections and sends no replies from some step on; and a slow one.

use std::time::{Duration, Instant};

use super::{is_down, metric, nobody_was_charged, strict};
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::wait::wait_until;

/// Timeout for a reply, in seconds.
const TIMEOUT: &str = "0.5";

/// Frozen at `point` after `first` mails until the breaker is open, then it works again. A held mail is charged when
/// the recipient may be the cause, and is never lost.
#[track_caller]
fn freezes(name: &str, point: Point, first: usize, cause: &str) -> (Scenario, testkit::process::Process) {
    let scenario = Scenario::with_relay(name, 150)
        .connections(4)
        .env("SMTP_TIMEOUT", TIMEOUT)
        .env("SMTP_DATA_TIMEOUT", TIMEOUT)
        .env("RETRY_DELAY", "0.1")
        .env("DEFER_SCHEDULE", "1s")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .build();
    scenario.smtp.gate().close_after(point, first);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    let start = Instant::now();
    is_down(&worker, cause);
    assert!(start.elapsed() < Duration::from_secs(20), "SMTP_TIMEOUT bounds each wait");
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    scenario.wait_for_deferrals();
    assert_eq!(scenario.ledger.outcomes("sent"), 150);
    assert_eq!(metric(&worker, "fanmail_breaker_open"), 0);
    (scenario, worker)
}

#[test]
fn frozen_from_the_start() {
    let (scenario, worker) = freezes("frozen", Point::Greeting, 0, "no answer within SMTP_TIMEOUT");
    nobody_was_charged(&scenario, worker);
}

#[test]
fn frozen_for_new_connections_in_the_middle() {
    // Open connections are renewed after ten mails.
    let scenario =
        strict(Scenario::with_relay("frozen-new", 150)).connections(4).env("SMTP_TIMEOUT", TIMEOUT);
    let scenario = scenario.env("SMTP_MAX_PER_CONNECTION", "10").build();
    scenario.smtp.gate().close_after(Point::Greeting, 4);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    is_down(&worker, "cannot connect: no answer within SMTP_TIMEOUT");
    assert_eq!(scenario.smtp.accepted(), 40);
    scenario.smtp.gate().open();
    nobody_was_charged(&scenario, worker);
}

#[test]
fn frozen_at_mail() {
    let (scenario, worker) = freezes("frozen-mail", Point::Mail, 50, "no answer within SMTP_TIMEOUT");
    nobody_was_charged(&scenario, worker);
}

/// The relay has accepted sender and recipient and sends no more: the recipient may be the cause, so an attempt is
/// charged.
#[test]
fn frozen_in_the_envelope() {
    for (name, point) in [("frozen-rcpt", Point::Rcpt), ("frozen-data", Point::BeforeBody)] {
        let (scenario, worker) = freezes(name, point, 50, "no answer within SMTP_TIMEOUT");
        let charged = scenario.ledger.count("deliveries WHERE attempts > 1");
        assert!((1..=8).contains(&charged), "{charged} were charged, of four lanes and some probes");
        assert_eq!(scenario.duplicates(), 0, "no body was written");
        scenario.stop_and_check(worker);
    }
}

#[test]
fn frozen_after_the_dot() {
    let (scenario, worker) = freezes("frozen-dot", Point::BeforeReply, 50, "the relay may have it");
    let ambiguous = metric(&worker, "fanmail_ambiguous_total");
    assert!((3..=8).contains(&ambiguous), "{ambiguous} were left without a reply");
    assert_eq!(scenario.duplicates(), ambiguous, "as many as the replies that did not come");
    scenario.stop_and_check(worker);
}

#[test]
fn a_slow_relay_and_a_stop_in_the_middle() {
    let scenario = strict(Scenario::with_relay("slow", 30)).connections(3).build();
    scenario.smtp.configure(|settings| settings.reply_delay = Duration::from_secs(2));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    wait_until("bodies without a reply", || scenario.smtp.log().received.len() >= 3);
    // Exit code 0: the mails in flight are finished.
    let ended = worker.stop();
    scenario.check_redacted(&ended.err);
    let sent = scenario.smtp.accepted();
    assert!((3..30).contains(&sent), "{sent} were sent before the stop");
    assert_eq!(scenario.ledger.outcomes("sent"), sent);
    scenario.smtp.configure(|settings| settings.reply_delay = Duration::ZERO);
    let worker = scenario.worker();
    nobody_was_charged(&scenario, worker);
}

/// One body is scanned for seconds. The mail that was announced behind it goes out over an idle connection meanwhile.
#[test]
fn a_slow_reply_to_one_body_holds_up_no_other_mail() {
    let delay = Duration::from_secs(8);
    let scenario = strict(Scenario::with_relay("slow-body", 40)).connections(2).build();
    let slow = scenario.people()[15].email.clone();
    scenario.smtp.fail_recipient(&slow, RecipientFault::LateReply(delay), 1);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    wait_until("all others to be accepted", || scenario.smtp.accepted() >= 39);
    let log = scenario.smtp.log();
    let (slow, others): (Vec<_>, Vec<_>) = log.received.iter().partition(|mail| mail.recipient == slow);
    let waited = others.iter().map(|mail| mail.at).max().unwrap() - slow[0].at;
    assert!((Duration::from_secs(2)..delay).contains(&waited), "the announced mail waited for {waited:?}");
    nobody_was_charged(&scenario, worker);
    assert_eq!(scenario.duplicates(), 0);
}
