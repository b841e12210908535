//! The database is locked or its disk is full; `servers`: it is down, killed, frozen. The worker pauses, acks nothing,
//! forgets no mail that the relay has accepted, and continues by itself: nobody is skipped, nobody is mailed twice.

use std::time::Duration;

use crate::systems::on_every_system;
use testkit::full_disk::with_small_disk;
use testkit::http;
use testkit::ports::free_port;
use testkit::process::Process;
use testkit::scenario::Scenario;
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

#[cfg(any(feature = "mysql", feature = "postgres"))]
mod servers;

const LANES: usize = 4;
/// Mails that are sent before the database fails.
const BEFORE: usize = 70;
const PEOPLE: usize = 300;

/// Logged when the database stops working.
const BEGINS: &str = "nothing is acked or lost";
/// Logged when the database works again.
const OVER: &str = "the database works again";

/// A worker in the middle of a fan-out. Each lane waits for the reply to a mail.
fn in_the_middle(scenario: &Scenario) -> Process {
    scenario.smtp.gate().close_after(Point::BeforeReply, BEFORE);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(LANES);
    worker
}

/// The replies arrive, and the outcomes cannot be written: the log says so, and no lane sends another mail.
fn database_failure_is_reported(scenario: &Scenario, worker: &Process) {
    scenario.smtp.gate().open();
    worker.wait_for_log(BEGINS);
    wait_until("the other replies", || scenario.smtp.accepted() >= BEFORE + LANES);
    assert_eq!(scenario.smtp.accepted(), BEFORE + LANES, "a lane went on before its outcome was written");
}

/// The worker continues by itself. The log has one line for the beginning and one for the end.
fn nothing_is_lost(scenario: &Scenario, worker: Process, people: usize) {
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (people, 0));
    for line in [BEGINS, OVER] {
        assert_eq!(worker.log().matches(line).count(), 1, "{line}:\n{}", worker.log());
    }
    scenario.stop_and_check(worker);
}

fn locked_for_long(system: System) {
    let scenario = Scenario::with_relay("locked", PEOPLE).database(system).connections(LANES).build();
    let worker = in_the_middle(&scenario);
    let lock = scenario.ledger.lock_deliveries();
    database_failure_is_reported(&scenario, &worker);
    drop(lock);
    nothing_is_lost(&scenario, worker, PEOPLE);
}

#[test]
fn stopped_while_locked() {
    let scenario = Scenario::with_relay("stop-locked", PEOPLE).connections(LANES).build();
    let worker = in_the_middle(&scenario);
    let lock = scenario.ledger.lock_deliveries();
    database_failure_is_reported(&scenario, &worker);
    worker.terminate();
    worker.wait_for_log("stopping");
    drop(lock);
    let ended = worker.wait();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(scenario.ledger.outcomes("sent"), scenario.smtp.accepted(), "mails in flight are recorded");
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (PEOPLE, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn the_shutdown_timeout_ends_while_locked() {
    let scenario =
        Scenario::with_relay("leave-locked", PEOPLE).connections(LANES).env("SHUTDOWN_TIMEOUT", "1").build();
    let worker = in_the_middle(&scenario);
    let lock = scenario.ledger.lock_deliveries();
    database_failure_is_reported(&scenario, &worker);
    worker.terminate();
    let ended = worker.wait_within(Duration::from_secs(10));
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    let words: Vec<&str> = ended.err.lines().skip_while(|line| !line.contains("SHUTDOWN_TIMEOUT")).collect();
    assert!(words[1].contains("database: "), "{words:?}");
    assert!(words[2].contains(&format!("not recorded in the ledger: {LANES};")), "{words:?}");
    drop(lock);

    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.delivered_ids().len(), scenario.duplicates()), (PEOPLE, LANES));
    scenario.stop_and_check(worker);
}

on_every_system!(locked_for_long);

#[test]
fn locked_at_the_start() {
    let port = free_port();
    let scenario =
        Scenario::with_relay("lock-start", 40).env("HTTP_ADDR", &format!("127.0.0.1:{port}")).build();
    let lock = scenario.ledger.lock_deliveries();
    let worker = scenario.worker();
    worker.wait_for_log(BEGINS);
    let health = http::get(port, "/healthz");
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("database is locked"), "{health}");
    assert_eq!(scenario.queue.consumers(), 0, "it consumes before it can write");
    worker.terminate();
    let ended = worker.wait_within(Duration::from_secs(2));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.err.matches("database is locked").count(), 1, "a line for each try:\n{}", ended.err);
    // A verb at a terminal does not wait for ever.
    let ended = scenario.run(&["seed", "--event", "7", "--participants", "1"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("another program has been writing"), "{}", ended.err);

    scenario.publish("UPDATED");
    let worker = scenario.worker();
    worker.wait_for_log(BEGINS);
    drop(lock);
    scenario.wait_for_acks(1);
    wait_until("health", || http::get(port, "/healthz").starts_with("HTTP/1.1 200"));
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (40, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn the_disk_of_the_file_is_full() {
    with_small_disk("database_trouble::the_disk_of_the_file_is_full", 4, |disk| {
        let file = disk.folder.join("fanmail.db");
        let scenario = Scenario::with_relay("full", PEOPLE)
            .connections(LANES)
            .env("DATABASE_URL", file.to_str().unwrap())
            .build();
        let worker = in_the_middle(&scenario);
        disk.fill();
        database_failure_is_reported(&scenario, &worker);
        assert!(worker.log().contains("free space"), "the log has no hint:\n{}", worker.log());
        disk.free();
        nothing_is_lost(&scenario, worker, PEOPLE);
    });
}
