//! The real binary under measurement: `fanmail worker` with its defaults, on a database with people in it.

use std::fs;
use std::time::Duration;

use chrono::{NaiveDateTime, Utc};

use crate::faults::Faults;
use crate::rounds::{Contestant, Run};
use crate::sink::Sink;
use crate::stage::Stage;
use crate::support::database::Database;
use crate::support::process::Process;
use crate::support::scenario::{EVENT, Scenario};
use crate::support::system::System;
use crate::support::wait::{wait_for, wait_until};

/// What a run may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// The Linux kernel counts CPU time in these for everybody, whatever its own clock does (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// A queue, a database with an event and its participants, and everything that the binary is told.
pub struct Fanmail {
    /// Its glue.
    pub scenario: Scenario,
    system: System,
    participants: usize,
}

impl Fanmail {
    /// With an event of so many participants.
    pub fn new(system: System, participants: usize) -> Self {
        let scenario = Scenario::named("bench").database(system).env("LOG_LEVEL", "INFO").ready();
        scenario.seed(EVENT, participants);
        Self { scenario, system, participants }
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

    /// A ledger as on the first day.
    pub fn forget(&self) {
        self.scenario.ledger.forget();
        if let Some(server) = self.system.server() {
            // So that no run pays for what the last one left to be written.
            Database::shared(server).administer("CHECKPOINT");
        }
    }

    /// A worker that consumes and has nothing to do.
    pub fn worker(&self, port: u16, settings: &[(&str, String)]) -> Process {
        let mut environment = self.scenario.environment.clone();
        environment.insert("SMTP_PORT".to_owned(), port.to_string());
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let worker = Process::start(self.scenario.dir.path(), &environment, &["worker"]);
        wait_until("the worker to consume", || self.scenario.queue.consumers() == 1);
        worker
    }

    /// Waits until so many notifications are acked; gives when the last one was. The ledger tells, which notes an ack
    /// only when the broker is known to have it: looking now and then disturbs nobody, and the time is exact.
    pub fn wait_for_acks(&self, notifications: usize) -> NaiveDateTime {
        let ledger = &self.scenario.ledger;
        wait_for(&format!("{notifications} acks"), PATIENCE, || {
            std::thread::sleep(Duration::from_millis(90));
            ledger.acked(notifications)
        })
    }

    /// What went wrong when all are acked, `asked` mails were to be sent and `arrived` were received.
    pub fn faults(&self, asked: usize, arrived: usize) -> Faults {
        let ledger = &self.scenario.ledger;
        Faults::by_ledger(asked, ledger.outcomes("sent"), ledger.attempts(), arrived)
    }
}

/// One fan-out to everyone.
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

    fn run(&self, _stage: &Stage) -> Run {
        let Fanmail { scenario, participants, .. } = self.fanmail;
        self.fanmail.forget();
        let sink = Sink::expecting(*participants);
        let publisher = scenario.queue.publisher();
        let worker = self.fanmail.worker(sink.port, &[("SMTP_CONNECTIONS", self.connections.to_string())]);
        let cpu = cpu_seconds(&worker);
        let begun = Utc::now().naive_utc();
        publisher.publish("UPDATED", EVENT);
        let took = self.fanmail.wait_for_acks(1) - begun;
        let cpu_seconds = Some(cpu_seconds(&worker) - cpu);
        worker.stop();
        Run {
            mails: *participants,
            seconds: took.as_seconds_f64(),
            faults: self.fanmail.faults(*participants, sink.count()),
            cpu_seconds,
        }
    }
}

/// User and system time of all threads so far, those that have ended included (proc(5), fields 14 and 15).
pub fn cpu_seconds(process: &Process) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = |n: usize| -> f64 { fields.split(' ').nth(n - 3).unwrap().parse().unwrap() };
    (ticks(14) + ticks(15)) / TICKS_PER_SECOND
}
