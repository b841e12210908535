//! The real binary under measurement: `fanmail worker` with its defaults, on a database with people in it.

use std::fs;
use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta, Utc};

use crate::rounds::{Contestant, Run};
use testkit::bench::faults::Faults;
use testkit::bench::sink::Sink;
use testkit::database::Database;
use testkit::ledger::LedgerPoll;
use testkit::process::Process;
use testkit::queue::Publisher;
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;
use testkit::wait::{wait_for, wait_until};

/// What a run may take.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A queue, a database with an event and its participants, and everything that the binary is told.
pub struct Fanmail {
    /// Its glue.
    pub scenario: Scenario,
    /// Of its event.
    pub participants: usize,
    system: System,
}

/// Work for a worker.
pub struct Task<'a> {
    /// Variables beside the defaults.
    pub settings: &'a [(&'static str, usize)],
    /// How many are published,
    pub notifications: usize,
    /// and how many mails they ask for.
    pub mails: usize,
    /// Publishes them.
    pub publish: &'a dyn Fn(&Publisher),
}

impl Fanmail {
    /// With an event of so many participants.
    pub fn new(system: System, participants: usize) -> Self {
        let scenario = Scenario::builder("bench").database(system).env("LOG_LEVEL", "INFO").build();
        scenario.seed(EVENT, participants);
        Self { scenario, participants, system }
    }

    /// For the table.
    pub fn name(&self) -> &'static str {
        match self.system {
            System::Sqlite => "fanmail, SQLite",
            System::Postgresql => "fanmail, PostgreSQL",
            #[cfg(feature = "mysql")]
            System::Mariadb => "fanmail, MariaDB",
        }
    }

    /// Empties the ledger, so that each run begins alike and none pays for what the last one left to be written.
    fn forget(&self) {
        self.scenario.ledger.clear();
        if let Some(server) = self.system.server() {
            Database::shared(server).administer("CHECKPOINT");
        }
    }

    /// A worker that consumes and has nothing to do.
    pub fn worker(&self, port: u16, settings: &[(&'static str, usize)]) -> Process {
        let mut environment = self.scenario.environment.clone();
        environment.insert("SMTP_PORT".to_owned(), port.to_string());
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())));
        let worker = Process::start(self.scenario.dir.path(), &environment, &["worker"]);
        wait_until("the worker to consume", || self.scenario.queue.consumers() == 1);
        worker
    }

    /// Waits until so many notifications are acked; gives when the last one was. The ledger tells, which notes an ack
    /// only when the broker is known to have it: looking now and then disturbs nobody, and the time is exact.
    pub fn wait_for_acks(watch: &mut LedgerPoll, notifications: usize) -> NaiveDateTime {
        wait_for(&format!("{notifications} acks"), TIMEOUT, || {
            std::thread::sleep(Duration::from_millis(40));
            watch.acked(notifications)
        })
    }

    /// What went wrong when all are acked, `asked` mails were to be sent and `arrived` were received.
    pub fn faults(&self, asked: usize, arrived: usize) -> Faults {
        let ledger = &self.scenario.ledger;
        Faults::by_ledger(asked, ledger.outcomes("sent"), ledger.attempts(), arrived)
    }

    /// Has a new worker do some work from an empty ledger, into a sink.
    pub fn measure(&self, task: &Task) -> Run {
        self.measure_through(|sink| (sink, ()), task)
    }

    /// The same with something between the worker and the sink: given the port of one, it gives that for the other,
    /// and what lasts as long as the run.
    pub fn measure_through<W>(&self, way: impl FnOnce(u16) -> (u16, W), task: &Task) -> Run {
        self.forget();
        let sink = Sink::expecting(task.mails);
        let (port, _way) = way(sink.port);
        let (publisher, mut watch) = (self.scenario.queue.publisher(), self.scenario.ledger.poll());
        let worker = self.worker(port, task.settings);
        let idle = worker.cpu_seconds();
        let begun = Utc::now().naive_utc();
        (task.publish)(&publisher);
        // The ledger cuts its times to milliseconds.
        let took = Self::wait_for_acks(&mut watch, task.notifications) - begun + TimeDelta::milliseconds(1);
        let cpu_seconds = worker.cpu_seconds() - idle;
        let peak_memory = peak_memory(&worker);
        worker.stop();
        Run {
            mails: task.mails,
            seconds: took.as_seconds_f64(),
            faults: self.faults(task.mails, sink.count()),
            cpu_seconds: Some(cpu_seconds),
            peak_memory: Some(peak_memory),
        }
    }
}

/// One fan-out to everyone of the event.
pub struct FanOut<'a> {
    /// Who sends.
    pub fanmail: &'a Fanmail,
    /// `SMTP_CONNECTIONS`.
    pub connections: usize,
}

impl Contestant for FanOut<'_> {
    fn name(&self) -> String {
        self.fanmail.name().to_owned()
    }

    fn run(&self) -> Run {
        self.fanmail.measure(&Task {
            settings: &[("SMTP_CONNECTIONS", self.connections)],
            notifications: 1,
            mails: self.fanmail.participants,
            publish: &|publisher| publisher.publish("UPDATED", EVENT),
        })
    }
}

/// The most physical memory it has had so far, in MiB (proc(5), `VmHWM`).
fn peak_memory(process: &Process) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: f64 = line.trim().strip_suffix(" kB").unwrap().parse().unwrap();
    kib / 1024.0
}
