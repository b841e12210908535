//! A database server is down, killed, frozen, or its disk is full.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use super::{BEGINS, LANES, OVER, PEOPLE, database_failure_is_reported, in_the_middle, nothing_is_lost};
use crate::systems::on_every_server;
use testkit::database::Database;
use testkit::database_proxy::{DatabaseProxy, LOSSY};
use testkit::full_disk::with_small_disk;
use testkit::http;
use testkit::ports::free_port;
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;
use testkit::wait::wait_until;

on_every_server!(away_at_the_start killed_in_the_middle frozen_in_the_middle restarted_again_and_again
    the_disk_is_full replies_to_commits_are_lost);

fn away_at_the_start(system: System) {
    let server = own_server(system);
    let port = free_port();
    let scenario = Scenario::with_relay("away-start", 40)
        .server(&server)
        .env("HTTP_ADDR", &format!("127.0.0.1:{port}"))
        .build();
    server.stop();
    scenario.publish("UPDATED");
    let worker = scenario.worker();
    worker.wait_for_log(BEGINS);
    let health = http::get(port, "/healthz");
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("\ndatabase: could not "), "{health}");
    worker.terminate();
    let ended = worker.wait_within(Duration::from_secs(5));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(ended.err.matches("could not").count(), 1, "a line for each try:\n{}", ended.err);
    // A verb at a terminal does not wait for ever.
    let ended = scenario.start(&["status"]).wait_within(Duration::from_secs(15));
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("database: could not ") && ended.err.contains("; "), "no hint: {}", ended.err);

    let worker = scenario.worker();
    worker.wait_for_log(BEGINS);
    server.start();
    scenario.wait_for_acks(1);
    worker.wait_for_log(OVER);
    assert!(http::get(port, "/healthz").starts_with("HTTP/1.1 200"));
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (40, 0));
    scenario.stop_and_check(worker);
}

fn killed_in_the_middle(system: System) {
    let server = own_server(system);
    let scenario = Scenario::with_relay("db-killed", PEOPLE).server(&server).connections(LANES).build();
    let worker = in_the_middle(&scenario);
    server.kill();
    database_failure_is_reported(&scenario, &worker);
    server.start();
    nothing_is_lost(&scenario, worker, PEOPLE);
}

/// No error arrives: the calls hang.
fn frozen_in_the_middle(system: System) {
    let server = own_server(system);
    let scenario = Scenario::with_relay("db-frozen", PEOPLE).server(&server).connections(LANES).build();
    let worker = in_the_middle(&scenario);
    let frozen = server.freeze();
    database_failure_is_reported(&scenario, &worker);
    frozen.thaw();
    nothing_is_lost(&scenario, worker, PEOPLE);
}

/// While mails are sent at full speed, and all connections of the pool are in use.
fn restarted_again_and_again(system: System) {
    let server = own_server(system);
    let scenario = Scenario::with_relay("db-restarted", 1200)
        .server(&server)
        .connections(LANES)
        .env("BATCH_SIZE", "10")
        .env("SMTP_RATE_PER_SECOND", "600")
        .build();
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    for mails in [200, 700] {
        wait_until("the fan-out to go on", || scenario.smtp.accepted() >= mails);
        server.kill();
        server.start();
    }
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (1200, 0));
    scenario.stop_and_check(worker);
}

fn own_server(system: System) -> Arc<Database> {
    let server = Database::own(system.server().unwrap());
    server.start();
    server
}

/// The tables of the server cannot grow.
fn the_disk_is_full(system: System) {
    let name = format!("database_trouble::servers::{}::the_disk_is_full", system.name());
    with_small_disk(&name, 128, |disk| {
        let folder = disk.folder.join("server");
        fs::create_dir(&folder).unwrap();
        let server = Database::own_in(system.server().unwrap(), &folder);
        server.start();
        let scenario = Scenario::with_relay("disk", 3000).server(&server).connections(LANES).build();
        let worker = in_the_middle(&scenario);
        disk.fill();
        scenario.smtp.gate().open();
        worker.wait_for_log(BEGINS);
        assert!(worker.log().contains("free space"), "the log has no hint:\n{}", worker.log());
        disk.free();
        nothing_is_lost(&scenario, worker, 3000);
    });
}

/// A commit without a reply is repeated, because its result is unknown. Still, no notification is opened twice and no
/// outcome is counted twice.
fn replies_to_commits_are_lost(system: System) {
    let server = Database::shared(system.server().unwrap());
    let proxy = DatabaseProxy::dropping_commit_replies(server.port, 2, LOSSY);
    let mut scenario = Scenario::with_relay("answers", 3).server(&server).connections(1).build();
    let url = scenario.environment["DATABASE_URL"].clone();
    let through_proxy = url.replace(&format!(":{}/", server.port), &format!(":{}/", proxy.port));
    scenario.environment.insert("DATABASE_URL".to_owned(), DatabaseProxy::without_tls(&through_proxy));
    let worker = scenario.worker();
    scenario.environment.insert("DATABASE_URL".to_owned(), url);
    for (n, id) in (1..).zip([None, Some("a"), None, Some("b"), None]) {
        scenario.queue.publish("UPDATED", EVENT, id);
        scenario.wait_for_acks(n);
        assert_eq!(scenario.ledger.notifications().len(), n, "one was opened twice");
    }
    assert!(proxy.lost() > 0);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (15, 0));
    scenario.stop_and_check(worker);
}
