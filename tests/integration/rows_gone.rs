//! The row of a notification vanishes from the ledger while a worker needs it: a DELETE by hand, or a fail-over to an
//! older replica. It is opened anew, and everyone is mailed again: twice rather than never.

use std::sync::Arc;

use crate::counted::{lines_of, stop_and_count};
use crate::systems::on_every_system;
use testkit::broker::Broker;
use testkit::process::Process;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 4;
const PEOPLE: usize = 300;
/// Mails whose outcomes are in the ledger when the row vanishes.
const BEFORE: usize = 43;

on_every_system!(
    the_row_of_a_running_notification_with_a_message_id
    the_row_of_a_running_notification_without_a_message_id
    only_the_row_and_not_its_outcomes
    the_row_vanishes_twice
    the_row_of_a_waiting_notification_with_a_message_id
    the_row_of_a_waiting_notification_without_a_message_id
    the_row_of_a_notification_whose_lease_another_worker_waits_for_with_a_message_id
    the_row_of_a_notification_whose_lease_another_worker_waits_for_without_a_message_id
);

/// An event without participants.
const EMPTY: i64 = 9;

/// What is deleted.
const ROW: &str = "DELETE FROM notifications";
const ROW_AND_OUTCOMES: &str = "DELETE FROM notifications; DELETE FROM deliveries";

/// Waits until the worker is done with all messages. Whether it has done well is checked afterwards.
fn wait_for_the_end(scenario: &Scenario, worker: &Process, notifications: usize) {
    wait_until("the messages to be acked", || {
        let acked = scenario.ledger.count("notifications WHERE acked_at IS NOT NULL");
        acked >= notifications || worker.log().contains("was completed before; message acked")
    });
}

/// The log tells it once for each time.
#[track_caller]
fn check_told(log: &str, notification: i64, times: usize) {
    let warnings = lines_of("WARN", log);
    let about = format!("notification {notification} ");
    let told: Vec<&String> = warnings
        .iter()
        .filter(|line| line.contains(&about) && line.contains("is not in the database any more"))
        .collect();
    assert_eq!(told.len(), times, "{warnings:#?}");
    assert!(!log.contains("was completed before"), "{log}");
    assert_eq!(lines_of("ERROR", log), Vec::<String>::new());
}

fn running(system: System, name: &str, message_id: Option<&str>, deleted: &str) {
    let scenario = Scenario::with_relay(name, PEOPLE).database(system).connections(LANES).build();
    let worker = scenario.worker_in_the_middle(LANES, BEFORE, message_id);
    scenario.ledger.execute(deleted);
    scenario.smtp.gate().open();
    wait_for_the_end(&scenario, &worker, 1);
    let log = worker.log();
    assert_eq!(stop_and_count(&scenario, worker), BEFORE + LANES);
    check_told(&log, 1, 1);
    let rows = scenario.ledger.notifications();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.message_key.as_deref(), message_id);
    assert_eq!(scenario.status()[0]["sent"], PEOPLE);
}

fn the_row_of_a_running_notification_with_a_message_id(system: System) {
    running(system, "row-running-id", Some("gone"), ROW_AND_OUTCOMES);
}

fn the_row_of_a_running_notification_without_a_message_id(system: System) {
    running(system, "row-running", None, ROW_AND_OUTCOMES);
}

/// As after a DELETE by hand. The next purge deletes what is left.
fn only_the_row_and_not_its_outcomes(system: System) {
    running(system, "row-only", Some("gone"), ROW);
}

/// The new row vanishes as well.
fn the_row_vanishes_twice(system: System) {
    let scenario = Scenario::with_relay("row-twice", PEOPLE).database(system).connections(LANES).build();
    let worker = scenario.worker_in_the_middle(LANES, BEFORE, None);
    for times in 1..=2 {
        scenario.ledger.execute(ROW_AND_OUTCOMES);
        scenario.smtp.gate().close_after(Point::BeforeReply, LANES + BEFORE);
        wait_until("the fan-out to begin anew", || scenario.ledger.outcomes("sent") == BEFORE);
        assert_eq!(scenario.smtp.accepted(), times * (BEFORE + LANES) + BEFORE);
        scenario.wait_until_held(LANES);
    }
    scenario.smtp.gate().open();
    wait_for_the_end(&scenario, &worker, 1);
    assert_eq!(stop_and_count(&scenario, worker), 2 * (BEFORE + LANES));
}

/// Its message waits in the hands of the worker, behind another one of its event.
fn waiting(system: System, name: &str, message_ids: [Option<&str>; 2]) {
    let scenario = Scenario::with_relay(name, PEOPLE).database(system).connections(LANES).build();
    let worker = scenario.worker_in_the_middle(LANES, BEFORE, message_ids[0]);
    scenario.queue.publish("UPDATED", EVENT, message_ids[1]);
    wait_until("the other one to be opened", || scenario.ledger.notifications().len() == 2);
    scenario.ledger.execute("DELETE FROM notifications WHERE id = 2");
    scenario.smtp.gate().open();
    wait_for_the_end(&scenario, &worker, 2);
    let log = worker.log();
    assert_eq!(stop_and_count(&scenario, worker), 0, "it had not begun");
    check_told(&log, 2, 1);
    assert_eq!(scenario.ledger.notifications().len(), 2);
}

fn the_row_of_a_waiting_notification_with_a_message_id(system: System) {
    waiting(system, "row-waiting-id", [Some("first"), Some("gone")]);
}

fn the_row_of_a_waiting_notification_without_a_message_id(system: System) {
    waiting(system, "row-waiting", [None, None]);
}

/// The worker that has the lease is frozen, and the broker has given its message to the other one. Without an id, the other one has
/// to know that the frozen one does not open the message once more.
fn waited_for(system: System, name: &str, message_id: Option<&str>) {
    let lease_timeout = if message_id.is_some() { "3600" } else { "2" };
    let broker = Broker::own();
    broker.start();
    let scenario = Scenario::with_relay(name, PEOPLE)
        .broker(&broker)
        .database(system)
        .connections(LANES)
        .env("LEASE_TIMEOUT", lease_timeout)
        .build();
    scenario.ledger.execute(&format!("INSERT INTO events (id, title) VALUES ({EMPTY}, 'Nobody comes')"));
    let frozen = scenario.worker_in_the_middle(LANES, BEFORE, message_id);
    frozen.freeze();
    let worker = scenario.worker();
    wait_until("the other worker to consume", || scenario.queue.consumers() == 2);
    close_connections(&broker);
    // It comes behind the message that is redelivered, and needs no mail.
    scenario.queue.publish("UPDATED", EMPTY, Some("empty"));
    scenario.wait_for_acks(1);
    scenario
        .ledger
        .execute(&format!("DELETE FROM notifications WHERE event_id = {EVENT}; DELETE FROM deliveries"));
    scenario.smtp.gate().open();
    wait_for_the_end(&scenario, &worker, 2);
    frozen.thaw();
    wait_until("the thawed worker to consume again", || scenario.queue.consumers() == 2);
    let frozen = frozen.stop();
    scenario.check_redacted(&frozen.err);
    let duplicates = stop_and_count(&scenario, worker);
    assert!((BEFORE..=BEFORE + LANES).contains(&duplicates), "{duplicates} duplicates\n{}", frozen.err);
    assert_eq!(scenario.ledger.notifications().len(), 2);
}

/// The broker gives up all connections, and their messages go to other consumers.
fn close_connections(broker: &Arc<Broker>) {
    broker.ctl(&["close_all_connections", "closed by the test"]);
}

fn the_row_of_a_notification_whose_lease_another_worker_waits_for_with_a_message_id(system: System) {
    waited_for(system, "row-waited-id", Some("gone"));
}

fn the_row_of_a_notification_whose_lease_another_worker_waits_for_without_a_message_id(system: System) {
    waited_for(system, "row-waited", None);
}
