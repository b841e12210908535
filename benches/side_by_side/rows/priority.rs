//! Notices of high priority beside a large fan-out of low priority: they must hardly wait, and it must go on.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::bench::row::Row;
use testkit::scenario::EVENT;
use testkit::smtp::SmtpServer;
use testkit::system::System;

use crate::stage::{Section, Stage};
use crate::worker::Fanmail;

/// The section.
pub const SECTION: Section = Section {
    name: "priority",
    what: "Notices of one recipient beside a fan-out of 200,000 of low priority",
    how: "While the large fan-out runs, a notice is published every 50 ms: 50 of high priority and 50 that say nothing, in turn. \
          From just before `basic.publish` to the moment when the relay has read the dot. A relay far away replies \
          after 10 ms, and the fan-out has 20,000 people then. Last, a fan-out of low priority beside a notice of high priority to \
          4,000: how many of its mails go out for 8 of the notice. `SMTP_CONNECTIONS=16`, everything else by default.",
    run,
};

/// Pause between two notices.
const PAUSE: Duration = Duration::from_millis(50);
/// Notices of each priority.
const NOTICES: usize = 50;
/// Recipients of the large notice: a message has at most 64 KiB.
const LARGE_NOTICE: u32 = 4_000;

fn run(stage: &Stage) -> Vec<Row> {
    let [large, far_away] = [200_000, 20_000].map(|people| stage.options.size(people, 2_000));
    let mut rows = Vec::new();
    for system in [System::Sqlite, System::Postgresql] {
        rows.extend(beside(stage, system, large, Duration::ZERO));
        rows.extend(beside(stage, system, far_away, Duration::from_millis(10)));
        rows.push(share(system, far_away));
    }
    rows
}

fn start(fanmail: &Fanmail, reply_delay: Duration) -> (SmtpServer, testkit::process::Process) {
    let relay = SmtpServer::start();
    relay.configure(|settings| {
        settings.discards_bodies = true;
        settings.reply_delay = reply_delay;
    });
    let worker = fanmail.worker(relay.port, &[("SMTP_CONNECTIONS", 16)]);
    (relay, worker)
}

fn of_event(event: i64, priority: &str) -> String {
    json!({"type": "UPDATED", "event_id": event, "priority": priority}).to_string()
}

fn beside(stage: &Stage, system: System, participants: usize, reply_delay: Duration) -> [Row; 2] {
    let fanmail = Fanmail::new(system, participants);
    let publisher = fanmail.scenario.queue.publisher();
    let mut watch = fanmail.scenario.ledger.poll();
    let (relay, worker) = start(&fanmail, reply_delay);
    publisher.publish_body(&of_event(EVENT, "low"));
    let mut asked: [Vec<(String, Instant)>; 2] = Default::default();
    for number in 0..2 * NOTICES {
        thread::sleep(PAUSE);
        assert!(
            stage.options.quick || !watch.completed(EVENT),
            "the fan-out has ended after {number} notices"
        );
        let address = format!("notice.{number}@example.com");
        let mut notice = json!({"recipients": [address], "message": "The event begins now."});
        if number % 2 == 0 {
            notice["priority"] = json!("high");
        }
        let body = notice.to_string();
        asked[number % 2].push((address, Instant::now()));
        publisher.publish_body(&body);
    }
    Fanmail::wait_for_acks(&mut watch, 2 * NOTICES + 1);
    worker.stop();
    let arrived: HashMap<String, Instant> = relay.read_log(|log| {
        let notices = log.received.iter().filter(|mail| mail.recipient.starts_with("notice."));
        notices.map(|mail| (mail.recipient.clone(), mail.at)).collect()
    });
    let faults = fanmail.faults(participants + 2 * NOTICES, relay.accepted());
    let far = if reply_delay.is_zero() { "" } else { ", relay far away" };
    let waited = |(address, at): &(String, Instant)| Some((*arrived.get(address)? - *at).as_secs_f64() * 1e3);
    ["high", "nothing said"]
        .into_iter()
        .zip(asked)
        .map(|(what, asked)| {
            let waited: Vec<f64> = asked.iter().filter_map(waited).collect();
            Row::new(format!("{}{far}, {what}", fanmail.name()), "ms", waited).faults(faults)
        })
        .collect::<Vec<_>>()
        .try_into()
        .unwrap()
}

/// How many mails of low priority go out for 8 of high priority, while both are there.
fn share(system: System, participants: usize) -> Row {
    let fanmail = Fanmail::new(system, participants);
    let publisher = fanmail.scenario.queue.publisher();
    let mut watch = fanmail.scenario.ledger.poll();
    let (relay, worker) = start(&fanmail, Duration::ZERO);
    publisher.publish_body(&of_event(EVENT, "low"));
    // As many as one message may name.
    let recipients: Vec<String> = (0..LARGE_NOTICE).map(|number| format!("{number}@n.org")).collect();
    let notice = json!({"recipients": recipients, "message": "The event begins now.", "priority": "high"});
    publisher.publish_body(&notice.to_string());
    Fanmail::wait_for_acks(&mut watch, 2);
    worker.stop();
    let is_high: Vec<bool> =
        relay.read_log(|log| log.received.iter().map(|mail| mail.recipient.ends_with("@n.org")).collect());
    let first = is_high.iter().position(|high| *high).unwrap();
    let last = is_high.iter().rposition(|high| *high).unwrap();
    let low = u32::try_from(is_high[first..last].iter().filter(|high| !**high).count()).unwrap();
    let share = 8.0 * f64::from(low) / f64::from(LARGE_NOTICE);
    let faults = fanmail.faults(participants + LARGE_NOTICE as usize, relay.accepted());
    Row::new(format!("{}, mails of low for 8 of high", fanmail.name()), "", vec![share]).faults(faults)
}
