//! A relay that refuses, breaks connections, freezes or is down. A recipient is charged only for a failure of its own.
//! Nobody is skipped, and nobody is mailed twice but by a fault of the relay.

mod frozen;
mod limits;
mod outages;
mod recipients;
mod relay_wide;
mod replies;
mod sessions;
mod throttled;

use testkit::http::get_from_worker;
use testkit::metrics::metric;
use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::scenario::builder::ScenarioBuilder;

/// Logged when the breaker opens, and when it closes.
const DOWN: &str = "the relay does not work";
const UP: &str = "the relay works again";

/// A scenario in which one charged attempt is a failure. The worker has an HTTP server.
fn strict(setup: ScenarioBuilder) -> ScenarioBuilder {
    setup.env("MAX_RETRIES", "0").env("HTTP_ADDR", "127.0.0.1:0")
}

/// Waits until the breaker is open, and checks that the log and `/healthz` name this cause.
#[track_caller]
fn is_down(worker: &Process, cause: &str) {
    worker.wait_for_log(DOWN);
    let health = get_from_worker(worker, "/healthz");
    assert!(health.starts_with("HTTP/1.1 503 ") && health.contains("relay: down since "), "{health}");
    assert!(health.contains(cause), "{cause:?} is not in {health}");
    assert!(worker.log().contains(cause), "{cause:?} is not in the log");
    assert_eq!(metric(worker, "fanmail_breaker_open"), 1);
}

/// At the end the notification is complete, each participant has got exactly one mail with one charged attempt, and
/// `/healthz` says that the relay works.
#[track_caller]
fn nobody_was_charged(scenario: &Scenario, worker: Process) {
    scenario.wait_for_acks(1);
    let rows = scenario.ledger.deliveries();
    assert_eq!(rows.len(), scenario.people().len());
    for row in rows {
        assert_eq!((row.status.as_str(), row.attempts), ("sent", 1), "{row:?}");
    }
    assert_eq!(scenario.duplicates(), 0);
    if scenario.environment.contains_key("HTTP_ADDR") {
        assert!(get_from_worker(&worker, "/healthz").starts_with("HTTP/1.1 200 "));
        assert_eq!(metric(&worker, "fanmail_breaker_open"), 0);
    }
    scenario.stop_and_check(worker);
}
