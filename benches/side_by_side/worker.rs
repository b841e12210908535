//! The real binary: `fanmail worker` with its defaults, on a database with participants.

use std::time::Duration;

use chrono::{NaiveDateTime, TimeDelta, Utc};

use crate::rounds::{Run, Sender};
use testkit::bench::faults::Faults;
use testkit::bench::sink::Sink;
use testkit::database::Database;
use testkit::ledger::LedgerPoll;
use testkit::process::{Process, peak_memory};
use testkit::queue::Publisher;
use testkit::scenario::{EVENT, Scenario};
use testkit::system::System;
use testkit::wait::{wait_for, wait_until};

/// Deadline of a run.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A queue, a database with an event and its participants, and the variables of fanmail.
pub struct Fanmail {
    /// The servers and the variables.
    pub scenario: Scenario,
    /// Number of participants of the event.
    pub participants: usize,
    system: System,
}

/// Notifications for a worker.
pub struct Task<'a> {
    /// Variables beside the defaults.
    pub settings: &'a [(&'static str, usize)],
    /// Number of notifications.
    pub notifications: usize,
    /// Number of mails.
    pub mails: usize,
    /// Publishes the notifications.
    pub publish: &'a dyn Fn(&Publisher),
}

impl Fanmail {
    /// With an event of this number of participants.
    pub fn new(system: System, participants: usize) -> Self {
        let scenario = Scenario::builder("bench").database(system).env("LOG_LEVEL", "INFO").build();
        scenario.seed(EVENT, participants);
        Self { scenario, participants, system }
    }

    /// The name of the database in the table.
    pub fn name(&self) -> &'static str {
        match self.system {
            System::Sqlite => "fanmail, SQLite",
            System::Postgresql => "fanmail, PostgreSQL",
            #[cfg(feature = "mysql")]
            System::Mariadb => "fanmail, MariaDB",
        }
    }

    /// Empties the ledger, so that each run begins alike and does not pay for the writes of the run before.
    fn clear_ledger(&self) {
        self.scenario.ledger.clear();
        if let Some(server) = self.system.server() {
            Database::shared(server).administer("CHECKPOINT");
        }
    }

    /// An idle worker that consumes.
    pub fn worker(&self, port: u16, settings: &[(&'static str, usize)]) -> Process {
        let mut environment = self.scenario.environment.clone();
        environment.insert("SMTP_PORT".to_owned(), port.to_string());
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())));
        let worker = Process::start(self.scenario.dir.path(), &environment, &["worker"]);
        wait_until("the worker to consume", || self.scenario.queue.consumers() == 1);
        worker
    }

    /// Waits until this number of notifications is acked. Returns the time of the last ack from the ledger, which
    /// records an ack when the broker is known to have it. Polling disturbs no worker, and the time is exact.
    pub fn wait_for_acks(watch: &mut LedgerPoll, notifications: usize) -> NaiveDateTime {
        wait_for(&format!("{notifications} acks"), TIMEOUT, || {
            std::thread::sleep(Duration::from_millis(40));
            watch.acked(notifications)
        })
    }

    /// The faults of a run with `asked` expected and `arrived` received mails, when all notifications are acked.
    pub fn faults(&self, asked: usize, arrived: usize) -> Faults {
        let ledger = &self.scenario.ledger;
        Faults::by_ledger(asked, ledger.outcomes("sent"), ledger.attempts(), arrived)
    }

    /// Runs a new worker with an empty ledger and a sink.
    pub fn measure(&self, task: &Task) -> Run {
        self.measure_through(|sink| (sink, ()), task)
    }

    /// The same with a proxy between the worker and its sink. `proxy` gets the port of the sink. It returns the port of
    /// the proxy, and a value that lives as long as the run.
    pub fn measure_through<W>(&self, proxy: impl FnOnce(u16) -> (u16, W), task: &Task) -> Run {
        self.clear_ledger();
        let sink = Sink::expecting(task.mails);
        let (port, _proxy) = proxy(sink.port);
        let (publisher, mut watch) = (self.scenario.queue.publisher(), self.scenario.ledger.poll());
        let worker = self.worker(port, task.settings);
        let idle = worker.cpu_seconds();
        let start = Utc::now().naive_utc();
        (task.publish)(&publisher);
        // The ledger has times in milliseconds.
        let took = Self::wait_for_acks(&mut watch, task.notifications) - start + TimeDelta::milliseconds(1);
        let cpu_seconds = worker.cpu_seconds() - idle;
        let peak_memory = peak_memory(worker.id());
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

/// One fan-out to all participants of the event.
pub struct FanOut<'a> {
    /// The worker.
    pub fanmail: &'a Fanmail,
    /// `SMTP_CONNECTIONS`.
    pub connections: usize,
}

impl Sender for FanOut<'_> {
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
