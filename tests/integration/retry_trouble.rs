//! `fanmail retry` is killed, stopped, or loses its database. Nobody is mailed twice but for the mails in flight at a
//! kill, and the next `fanmail retry` works at once, or says how long to wait.

use std::time::{Duration, Instant};

use crate::systems::on_every_system;
use testkit::process::Exit;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::RecipientFault;
use testkit::smtp::gate::Point;
use testkit::system::System;
use testkit::wait::wait_until;

#[cfg(any(feature = "mysql", feature = "postgres"))]
mod servers;

const LANES: usize = 4;
const PEOPLE: usize = 60;
const RETRY: [&str; 3] = ["retry", "--notification", "1"];

on_every_system!(
    killed_several_times
    stopped_several_times
    a_lease_of_another_machine_is_told_and_waited_for
    the_event_is_gone
);

/// A notification with a mail for each person, all of which have failed. No worker runs.
fn failed(system: System, name: &str, lease_timeout: &str) -> Scenario {
    let scenario = Scenario::with_relay(name, PEOPLE)
        .database(system)
        .connections(LANES)
        .env("MAX_RETRIES", "0")
        .env("DEFER_SCHEDULE", "off")
        .env("LEASE_TIMEOUT", lease_timeout)
        .build();
    fail_everyone(&scenario);
    scenario
}

fn fail_everyone(scenario: &Scenario) {
    for person in scenario.people() {
        scenario.smtp.fail_recipient(&person.email, RecipientFault::Rcpt("450 4.2.1 Busy"), 1);
    }
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    worker.stop();
    assert_eq!((scenario.ledger.outcomes("failed"), scenario.smtp.accepted()), (PEOPLE, 0));
}

/// Number of notifications that a process has leased.
fn leases(scenario: &Scenario) -> usize {
    scenario.ledger.count("notifications WHERE lease_owner IS NOT NULL OR lease_until IS NOT NULL")
}

/// The next one works at once, to the end.
#[track_caller]
fn next_retry_completes_it(scenario: &Scenario) {
    let begun = Instant::now();
    let out = scenario.run_ok(&RETRY);
    assert!(out.contains(&format!("{PEOPLE} sent + 0 failed")), "{out}");
    assert!(begun.elapsed() < Duration::from_secs(30), "it has waited: {out}");
    assert_eq!(leases(scenario), 0);
    assert_eq!(scenario.mail_counts().lost().len(), 0);
    scenario.check_completed();
}

fn killed_several_times(system: System) {
    let scenario = failed(system, "retry-killed", "3600");
    let kills = [(Point::BeforeReply, 0), (Point::BeforeBody, 7), (Point::BeforeReply, 21)];
    for (point, mails) in kills {
        scenario.smtp.gate().close_after(point, mails);
        let retry = scenario.start(&RETRY);
        scenario.wait_until_held(LANES);
        scenario.check_redacted(&retry.kill());
        scenario.wait_until_held(0);
        assert_eq!(leases(&scenario), 1, "nobody could give it up");
    }
    scenario.smtp.gate().open();
    next_retry_completes_it(&scenario);
    let duplicates = scenario.mail_counts().lost_and_duplicates().1;
    // Those in flight whose bodies the relay had got: twice.
    assert!((1..=kills.len() * LANES).contains(&duplicates), "{duplicates} duplicates");
}

fn stopped_several_times(system: System) {
    let scenario = failed(system, "retry-stopped", "3600");
    for (point, mails) in [(Point::BeforeReply, 3), (Point::BeforeBody, 7), (Point::BeforeReply, 11)] {
        scenario.smtp.gate().close_after(point, mails);
        let retry = scenario.start(&RETRY);
        scenario.wait_until_held(LANES);
        retry.terminate();
        retry.wait_for_log("stopping");
        scenario.smtp.gate().open();
        let Exit { code, out, err } = retry.wait();
        assert_eq!(code, Some(1), "{err}");
        assert!(out.contains("interrupted; continue with the same command"), "{out}");
        assert_eq!(leases(&scenario), 0);
        assert_eq!(scenario.ledger.outcomes("sent"), scenario.smtp.accepted());
    }
    next_retry_completes_it(&scenario);
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, 0));
}

/// Whether that process is alive, only time shows. The message says until when.
fn a_lease_of_another_machine_is_told_and_waited_for(system: System) {
    let scenario = failed(system, "retry-elsewhere", "2");
    scenario.smtp.gate().close_after(Point::BeforeReply, 7);
    let retry = scenario.start(&RETRY);
    scenario.wait_until_held(LANES);
    retry.kill();
    scenario.wait_until_held(0);
    let until = match system {
        System::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now', '+5 seconds')",
        #[cfg(feature = "postgres")]
        System::Postgresql => "now() AT TIME ZONE 'UTC' + INTERVAL '5 seconds'",
        #[cfg(feature = "mysql")]
        System::Mariadb => "UTC_TIMESTAMP(3) + INTERVAL 5 SECOND",
    };
    scenario.ledger.execute(&format!(
        "UPDATE notifications SET lease_owner = 'elsewhere:4711:8123:0:4026:1f2e', lease_until = {until}"
    ));
    let lines = scenario.run(&["status", "--format", "json"]).out;
    let lines: serde_json::Value = serde_json::from_str(&lines).unwrap();
    let (_, time) = lines[0]["lease_until"].as_str().unwrap().split_once('T').unwrap();
    let refused = scenario.run(&RETRY);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    for words in ["elsewhere:4711", &format!("until {}Z", &time[..8])] {
        assert!(refused.err.contains(words), "{words:?} is missing: {}", refused.err);
    }
    scenario.smtp.gate().open();
    wait_until("the lease to end", || !scenario.run(&RETRY).err.contains("elsewhere:4711"));
    next_retry_completes_it(&scenario);
    assert!(scenario.mail_counts().lost_and_duplicates().1 <= LANES);
}

/// Nothing is leased, and nothing of the ledger is changed.
fn the_event_is_gone(system: System) {
    let scenario = failed(system, "retry-event", "3600");
    scenario.ledger.execute(&format!("DELETE FROM events WHERE id = {EVENT}"));
    let Exit { code, err, .. } = scenario.run(&RETRY);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(&format!("event {EVENT} of notification 1 ")), "{err}");
    assert_eq!((leases(&scenario), scenario.ledger.outcomes("failed")), (0, PEOPLE));
    scenario.ledger.execute(&format!("INSERT INTO events (id, title) VALUES ({EVENT}, 'Ball')"));
    next_retry_completes_it(&scenario);
}
