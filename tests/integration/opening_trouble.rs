//! The database fails at the moment at which messages are opened. A message is opened once, whatever became of the reply,
//! also when several equal messages without an id arrive together.

use std::thread;
use std::time::Duration;

use crate::counted::stop_and_count;
use crate::systems::on_every_server;
use testkit::database::Database;
use testkit::database_proxy::{DatabaseProxy, LOSSY};
use testkit::queue::properties;
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;
use testkit::wait::wait_until;

on_every_server!(
    replies_to_commits_are_lost
    killed_while_messages_are_opened
    away_at_each_step
);

/// Equal messages without an id, and further ones.
const EQUAL: usize = 4;
/// An event with one participant.
const OTHER: i64 = 77;
/// Notifications of a batch.
const NOTIFICATIONS: usize = EQUAL + 4;

fn scenario(system: System, name: &str) -> Scenario {
    let scenario = Scenario::with_relay(name, 3).database(system).connections(2).build();
    scenario.seed(OTHER, 1);
    scenario
}

/// Publishes messages that are opened together: equal ones without an id, with ids, of two events. One id comes twice.
fn publish_batch(scenario: &Scenario, number: usize) {
    let body = |kind: &str, event: i64| format!(r#"{{"type":"{kind}","event_id":{event}}}"#).into_bytes();
    let id = |name: &str| properties(Some(&format!("{name} {number}")));
    let mut messages = vec![
        (body("UPDATED", EVENT), id("one")),
        (body("UPDATED", OTHER), id("other")),
        (body("UPDATED", EVENT), id("one")),
        (body("UPDATED", OTHER), properties(None)),
        (body("CANCELLED", EVENT), properties(None)),
    ];
    // The last ones of their event: when they are acked, the message with the id that comes twice is, too.
    messages.extend(vec![(body("UPDATED", EVENT), properties(None)); EQUAL]);
    scenario.queue.publish_all(&messages);
}

fn server(system: System) -> std::sync::Arc<Database> {
    Database::shared(system.server().unwrap())
}

/// Everything was opened once, and everyone got one mail for each message.
#[track_caller]
fn check_opened_once(scenario: &Scenario, batches: usize) {
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, 0));
    assert_eq!(scenario.ledger.count("notifications"), batches * NOTIFICATIONS);
}

/// A call whose reply is lost is repeated: the rows are there already.
fn replies_to_commits_are_lost(system: System) {
    let scenario = scenario(system, "open-replies");
    for (batches, every) in [(1, 2), (2, 3), (3, 4)] {
        let proxy = DatabaseProxy::dropping_commit_replies(server(system).port, every, LOSSY);
        publish_batch(&scenario, batches);
        let worker = proxy.start_fanmail(&scenario, &["worker"]);
        scenario.wait_for_acks(batches * NOTIFICATIONS);
        assert!(proxy.lost() > 0);
        assert_eq!(stop_and_count(&scenario, worker), 0);
        check_opened_once(&scenario, batches);
    }
}

/// The server is killed while the call waits for a table that another program has locked.
fn killed_while_messages_are_opened(system: System) {
    let server = Database::own(system.server().unwrap());
    server.start();
    let scenario = Scenario::with_relay("open-killed", 3).server(&server).connections(2).build();
    scenario.seed(OTHER, 1);
    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    for batches in 1..=3 {
        let lock = scenario.ledger.lock("notifications");
        publish_batch(&scenario, batches);
        wait_until("the call to wait", || waiting(&scenario, system) > 0);
        server.kill();
        drop(lock);
        server.start();
        scenario.wait_for_acks(batches * NOTIFICATIONS);
        check_opened_once(&scenario, batches);
    }
    assert_eq!(stop_and_count(&scenario, worker), 0);
}

/// Number of statements that wait for a lock.
fn waiting(scenario: &Scenario, system: System) -> usize {
    scenario.ledger.count(match system {
        #[cfg(feature = "postgres")]
        System::Postgresql => "pg_locks WHERE NOT granted AND relation = 'notifications'::regclass",
        _ => "information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting for table%'",
    })
}

/// The proxy is cut off at one request of a worker that opens a batch, with the next worker at a later one, and so on.
/// Half a second later the database is back.
fn away_at_each_step(system: System) {
    let scenario = scenario(system, "open-away");
    let whole = DatabaseProxy::passing(server(system).port);
    let mut batches = 1;
    publish_batch(&scenario, batches);
    let worker = whole.start_fanmail(&scenario, &["worker"]);
    scenario.wait_for_acks(NOTIFICATIONS);
    let requests = whole.requests();
    worker.stop();
    for request in (1..=requests).step_by(requests.div_ceil(16)) {
        batches += 1;
        publish_batch(&scenario, batches);
        let proxy = DatabaseProxy::cut_off_at(server(system).port, request);
        let worker = proxy.start_fanmail(&scenario, &["worker"]);
        wait_until("the outage, or the end", || {
            proxy.is_cut_off() || scenario.ledger.completed() == batches * NOTIFICATIONS
        });
        thread::sleep(Duration::from_millis(500));
        proxy.repair();
        scenario.wait_for_acks(batches * NOTIFICATIONS);
        assert_eq!(stop_and_count(&scenario, worker), 0, "cut off at request {request} of {requests}");
        check_opened_once(&scenario, batches);
    }
}
