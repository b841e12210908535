//! The ledger goes back to an older copy while workers run: a restore from a backup, or a fail-over to a replica that
//! was behind. The ids of later notifications are then given a second time, and what is meant for the old notification
//! must never reach the new one.

use crate::counted::{lines_of, stop_and_count};
use crate::systems::on_every_system;
use testkit::amqp_proxy::{AckAction, AmqpProxy};
use testkit::process::Process;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 4;
const PEOPLE: usize = 300;
/// Mails whose outcomes are in the ledger when it goes back.
const BEFORE: usize = 43;
/// An event with one participant.
const OTHER: i64 = 77;

on_every_system!(
    the_outcomes_of_a_lost_row_with_a_message_id
    the_outcomes_of_a_lost_row_without_a_message_id
    the_outcomes_of_a_lost_row_beside_an_equal_one
    the_ack_of_a_lost_row_with_a_message_id
    the_ack_of_a_lost_row_without_a_message_id
    the_ack_of_a_lost_row_beside_an_equal_one
    outcomes_that_are_lost_are_sent_again
    a_lost_row_of_a_message_that_waits
);

fn scenario(system: System, name: &str) -> Scenario {
    let relay = Scenario::with_relay(name, PEOPLE).database(system).connections(LANES);
    relay.env("PREFETCH", "1").build()
}

/// Another worker opens a notification of this kind, which gets the id of the lost one, and has a mail in each lane. It is
/// frozen then.
fn reuse_the_id(scenario: &Scenario, kind: &str, message_id: Option<&str>) -> Process {
    let held = scenario.smtp.gate().held();
    let other = scenario.worker();
    wait_until("the other worker to consume", || scenario.queue.consumers() == 2);
    scenario.queue.publish(kind, EVENT, message_id);
    scenario.wait_until_held(held + LANES);
    check_new_row(scenario, kind);
    other.freeze();
    other
}

/// The id is used again, and the row shows nothing of the old one.
#[track_caller]
fn check_new_row(scenario: &Scenario, kind: &str) {
    let rows = scenario.ledger.notifications();
    let row = &rows[0];
    assert_eq!((row.id, row.kind.as_str()), (1, kind), "{rows:?}");
    assert_eq!((row.state.as_str(), row.completed, row.acked), ("running", false, false), "{rows:?}");
    assert_eq!(scenario.ledger.count("deliveries WHERE notification_id = 1"), 0);
}

/// The fan-out of the lost row goes on, beside the new row with its id.
fn outcomes(system: System, name: &str, kind: &str, message_ids: [Option<&str>; 2]) {
    let scenario = scenario(system, name);
    let empty = scenario.ledger.copy();
    let worker = scenario.worker_in_the_middle(LANES, BEFORE, message_ids[0]);
    scenario.ledger.restore(&empty);
    let other = reuse_the_id(&scenario, kind, message_ids[1]);
    scenario.smtp.gate().open();
    worker.wait_for_log(" completed: ");
    check_new_row(&scenario, kind);
    other.kill();
    scenario.wait_for_acks(2);
    let log = worker.log();
    let duplicates = stop_and_count(&scenario, worker);
    assert!((BEFORE..=BEFORE + 2 * LANES).contains(&duplicates), "{duplicates} duplicates");
    let told =
        lines_of("WARN", &log).iter().filter(|line| line.contains("is not in the database any more")).count();
    assert_eq!(told, 1, "{log}");
    assert_eq!(scenario.ledger.notifications().len(), 2);
}

fn the_outcomes_of_a_lost_row_with_a_message_id(system: System) {
    outcomes(system, "restored-id", "CANCELLED", [Some("old"), Some("new")]);
}

fn the_outcomes_of_a_lost_row_without_a_message_id(system: System) {
    outcomes(system, "restored", "CANCELLED", [None, None]);
}

/// Nothing but the first epoch tells the two rows from each other.
fn the_outcomes_of_a_lost_row_beside_an_equal_one(system: System) {
    outcomes(system, "restored-equal", "UPDATED", [None, None]);
}

/// The broker gets the ack of the lost row, and the worker is told so when the new row is there.
fn ack(system: System, name: &str, kind: &str, message_ids: [Option<&str>; 2]) {
    let mut scenario = scenario(system, name);
    scenario.seed(OTHER, 1);
    let empty = scenario.ledger.copy();
    let proxy = AmqpProxy::start(scenario.queue.broker.port, AckAction::Hold);
    let port = scenario.environment.insert("LAVINMQ_PORT".to_owned(), proxy.port.to_string());
    let worker = scenario.worker();
    scenario.environment.insert("LAVINMQ_PORT".to_owned(), port.unwrap());
    scenario.queue.publish("UPDATED", EVENT, message_ids[0]);
    proxy.wait_until_done();
    assert_eq!((scenario.ledger.completed(), scenario.smtp.accepted()), (1, PEOPLE));
    scenario.ledger.restore(&empty);
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    let other = reuse_the_id(&scenario, kind, message_ids[1]);
    scenario.smtp.gate().open();
    proxy.release();
    // What comes later is recorded later.
    scenario.queue.publish("UPDATED", OTHER, message_ids[0].map(|_| "other"));
    wait_until("the other event", || {
        scenario.ledger.notifications().iter().any(|row| row.event_id == OTHER && row.acked)
    });
    check_new_row(&scenario, kind);
    other.kill();
    scenario.wait_for_acks(2);
    let duplicates = stop_and_count(&scenario, worker);
    assert!(duplicates <= LANES, "{duplicates} duplicates");
    assert_eq!(scenario.ledger.notifications().len(), 2);
}

fn the_ack_of_a_lost_row_with_a_message_id(system: System) {
    ack(system, "restored-ack-id", "CANCELLED", [Some("old"), Some("new")]);
}

fn the_ack_of_a_lost_row_without_a_message_id(system: System) {
    ack(system, "restored-ack", "CANCELLED", [None, None]);
}

fn the_ack_of_a_lost_row_beside_an_equal_one(system: System) {
    ack(system, "restored-ack-equal", "UPDATED", [None, None]);
}

/// The row is in the copy, with fewer outcomes than it had.
fn outcomes_that_are_lost_are_sent_again(system: System) {
    let scenario = scenario(system, "restored-less");
    let worker = scenario.worker_in_the_middle(LANES, BEFORE, None);
    let copy = scenario.ledger.copy();
    scenario.smtp.gate().close_after(Point::BeforeReply, 150);
    wait_until("more outcomes", || scenario.ledger.outcomes("sent") == BEFORE + 150);
    scenario.wait_until_held(LANES);
    scenario.ledger.restore(&copy);
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    let duplicates = stop_and_count(&scenario, worker);
    assert!((150..=150 + LANES).contains(&duplicates), "{duplicates} duplicates");
    assert_eq!(scenario.ledger.notifications().len(), 1);
    scenario.check_ledger_matches_relay();
}

/// Both messages of the event are in the hands of the worker, and no row of them is in the copy.
fn a_lost_row_of_a_message_that_waits(system: System) {
    let relay = Scenario::with_relay("restored-wait", PEOPLE).database(system).connections(LANES);
    let scenario = relay.build();
    let empty = scenario.ledger.copy();
    scenario.smtp.gate().close_after(Point::BeforeReply, BEFORE);
    let worker = scenario.worker();
    for message_id in [None, Some("with id"), None] {
        scenario.queue.publish("UPDATED", EVENT, message_id);
    }
    scenario.wait_until_held(LANES);
    wait_until("the outcomes", || scenario.ledger.outcomes("sent") == BEFORE);
    wait_until("all to be opened", || scenario.ledger.notifications().len() == 3);
    scenario.ledger.restore(&empty);
    scenario.smtp.gate().open();
    scenario.wait_for_acks(3);
    assert_eq!(stop_and_count(&scenario, worker), BEFORE + LANES);
    assert_eq!(scenario.ledger.notifications().len(), 3);
}
