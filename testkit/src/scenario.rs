//! Everything that one test needs: a database with participants, a queue, a relay, and `fanmail` configured for them.
//! At the end it checks that ledger, queue and relay agree.

pub mod builder;
pub mod mail_counts;

mod checks;

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::ledger::Ledger;
use crate::ledger::people::Person;
use crate::process::{Environment, Exit, Process};
use crate::queue::Queue;
use crate::scenario::builder::ScenarioBuilder;
use crate::smtp::SmtpServer;
use crate::smtp::gate::Point;
use crate::wait::wait_until;

/// The event of most tests.
pub const EVENT: i64 = 123;
/// The domain of the sender, and so of each Message-ID.
pub const DOMAIN: &str = "sender.example";
/// The user of a relay that asks for a login.
pub const RELAY_USER: &str = "relay-user";
/// Its password, a word that is easy to find in a log.
pub const RELAY_PASSWORD: &str = "turnip-in-the-smtp-password";

/// A scenario with its tables and participants.
pub struct Scenario {
    /// The working folder of `fanmail`. All files are in it.
    pub dir: TempDir,
    /// The relay.
    pub smtp: SmtpServer,
    /// The queue.
    pub queue: Queue,
    /// The database.
    pub ledger: Ledger,
    /// The variables of `fanmail`.
    pub environment: Environment,
}

impl Scenario {
    /// Begins a scenario. The name becomes part of the name of its queue.
    pub fn builder(name: &str) -> ScenarioBuilder {
        ScenarioBuilder::new(name)
    }

    /// The same with a relay that works and with this number of participants.
    pub fn with_relay(name: &str, participants: usize) -> ScenarioBuilder {
        Self::builder(name).relay(SmtpServer::start()).participants(participants)
    }

    /// Starts `fanmail` with these arguments.
    pub fn start(&self, arguments: &[&str]) -> Process {
        Process::start(self.dir.path(), &self.environment, arguments)
    }

    /// Runs `fanmail` to its end.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Exit {
        self.start(arguments).wait()
    }

    /// Runs `fanmail`, which has to succeed. Returns its standard output.
    #[track_caller]
    pub fn run_ok(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "fanmail {arguments:?}: {ended:?}");
        ended.out
    }

    /// Starts the worker.
    pub fn worker(&self) -> Process {
        self.start(&["worker"])
    }

    /// Adds participants to an event.
    pub fn seed(&self, event: i64, participants: usize) {
        self.run_ok(&["seed", "--event", &event.to_string(), "--participants", &participants.to_string()]);
    }

    /// Publishes a notification of [`EVENT`] with a `message_id` of its own.
    pub fn publish(&self, kind: &str) {
        self.queue.publish(kind, EVENT, Some(&Uuid::now_v7().to_string()));
    }

    /// The participants of [`EVENT`].
    pub fn people(&self) -> Vec<Person> {
        self.ledger.people(EVENT)
    }

    /// A path in the working folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Waits until this number of notifications is completed and their acks are recorded.
    #[track_caller]
    pub fn wait_for_acks(&self, notifications: usize) {
        wait_until(&format!("{notifications} notifications to be completed and acked"), || {
            let rows = self.ledger.notifications();
            rows.iter().filter(|row| row.completed && row.acked).count() >= notifications
        });
    }

    /// Waits until no mail is deferred any more.
    #[track_caller]
    pub fn wait_for_deferrals(&self) {
        wait_until("the deferred mails to be decided", || self.ledger.count("deferrals") == 0);
    }

    /// Waits until this number of connections is held at the gate of the relay.
    #[track_caller]
    pub fn wait_until_held(&self, connections: usize) {
        wait_until(&format!("{connections} mails held at the gate"), || {
            self.smtp.gate().held() == connections
        });
    }

    /// Publishes a message of [`EVENT`] with this `message_id`, and starts a worker. Returns when this number of outcomes
    /// is in the ledger, and each of the `lanes` of the worker waits for the reply to a further mail.
    #[track_caller]
    pub fn worker_in_the_middle(&self, lanes: usize, outcomes: usize, message_id: Option<&str>) -> Process {
        self.smtp.gate().close_after(Point::BeforeReply, outcomes);
        let worker = self.worker();
        self.queue.publish("UPDATED", EVENT, message_id);
        self.wait_until_held(lanes);
        wait_until("the outcomes", || self.ledger.outcomes("sent") == outcomes);
        worker
    }

    /// Number of mails that were delivered and had been delivered before.
    pub fn duplicates(&self) -> usize {
        self.smtp.delivered_ids().values().map(|count| count - 1).sum()
    }

    /// The output of `fanmail status --all --format json`. The numbers of each notification have to add up.
    #[track_caller]
    pub fn status(&self) -> Vec<Value> {
        let out = self.run_ok(&["status", "--all", "--format", "json"]);
        let lines: Vec<Value> = serde_json::from_str(&out).unwrap();
        for line in &lines {
            let number = |key: &str| line[key].as_u64().unwrap();
            let words = ["sent", "bounced", "complained", "failed", "skipped", "deferred", "pending"];
            let parts: u64 = words.into_iter().map(number).sum();
            assert_eq!(number("participants"), parts, "{line}");
        }
        lines
    }

    /// The output of `fanmail status`.
    #[track_caller]
    pub fn status_text(&self) -> String {
        self.run_ok(&["status"])
    }

    /// The workers, from `fanmail status --workers --format json`.
    #[track_caller]
    pub fn workers(&self) -> Vec<Value> {
        serde_json::from_str(&self.run_ok(&["status", "--workers", "--format", "json"])).unwrap()
    }
}
