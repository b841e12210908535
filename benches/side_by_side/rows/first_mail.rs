//! The time to the first mail of an idle worker.

use std::thread;
use std::time::{Duration, Instant};

use crate::stage::{Section, Stage};
use crate::worker::Fanmail;
use testkit::bench::row::{Figure, Goal, Row};
use testkit::scenario::EVENT;
use testkit::smtp::SmtpServer;
use testkit::system::System;
use testkit::wait::wait_until;

/// The section.
pub const SECTION: Section = Section {
    name: "first-mail",
    what: "First mail: an idle worker and one message",
    how: "From just before `basic.publish` to the moment when a relay has read the dot of the first of 100 \
          mails. The next message follows when the previous one is acked, and some random milliseconds later. \
          The connections to the relay are open, except for the first message of a worker.",
    run,
};

const PARTICIPANTS: usize = 100;
/// Median, in milliseconds.
const GOAL: Goal = Goal::AtMost(5.0);

fn run(stage: &Stage) -> Vec<Row> {
    let messages = stage.options.size(100, 5);
    [System::Sqlite, System::Postgresql].into_iter().flat_map(|system| rows_of(system, messages)).collect()
}

fn rows_of(system: System, messages: usize) -> [Row; 3] {
    let fanmail = Fanmail::new(system, PARTICIPANTS);
    let relay = SmtpServer::start();
    relay.configure(|settings| settings.discards_bodies = true);
    let publisher = fanmail.scenario.queue.publisher();
    let mut watch = fanmail.scenario.ledger.poll();
    let mut sent = 0;
    let mut publish_one = || {
        let before = sent * PARTICIPANTS;
        sent += 1;
        thread::sleep(Duration::from_micros(fastrand::u64(0..50_000)));
        let start = Instant::now();
        publisher.publish("UPDATED", EVENT);
        wait_until("the first mail", || relay.accepted() > before);
        let arrived = relay.read_log(|log| log.received[before].at);
        Fanmail::wait_for_acks(&mut watch, sent);
        (arrived - start).as_secs_f64() * 1e3
    };
    // For another worker: RabbitMQ loads code before it delivers the first message of a new node.
    let worker = fanmail.worker(relay.port, &[]);
    publish_one();
    worker.stop();
    let worker = fanmail.worker(relay.port, &[]);
    let first = publish_one();
    let latencies: Vec<f64> = (0..messages).map(|_| publish_one()).collect();
    worker.stop();
    let faults = fanmail.faults(sent * PARTICIPANTS, relay.accepted());
    let name = fanmail.name();
    [
        Row::new(format!("{name}, median of {messages}"), "ms", latencies.clone()).goal(GOAL),
        Row::new(format!("{name}, slowest but one in a hundred"), "ms", latencies).figure(Figure::P99),
        Row::new(format!("{name}, the first of a worker, which connects"), "ms", vec![first]),
    ]
    .map(|row| row.faults(faults))
}
