//! Several workers on one queue and one database: each notification belongs to one worker, also when a worker is killed
//! or frozen in the middle.

use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::wait::wait_until;

const LANES: usize = 3;

#[test]
fn two_workers_share_the_notifications_of_many_events() {
    const EVENTS: i64 = 12;
    let scenario = Scenario::with_relay("shared", 0).connections(LANES).env("PREFETCH", "2").build();
    for event in 1..=EVENTS {
        scenario.seed(event, 40);
    }
    let workers = [scenario.worker(), scenario.worker()];
    wait_until("both workers to consume", || scenario.queue.consumers() == 2);
    for event in 1..=EVENTS {
        scenario.queue.publish("UPDATED", event, (event % 2 == 0).then_some(&format!("of-{event}")));
    }
    scenario.wait_for_acks(12);
    let [one, other] = workers;
    for worker in [&one, &other] {
        assert!(worker.log().contains("completed: 40 sent"), "each had its share:\n{}", worker.log());
    }
    other.stop();
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (40 * 12, 0));
    scenario.stop_and_check(one);
}

#[test]
fn the_work_of_a_killed_worker_is_taken_over_at_once_on_the_same_machine() {
    // So soon, only the process id in the lease can show that its owner has exited.
    let scenario =
        Scenario::with_relay("succeeded", 200).connections(LANES).env("LEASE_TIMEOUT", "3600").build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 50);
    scenario.publish("UPDATED");
    let killed = scenario.worker();
    scenario.wait_until_held(LANES);
    killed.kill();
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!(scenario.smtp.delivered_ids().len(), 200);
    assert!(scenario.duplicates() <= LANES, "{}", scenario.duplicates());
    scenario.stop_and_check(worker);
}

#[test]
fn the_work_of_a_frozen_worker_is_taken_over_and_its_late_writes_are_refused() {
    let scenario = Scenario::with_relay("frozen", 200).connections(LANES).env("LEASE_TIMEOUT", "1").build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 50);
    scenario.queue.publish("UPDATED", EVENT, Some("once"));
    let frozen = scenario.worker();
    scenario.wait_until_held(LANES);
    frozen.freeze();
    // The broker would detect the freeze only after some heartbeats. A message that was published twice gives it to the
    // other worker at once.
    let worker = scenario.worker();
    wait_until("the other worker to consume", || scenario.queue.consumers() == 2);
    scenario.queue.publish("UPDATED", EVENT, Some("once"));
    worker.wait_for_log(" resumed");
    scenario.smtp.gate().open();
    wait_until("the other worker to complete it", || scenario.ledger.completed() == 1);

    let before = scenario.smtp.delivered_ids();
    assert_eq!(before.len(), 200);
    frozen.thaw();
    frozen.wait_for_log("was taken over by another worker");
    wait_until("both messages to be acked", || scenario.queue.depth() == 0);
    frozen.wait_for_log("was completed before; message acked");
    assert_eq!(scenario.smtp.delivered_ids(), before, "it sent nothing after the thaw");
    assert!(scenario.duplicates() <= LANES, "{}", scenario.duplicates());
    frozen.stop();
    scenario.stop_and_check(worker);
}

#[test]
fn of_two_retries_at_once_one_is_refused() {
    let scenario = Scenario::with_relay("two-retries", 30)
        .connections(LANES)
        .env("MAX_RETRIES", "0")
        .env("DEFER_SCHEDULE", "off")
        .build();
    for person in scenario.people() {
        scenario.smtp.fail_recipient(&person.email, testkit::smtp::RecipientFault::Rcpt("450 4.2.1 Busy"), 1);
    }
    scenario.publish("UPDATED");
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!(scenario.ledger.outcomes("failed"), 30);
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    let retry = scenario.start(&["retry", "--notification", "1"]);
    scenario.wait_until_held(LANES);
    let second = scenario.run(&["retry", "--notification", "1"]);
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("is being sent again by"), "{}", second.err);
    scenario.smtp.gate().open();
    assert_eq!(retry.wait().code, Some(0));
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (30, 0));
    assert_eq!(scenario.ledger.outcomes("sent"), 30);
    scenario.stop_and_check(worker);
}
