//! Reminders of events that start soon: several workers, a kill, and a time without any worker.

use chrono::{DateTime, TimeDelta, Utc};

use crate::systems::on_every_system;
use testkit::ledger::people::small_address;
use testkit::scenario::builder::ScenarioBuilder;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

on_every_system!(
    two_workers_send_one_reminder_of_each_event
    a_killed_worker_loses_no_reminder_and_repeats_none
    reminders_that_no_worker_sent_are_counted_and_shown
);

const LANES: usize = 3;

fn scenario(name: &str, system: System, participants: usize) -> ScenarioBuilder {
    Scenario::with_relay(name, participants).database(system).connections(LANES).env("REMINDERS", "1h")
}

/// Adds events like the first one, with one participant each.
fn add_events(scenario: &Scenario, number: usize) {
    for id in (EVENT + 1..).take(number) {
        scenario.ledger.execute(&format!(
            "INSERT INTO events (id, title, timezone) SELECT {id}, title, timezone FROM events WHERE id = {EVENT};
             INSERT INTO participants (event_id, email, name) VALUES ({id}, '{}', 'Jo')",
            small_address(id)
        ));
    }
}

/// All events start in so many minutes.
fn start_in(scenario: &Scenario, minutes: i64) {
    let starts_at = (Utc::now() + TimeDelta::minutes(minutes)).format("%F %T");
    scenario.ledger.execute(&format!("UPDATE events SET starts_at = '{starts_at}'"));
}

fn wait_until_completed(scenario: &Scenario, notifications: usize) {
    wait_until(&format!("{notifications} notifications to be completed"), || {
        scenario.ledger.completed() == notifications
    });
}

/// Returns once a worker has looked for reminders after this time.
fn wait_until_looked(scenario: &Scenario, after: DateTime<Utc>) {
    let looked = format!("installation WHERE reminders_looked_at > '{}'", after.format("%F %T%.3f"));
    wait_until("a look for reminders", || scenario.ledger.count(&looked) == 1);
}

fn two_workers_send_one_reminder_of_each_event(system: System) {
    const EVENTS: usize = 40;
    let scenario = scenario("reminders", system, 2).env("PREFETCH", "2").build();
    add_events(&scenario, EVENTS - 1);
    start_in(&scenario, 59);
    let [one, other] = [scenario.worker(), scenario.worker()];
    wait_until_completed(&scenario, EVENTS);
    other.stop();
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (EVENTS + 1, 0));
    assert!(scenario.ledger.notifications().iter().all(|row| row.kind == "REMINDER"));
    scenario.stop_and_check(one);
    let stopped_at = Utc::now();
    let again = scenario.worker();
    wait_until_looked(&scenario, stopped_at);
    scenario.stop_and_check(again);
    assert_eq!(scenario.ledger.count("notifications"), EVENTS);
}

fn a_killed_worker_loses_no_reminder_and_repeats_none(system: System) {
    let scenario = scenario("reminders-killed", system, 50).build();
    start_in(&scenario, 59);
    scenario.smtp.gate().close_after(Point::BeforeBody, 0);
    let killed = scenario.worker();
    scenario.wait_until_held(LANES);
    assert_eq!(scenario.ledger.count("notifications"), 1, "it is opened, and nothing is sent");
    killed.kill();
    scenario.wait_until_held(0);
    scenario.smtp.gate().open();
    let worker = scenario.worker();
    wait_until_completed(&scenario, 1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (50, 0));
    scenario.stop_and_check(worker);
}

fn reminders_that_no_worker_sent_are_counted_and_shown(system: System) {
    let scenario = scenario("reminders-missed", system, 5).build();
    add_events(&scenario, 2);
    let two_hours_ago = (Utc::now() - TimeDelta::hours(2)).format("%F %T");
    scenario.ledger.execute(&format!("UPDATE installation SET reminders_looked_at = '{two_hours_ago}'"));
    start_in(&scenario, -10);
    let worker = scenario.worker();
    worker.wait_for_log(
        "3 reminders missed and not sent, because no worker sent them when they were due: event 123 (1h)",
    );
    worker.stop();
    let stopped_at = Utc::now();
    let again = scenario.worker();
    wait_until_looked(&scenario, stopped_at);
    let log = again.stop().err;
    assert!(!log.contains("missed and not sent"), "told once:\n{log}");
    let rows = scenario.ledger.notifications();
    assert!(rows.len() == 3 && rows.iter().all(|row| row.state == "abandoned"), "{rows:?}");
    assert_eq!(scenario.smtp.accepted(), 0);
    let status = scenario.run(&["status"]);
    assert_eq!(status.code, Some(0));
    assert!(status.err.contains("Reminders that were missed, and are not sent: "), "{}", status.err);
}
