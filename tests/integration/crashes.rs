//! The worker is killed or stopped in the middle, and the broker is killed. Nobody is skipped; nobody is mailed twice
//! but for the mails in flight when the worker is killed.

use std::time::Duration;

use crate::systems::on_every_system;
use testkit::broker::Broker;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::{wait_for, wait_until};

const LANES: usize = 4;

on_every_system!(
    killed_in_the_middle_with_a_message_id
    killed_in_the_middle_without_a_message_id
    no_lane_sends_a_second_body_before_the_first_is_in_the_ledger
    stopped_in_the_middle_several_times
);

/// Kills the worker while the relay holds a mail of each lane, at a few points of the fan-out.
fn killed_in_the_middle(system: System, name: &str, message_id: Option<&str>) {
    let scenario = Scenario::with_relay(name, 300).database(system).connections(LANES).build();
    scenario.queue.publish("UPDATED", EVENT, message_id);
    let kills = [
        (Point::BeforeReply, 0),
        (Point::BeforeReply, 70),
        (Point::BeforeBody, 31),
        (Point::BeforeReply, 99),
    ];
    for (point, mails) in kills {
        scenario.smtp.gate().close_after(point, mails);
        let worker = scenario.worker();
        scenario.wait_until_held(LANES);
        let log = worker.kill();
        scenario.check_redacted(&log);
        scenario.wait_until_held(0);
    }
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!(scenario.smtp.delivered_ids().len(), 300, "a participant was skipped");
    let rows = scenario.ledger.notifications();
    assert_eq!(rows.len(), 1, "a redelivery became another notification");
    assert_eq!(rows[0].message_key.as_deref(), message_id);
    let duplicates = scenario.duplicates();
    assert!(duplicates <= kills.len() * LANES, "{duplicates} duplicates");
    // Without duplicates, the kills have missed the moment that this test is about.
    assert!(duplicates > 0);
    scenario.stop_and_check(worker);
}

fn killed_in_the_middle_with_a_message_id(system: System) {
    killed_in_the_middle(system, "killed-id", Some("killed"));
}

fn killed_in_the_middle_without_a_message_id(system: System) {
    killed_in_the_middle(system, "killed", None);
}

/// Because of this, a kill repeats at most one mail for each lane.
fn no_lane_sends_a_second_body_before_the_first_is_in_the_ledger(system: System) {
    let scenario = Scenario::with_relay("recorded", 100).database(system).connections(LANES).build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(LANES);
    let lock = scenario.ledger.lock_deliveries();
    scenario.smtp.gate().open();
    wait_until("the next envelopes", || scenario.smtp.log().commands["DATA"] == 2 * LANES);
    worker.kill();
    wait_until("the connections to end", || scenario.smtp.log().open == 0);
    assert_eq!(scenario.smtp.log().received.len(), LANES);
    drop(lock);
    assert_eq!(scenario.ledger.count("deliveries"), 0);

    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.delivered_ids().len(), scenario.duplicates()), (100, LANES));
    scenario.stop_and_check(worker);
}

fn stopped_in_the_middle_several_times(system: System) {
    let scenario = Scenario::with_relay("stopped", 300).database(system).connections(LANES).build();
    scenario.publish("UPDATED");
    for (point, mails) in [(Point::BeforeReply, 20), (Point::BeforeBody, 60), (Point::BeforeReply, 90)] {
        scenario.smtp.gate().close_after(point, mails);
        let worker = scenario.worker();
        scenario.wait_until_held(LANES);
        worker.terminate();
        worker.wait_for_log("stopping");
        scenario.smtp.gate().open();
        let ended = worker.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        scenario.check_redacted(&ended.err);
        assert_eq!(scenario.queue.depth(), 1, "the message belongs back into the queue");
        assert_eq!(scenario.ledger.completed(), 0);
        assert_eq!(scenario.ledger.outcomes("sent"), scenario.smtp.accepted());
    }
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (300, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn stopped_while_idle() {
    let scenario = Scenario::with_relay("idle", 0).build();
    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    worker.terminate();
    let ended = worker.wait_within(Duration::from_secs(10));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
}

#[test]
fn a_second_signal_ends_the_worker_at_once() {
    let scenario = Scenario::with_relay("second", 50).connections(LANES).build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 10);
    scenario.publish("UPDATED");
    let worker = scenario.worker();
    scenario.wait_until_held(LANES);
    worker.terminate();
    worker.wait_for_log("stopping");
    // fanmail takes a second signal right behind the first for the same signal.
    let mut worker = worker;
    wait_until("the worker to end", || {
        worker.terminate();
        !worker.is_running()
    });
    let ended = worker.wait_within(Duration::from_secs(10));
    assert_eq!(ended.code, Some(1));
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!(scenario.smtp.delivered_ids().len(), 50);
    assert!(scenario.duplicates() <= LANES);
    scenario.stop_and_check(worker);
}

#[test]
fn a_stop_that_takes_too_long_is_cut_short() {
    let scenario =
        Scenario::with_relay("too-long", 50).connections(LANES).env("SHUTDOWN_TIMEOUT", "0.5").build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 10);
    scenario.publish("UPDATED");
    let worker = scenario.worker();
    scenario.wait_until_held(LANES);
    worker.terminate();
    let ended = worker.wait_within(Duration::from_secs(10));
    assert_ne!(ended.code, Some(0), "what it could not finish is not fine");
    assert_eq!(scenario.ledger.outcomes("sent"), 10);
    wait_until("the message to be back", || scenario.queue.depth() == 1);
}

#[test]
fn the_broker_is_killed_in_the_middle() {
    let broker = Broker::own();
    broker.start();
    let scenario = Scenario::with_relay("broker", 300).broker(&broker).connections(LANES).build();
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    broker.restart();
    scenario.smtp.gate().close_after(Point::BeforeReply, 100);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(LANES);
    broker.kill();
    scenario.smtp.gate().open();
    // A running fan-out needs no broker.
    wait_for("the fan-out to go on", Duration::from_secs(20), || {
        (scenario.ledger.completed() == 1).then_some(())
    });
    assert_eq!(scenario.smtp.accepted(), 300);
    assert!(!scenario.ledger.notifications()[0].acked);
    broker.start();
    scenario.wait_for_acks(1);
    scenario.publish("CANCELLED");
    scenario.wait_for_acks(2);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (600, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn the_broker_starts_after_the_worker() {
    let broker = Broker::own();
    let scenario = Scenario::with_relay("later", 40).broker(&broker).build();
    let mut worker = scenario.worker();
    worker.wait_for_log(&broker.port.to_string());
    assert!(worker.is_running());
    broker.start();
    scenario.publish("CREATED");
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (40, 0));
    let lines = worker.log().lines().count();
    assert!(lines < 30, "a line for each state change, not for each try: {lines}");
    scenario.stop_and_check(worker);
}
