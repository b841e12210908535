//! A relay that is far away: how many round trips a mail needs.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use crate::rounds::{Run, Sender, faults, take_turns};
use crate::source::Source;
use crate::stage::{Section, Stage};
use crate::worker::{Fanmail, Task};
use testkit::bench::faults::Faults;
use testkit::bench::row::{Goal, Row, figure};
use testkit::bench::sink::Sink;
use testkit::certificates::{Authority, Issued};
use testkit::scenario::EVENT;
use testkit::slow_relay::SlowRelay;
use testkit::system::System;

/// The section.
pub const SECTION: Section = Section {
    name: "slow-relay",
    what: "A slow relay: every reply comes later, 16 connections, SQLite",
    how: "End to end as above, with a delay line between fanmail and smtp-sink: what fanmail sends passes at \
          once, and each reply is delayed. With TLS, the delay line handles STARTTLS. The limit is that of a \
          sender which waits twice for each mail: connections ÷ (2 × delay). A sender that waits once can \
          reach 2. Waits per mail are connections × time ÷ (mails × delay); they include connecting, TLS, and \
          the time that this machine takes. The first rows measure the delay line alone: how late a reply to \
          NOOP is without other traffic, and what smtp-source gets through it without a delay.",
    run,
};

const DELAYS: [Duration; 3] =
    [Duration::from_millis(1), Duration::from_millis(10), Duration::from_millis(50)];
const CONNECTIONS: usize = 16;
/// Length of a run at the limit, in seconds.
const LENGTH: f64 = 6.0;

/// fanmail with such a relay.
struct DistantRelay {
    fanmail: Fanmail,
    delay: Duration,
    certificate: Option<Issued>,
}

impl DistantRelay {
    fn new(stage: &Stage, delay: Duration, authority: Option<&Authority>) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some thousands")]
        let participants = (LENGTH * limit(delay)) as usize;
        let mut fanmail = Fanmail::new(System::Sqlite, stage.options.size(participants, 200));
        if let Some(authority) = authority {
            let file = fanmail.scenario.path("authority.pem");
            fs::write(&file, authority.pem()).unwrap();
            let settings =
                [("SMTP_USE_TLS", "True".to_owned()), ("SMTP_CA_FILE", file.to_str().unwrap().to_owned())];
            fanmail.scenario.environment.extend(settings.map(|(name, value)| (name.to_owned(), value)));
        }
        Self { fanmail, delay, certificate: authority.map(Authority::issue) }
    }
}

impl Sender for DistantRelay {
    fn name(&self) -> String {
        let security = if self.certificate.is_some() { "TLS" } else { "plain" };
        format!("{} ms, {security}", self.delay.as_millis())
    }

    fn run(&self) -> Run {
        let way = |sink| {
            let relay = match &self.certificate {
                None => SlowRelay::plain(sink, self.delay),
                Some(certificate) => SlowRelay::encrypted(sink, self.delay, certificate),
            };
            (relay.port, relay)
        };
        let task = Task {
            settings: &[("SMTP_CONNECTIONS", CONNECTIONS)],
            notifications: 1,
            mails: self.fanmail.participants,
            publish: &|publisher| publisher.publish("UPDATED", EVENT),
        };
        self.fanmail.measure_through(way, &task)
    }
}

fn run(stage: &Stage) -> Vec<Row> {
    let authority = Authority::new();
    let mut rows: Vec<_> = DELAYS.into_iter().map(lateness).collect();
    rows.push(capacity(stage));
    for delay in DELAYS {
        let senders = [None, Some(&authority)].map(|authority| DistantRelay::new(stage, delay, authority));
        let turns = senders.each_ref().map(|one| one as &dyn Sender);
        let runs = take_turns(stage, stage.options.rounds(), &turns);
        for (runs, sender) in runs.iter().zip(&senders) {
            rows.extend(rows_of(runs, sender));
        }
    }
    rows
}

/// The delay of a reply that only the proxy delays.
fn lateness(delay: Duration) -> Row {
    let sink = Sink::expecting(0);
    let relay = SlowRelay::plain(sink.port, delay);
    let mut wire = BufReader::new(TcpStream::connect((Ipv4Addr::LOCALHOST, relay.port)).unwrap());
    wire.get_ref().set_nodelay(true).unwrap();
    wire.read_line(&mut String::new()).unwrap();
    let samples = (0..20).map(|_| {
        let start = Instant::now();
        wire.get_mut().write_all(b"NOOP\r\n").unwrap();
        wire.read_line(&mut String::new()).unwrap();
        start.elapsed().as_secs_f64() * 1e3
    });
    Row::new(format!("{} ms, one reply", delay.as_millis()), "ms", samples.collect())
}

/// The largest throughput of the proxy.
fn capacity(stage: &Stage) -> Row {
    let source = Source { mails: stage.options.size(20_000, 500), sessions: CONNECTIONS, payload: 3_400 };
    let (mut rates, mut faults) = (Vec::new(), Faults::default());
    for _ in 0..stage.options.rounds() {
        let sink = Sink::expecting(source.mails);
        let relay = SlowRelay::plain(sink.port, Duration::ZERO);
        let took = source.send(relay.port);
        faults += Faults::by_count(source.mails, sink.count());
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        rates.push(source.mails as f64 / took.as_secs_f64());
    }
    Row::new("smtp-source through the delay line without a delay", "mails/s", rates).faults(faults)
}

fn rows_of(runs: &[Run], sender: &DistantRelay) -> [Row; 3] {
    let (name, limit) = (sender.name(), limit(sender.delay));
    let row = |what: String, unit, of: &dyn Fn(&Run) -> f64| {
        Row::new(format!("{name}{what}"), unit, runs.iter().map(of).collect()).faults(faults(runs))
    };
    [
        row(String::new(), "mails/s", &Run::rate),
        row(format!(" ÷ {} mails/s", figure(limit)), "×", &|run| run.rate() / limit).goal(Goal::AtLeast(0.9)),
        row(", waits a mail".to_owned(), "", &|run| 2.0 * limit / run.rate()),
    ]
}

/// Mails per second of a sender with two round trips for each mail.
#[expect(clippy::cast_precision_loss, reason = "a few connections")]
fn limit(delay: Duration) -> f64 {
    CONNECTIONS as f64 / (2.0 * delay.as_secs_f64())
}
