//! The time from a registration to its mail: a domain event, a topic exchange, a route.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use uuid::Uuid;

use crate::stage::{Section, Stage};
use crate::worker::Fanmail;
use testkit::bench::row::{Figure, Goal, Row};
use testkit::exchange::{self, ExchangePublisher};
use testkit::smtp::SmtpServer;
use testkit::system::System;
use testkit::wait::wait_until;

/// The section.
pub const SECTION: Section = Section {
    name: "registration",
    what: "Registration: a domain event through a topic exchange, and its mail",
    how: "From just before `basic.publish` of `student.created` with an envelope to a topic exchange to the moment when a \
          relay has read the dot of the mail, with the route `welcome` of `examples/routes`. The next message follows \
          when the previous one is acked, and some random milliseconds later. The connection to the relay is open.",
    run,
};

/// The routes and their templates.
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/routes");
/// Median, in milliseconds.
const GOAL: Goal = Goal::AtMost(5.0);

fn run(stage: &Stage) -> Vec<Row> {
    let messages = stage.options.size(100, 5);
    [System::Sqlite, System::Postgresql].into_iter().flat_map(|system| rows_of(system, messages)).collect()
}

fn rows_of(system: System, messages: usize) -> [Row; 2] {
    let mut fanmail = Fanmail::new(system, 1);
    let exchange = format!("events-{}", Uuid::now_v7().simple());
    for (name, value) in [
        ("AMQP_BINDINGS", format!("{exchange}(topic):#")),
        ("ROUTES_FILE", format!("{EXAMPLE}/routes.toml")),
        ("TEMPLATES_DIR", format!("{EXAMPLE}/templates")),
    ] {
        fanmail.scenario.environment.insert(name.to_owned(), value);
    }
    let relay = SmtpServer::start();
    let worker = fanmail.worker(relay.port, &[]);
    let publisher = ExchangePublisher::new(&fanmail.scenario.queue.broker, &exchange);
    let mut watch = fanmail.scenario.ledger.poll();
    let mut sent = 0;
    let mut register = || {
        let payload = json!({"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace",
            "course": {"title": "Analytical Engines"}});
        let body = json!({"payload": payload, "_meta": {"id": Uuid::now_v7().to_string(), "source": "registration"}})
            .to_string();
        thread::sleep(Duration::from_micros(fastrand::u64(0..50_000)));
        let start = Instant::now();
        publisher.publish("student.created", &body);
        wait_until("the mail", || relay.accepted() > sent);
        let arrived = relay.read_log(|log| log.received[sent].at);
        sent += 1;
        Fanmail::wait_for_acks(&mut watch, sent);
        (arrived - start).as_secs_f64() * 1e3
    };
    // The first one connects.
    register();
    let latencies: Vec<f64> = (0..messages).map(|_| register()).collect();
    worker.stop();
    let faults = fanmail.faults(sent, relay.accepted());
    exchange::delete(&fanmail.scenario.queue.broker, &exchange);
    let name = fanmail.name();
    [
        Row::new(format!("{name}, median of {messages}"), "ms", latencies.clone()).goal(GOAL),
        Row::new(format!("{name}, slowest but one in a hundred"), "ms", latencies).figure(Figure::P99),
    ]
    .map(|row| row.faults(faults))
}
