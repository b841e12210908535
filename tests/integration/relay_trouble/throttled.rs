//! A relay that throttles: fanmail sends more slowly and charges nobody. `/healthz` stays at 200.

use std::time::Duration;

use super::{DOWN, metric};
use testkit::http::get_from_worker;
use testkit::metrics::measured;
use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::policy::Policy;
use testkit::smtp::step_fault::Step;
use testkit::wait::wait_until;

/// A relay that throttles works: the note in `/healthz` and `status` is no problem.
#[test]
fn a_relay_that_throttles_slows_the_worker_down_and_charges_nobody() {
    let scenario = Scenario::with_relay("throttled", 150)
        .env("MAX_RETRIES", "0")
        .env("DEFER_SCHEDULE", "off")
        .env("LEASE_TIMEOUT", "1")
        .env("HTTP_ADDR", "127.0.0.1:0")
        .build();
    let reply = "454 Throttling failure: Maximum sending rate exceeded.";
    scenario.smtp.add_policy(Policy::rate(Step::Dot, reply, 20));
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    wait_until("a pace", || measured(&worker, "fanmail_pace_per_second") > 0.0);
    assert!(metric(&worker, "fanmail_throttled_total") > 0);
    let health = get_from_worker(&worker, "/healthz");
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    assert!(health.contains("relay: asks for fewer mails"), "{health}");
    wait_until("the note in status", || scenario.status_text().contains("relay: asks for fewer mails"));
    scenario.wait_for_acks(1);
    for row in scenario.ledger.deliveries() {
        assert_eq!((row.status.as_str(), row.attempts), ("sent", 1), "{row:?}");
    }
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (150, 0));
    assert_eq!(metric(&worker, "fanmail_throttled_total"), scenario.smtp.log().refusals.len());
    assert_eq!(metric(&worker, "fanmail_relay_failures_total"), 0);
    assert!(!worker.log().contains(DOWN), "it answers, so it works");
    scenario.stop_and_check(worker);
}

/// The relay names a pause: no mail goes out before it is over.
#[test]
fn the_pause_that_the_relay_names_is_kept() {
    let scenario =
        Scenario::with_relay("pause", 60).connections(2).env("MAX_RETRIES", "0").env("DEFER_SCHEDULE", "off");
    let scenario = scenario.build();
    let person = scenario.people()[30].clone();
    let reply = "450 4.7.1 Too many messages, try again in 3 seconds";
    scenario.smtp.fail_recipient(&person.email, RecipientFault::Rcpt(reply), 1);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let mut times: Vec<_> = scenario.smtp.log().received.iter().map(|mail| mail.at).collect();
    times.sort();
    let pauses = times.windows(2).map(|two| two[1].saturating_duration_since(two[0]));
    let longest = pauses.max().unwrap();
    assert!(longest >= Duration::from_millis(2_900), "{longest:?}");
    assert_eq!(scenario.ledger.count("deliveries WHERE status = 'sent' AND attempts = 1"), 60);
    assert_eq!(scenario.duplicates(), 0);
    scenario.stop_and_check(worker);
}

/// The upper limit holds from the first mail on.
#[test]
fn smtp_rate_is_an_upper_limit() {
    let scenario = Scenario::with_relay("rate", 60).env("SMTP_RATE", "20/s").build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let times: Vec<_> = scenario.smtp.log().received.iter().map(|mail| mail.at).collect();
    let took = times.iter().max().unwrap().saturating_duration_since(*times.iter().min().unwrap());
    assert!(took >= Duration::from_millis(2_500), "60 mails in {took:?}");
    scenario.stop_and_check(worker);
}
