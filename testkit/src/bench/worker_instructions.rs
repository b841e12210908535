//! Counts the instructions of a real worker under callgrind, with a real broker, a SQLite file and smtp-sink: for a
//! mail of a large fan-out, and for a notification of one participant. A run with lost or repeated mails gives no
//! count.

use std::time::Duration;

use uuid::Uuid;

use crate::bench::callgrind;
use crate::bench::sink::Sink;
use crate::process::Process;
use crate::queue::properties;
use crate::scenario::{EVENT, Scenario};
use crate::wait::wait_for;

/// Deadline of a run under callgrind on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(300);
/// As in the rows of scripts/bench that have a goal.
const CONNECTIONS: usize = 16;

/// Instructions for one mail of a large fan-out.
pub fn per_mail() -> u64 {
    callgrind::per_unit(500, 2_500, |mails| count(&fan_out(mails), 1, mails))
}

/// Instructions for one notification with one participant, of many in the queue.
pub fn per_small_notification() -> u64 {
    callgrind::per_unit(50, 550, |notifications| {
        let scenario = fan_out(1);
        scenario.ledger.add_small_events(usize::try_from(notifications).unwrap());
        count(&scenario, notifications, notifications)
    })
}

/// CPU time of one mail of a large fan-out, in seconds, without callgrind.
pub fn cpu_seconds_per_mail() -> f64 {
    const MAILS: u32 = 20_000;
    let scenario = fan_out(MAILS.into());
    run(&scenario, &[], 1, MAILS.into()) / f64::from(MAILS)
}

/// All that a fan-out to this number of participants needs, except for its message.
fn fan_out(participants: u64) -> Scenario {
    Scenario::builder("instructions")
        .connections(CONNECTIONS)
        .env("LOG_LEVEL", "INFO")
        .participants(usize::try_from(participants).unwrap())
        .build()
}

/// Instructions of a worker from its start to its stop after the published notifications.
fn count(scenario: &Scenario, notifications: u64, mails: u64) -> u64 {
    let out = scenario.path("callgrind.out");
    run(scenario, &callgrind::command(&out), notifications, mails);
    callgrind::total(&out)
}

/// Runs a worker below another program until all mails are sent. Returns its CPU time in seconds.
fn run(scenario: &Scenario, wrapper: &[String], notifications: u64, mails: u64) -> f64 {
    let mails = usize::try_from(mails).unwrap();
    let sink = Sink::expecting(mails);
    let mut environment = scenario.environment.clone();
    environment.insert("SMTP_PORT".to_owned(), sink.port.to_string());
    publish(scenario, notifications);
    let worker = Process::start_under(wrapper, scenario.dir.path(), &environment, &["worker"]);
    let notifications = usize::try_from(notifications).unwrap();
    let mut watch = scenario.ledger.poll();
    wait_for("all to be acked", TIMEOUT, || watch.acked(notifications));
    let cpu = worker.cpu_seconds();
    worker.stop();
    let ledger = &scenario.ledger;
    let found = [ledger.outcomes("sent"), ledger.attempts(), sink.count()];
    assert_eq!(found, [mails; 3], "mails in the ledger, tries, and mails at the relay");
    cpu
}

/// Publishes the message of one event, or those of the small events, before a worker consumes.
fn publish(scenario: &Scenario, notifications: u64) {
    let events = if notifications == 1 { 0..=0 } else { 1..=notifications };
    let messages: Vec<_> = events
        .map(|n| {
            let body = format!(r#"{{"type":"UPDATED","event_id":{}}}"#, EVENT.unsigned_abs() + n);
            (body.into_bytes(), properties(Some(&Uuid::now_v7().to_string())))
        })
        .collect();
    scenario.queue.publish_all(&messages);
}
