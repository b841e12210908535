//! What `fanmail status` shows about workers: their problems, whether they run, and what they have left behind.

use serde_json::{Value, json};

use testkit::scenario::Scenario;
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::wait::{TIMEOUT, wait_for, wait_until};

#[test]
fn status_shows_the_problem_of_a_worker_and_drops_the_worker_when_it_stops() {
    let scenario = Scenario::builder("status-trouble").participants(5).env("LEASE_TIMEOUT", "1").build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    let text = wait_for("the worker to report its problem", TIMEOUT, || {
        Some(scenario.status_text()).filter(|text| text.contains("\n    relay: down since "))
    });
    assert!(text.contains("Connection refused"), "{text}");
    let workers = scenario.workers();
    let [one] = &workers[..] else { panic!("{workers:?}") };
    let name = one["worker"].as_str().unwrap();
    assert_eq!(one["presence"], "at work");
    assert!(one["troubles"][0].as_str().unwrap().starts_with("relay: down since "), "{one}");
    assert_eq!(text.matches(name).count(), 2, "in the list, and beside its notification:\n{text}");
    assert_eq!(scenario.status()[0]["worker"], name);

    scenario.smtp.come_up();
    scenario.wait_for_acks(1);
    wait_until("the problem to be over", || scenario.workers()[0]["troubles"] == json!([]));
    let text = scenario.status_text();
    assert_eq!(text.matches(name).count(), 1, "it works at nothing:\n{text}");
    scenario.stop_and_check(worker);
    assert_eq!(scenario.workers(), Vec::<Value>::new());
    assert!(scenario.status_text().starts_with("No worker is running.\n"));
}

#[test]
fn status_shows_a_killed_worker_as_gone_in_both_lists() {
    let scenario = Scenario::with_relay("status-gone", 50).env("LEASE_TIMEOUT", "3600").build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 10);
    scenario.publish("UPDATED");
    let worker = scenario.worker();
    scenario.wait_until_held(4);
    wait_until("the worker to report", || scenario.workers().len() == 1);
    worker.kill();
    let name = scenario.workers()[0]["worker"].as_str().unwrap().to_owned();
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(0), "all of it adds up: {ended:?}");
    let first = "No worker is running; 1 unfinished notification. Start one with: fanmail worker\n";
    assert!(ended.out.starts_with(&format!("{first}worker {name} since ")), "{}", ended.out);
    assert!(ended.out.contains(", gone: "), "{}", ended.out);
    let lost = format!("Lost their worker: notification 1 ({name}, gone). ");
    assert!(ended.err.contains(&lost), "{}", ended.err);

    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    let workers = wait_for("the other worker to report", TIMEOUT, || {
        Some(scenario.workers()).filter(|workers| workers.len() == 2)
    });
    let presence: Vec<&Value> = workers.iter().map(|worker| &worker["presence"]).collect();
    assert_eq!(presence, ["gone", "at work"]);
    scenario.stop_and_check(worker);
}

#[test]
fn a_retry_is_not_listed_as_a_worker() {
    let scenario = Scenario::with_relay("status-retry", 3)
        .connections(1)
        .env("MAX_RETRIES", "0")
        .env("DEFER_SCHEDULE", "off")
        .env("LEASE_TIMEOUT", "1")
        .build();
    for person in scenario.people() {
        scenario.smtp.fail_recipient(&person.email, RecipientFault::Rcpt("450 later"), 1);
    }
    scenario.publish("UPDATED");
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    worker.stop();
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(0), "it adds up: {ended:?}");
    assert!(
        ended.err.contains("Failed deliveries: notification 1 (3 temporary, 0 permanent). "),
        "{}",
        ended.err
    );

    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    let retry = scenario.start(&["retry", "--notification", "1"]);
    scenario.wait_until_held(1);
    // The retry has the lease. When it renews the lease a second time, it has reported itself after the first.
    for _ in 0..2 {
        let until = lease(&scenario);
        wait_until("the lease to be renewed", || lease(&scenario) != until);
    }
    assert_eq!(scenario.workers(), Vec::<Value>::new());
    let ended = scenario.run(&["status"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.starts_with("No worker is running.\n"), "{}", ended.out);
    assert!(ended.err.contains("; 3 participants pending: fanmail retry is running ("), "{}", ended.err);
    scenario.smtp.gate().open();
    assert_eq!(retry.wait().code, Some(0));
    scenario.check_completed();
}

/// The end of the lease of the only notification.
fn lease(scenario: &Scenario) -> String {
    let out = scenario.run(&["status", "--format", "json"]).out;
    let lines: Vec<Value> = serde_json::from_str(&out).unwrap();
    lines[0]["lease_until"].as_str().unwrap().to_owned()
}
