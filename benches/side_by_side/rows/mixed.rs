//! Small notifications beside a large one: they must not wait for it.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::stage::{Section, Stage};
use crate::worker::Fanmail;
use testkit::bench::row::{Figure, Goal, Row};
use testkit::ledger::people::small_address;
use testkit::scenario::EVENT;
use testkit::smtp::SmtpServer;
use testkit::system::System;

/// The section.
pub const SECTION: Section = Section {
    name: "mixed",
    what: "Small notifications beside a fan-out of 200,000",
    how: "While the large fan-out runs, one notification for another event with one participant is published \
          every 50 ms. From just before its `basic.publish` to the moment when the relay has read the dot of \
          its mail. `SMTP_CONNECTIONS=16`, everything else by default. The relay is part of the bench and \
          records the times.",
    run,
};

/// Pause between two small notifications.
const PAUSE: Duration = Duration::from_millis(50);
/// Largest number of small notifications.
const MOST: usize = 10_000;
/// The 99th percentile in milliseconds: below a second.
const GOAL: Goal = Goal::Below(1_000.0);

fn run(stage: &Stage) -> Vec<Row> {
    let participants = stage.options.size(200_000, 3_000);
    [System::Sqlite, System::Postgresql]
        .into_iter()
        .flat_map(|system| rows_of(stage, system, participants))
        .collect()
}

fn rows_of(stage: &Stage, system: System, participants: usize) -> [Row; 2] {
    let fanmail = Fanmail::new(system, participants);
    let first = fanmail.scenario.ledger.add_small_events(MOST);
    let relay = SmtpServer::start();
    relay.configure(|settings| settings.discards_bodies = true);
    let publisher = fanmail.scenario.queue.publisher();
    let mut watch = fanmail.scenario.ledger.poll();
    let worker = fanmail.worker(relay.port, &[("SMTP_CONNECTIONS", 16)]);

    let start = Instant::now();
    publisher.publish("UPDATED", EVENT);
    let mut asked = Vec::new();
    for event in (first..).take(MOST) {
        thread::sleep(PAUSE);
        if watch.completed(EVENT) {
            break;
        }
        asked.push((small_address(event), Instant::now()));
        publisher.publish("UPDATED", event);
    }
    let took = start.elapsed();
    assert!(asked.len() < MOST, "the fan-out has not ended after {} s", took.as_secs());
    Fanmail::wait_for_acks(&mut watch, asked.len() + 1);
    worker.stop();

    let arrived: HashMap<String, Instant> = relay.read_log(|log| {
        let small = log.received.iter().filter(|mail| mail.recipient.starts_with("small."));
        small.map(|mail| (mail.recipient.clone(), mail.at)).collect()
    });
    // A lost mail shows in the faults.
    let waited = |(address, at): &(String, Instant)| Some((*arrived.get(address)? - *at).as_secs_f64() * 1e3);
    let latencies: Vec<f64> = asked.iter().filter_map(waited).collect();
    let faults = fanmail.faults(participants + asked.len(), relay.accepted());
    let name = fanmail.name();
    stage.say(&format!("  {name}: {} small ones in {} s", asked.len(), took.as_secs()));
    [
        Row::new(format!("{name}, {} small ones", latencies.len()), "ms", latencies.clone())
            .figure(Figure::P99)
            .goal(GOAL),
        Row::new(format!("{name}, median of them"), "ms", latencies),
    ]
    .map(|row| row.faults(faults))
}
