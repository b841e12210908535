//! Everything that one test needs: a database with participants, a queue, a relay, and `fanmail` configured for them.
//! At the end it checks that ledger, queue and relay agree.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

use crate::broker::{self, Broker};
use crate::database::{self, Database};
use crate::ledger::{Ledger, Person};
use crate::process::{Environment, Exit, Process};
use crate::queue::Queue;
use crate::smtp::log::BodyReply;
use crate::smtp::{Capabilities, SmtpServer};
use crate::system::System;
use crate::wait::wait_until;

/// The event of most tests.
pub const EVENT: i64 = 123;
/// The domain of the sender, and so of each Message-ID.
pub const DOMAIN: &str = "sender.example";
/// The user of a relay that asks for a login.
pub const RELAY_USER: &str = "relay-user";
/// Its password, a word that is easy to find in a log.
pub const RELAY_PASSWORD: &str = "turnip-in-the-smtp-password";

/// What a scenario is made of.
pub struct ScenarioBuilder {
    name: String,
    participants: usize,
    broker: Option<Arc<Broker>>,
    server: Option<Arc<Database>>,
    relay: SmtpServer,
    environment: Environment,
}

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

impl ScenarioBuilder {
    /// Number of participants of [`EVENT`].
    pub fn participants(mut self, participants: usize) -> Self {
        self.participants = participants;
        self
    }

    /// Number of SMTP connections of a worker.
    pub fn connections(self, connections: usize) -> Self {
        self.env("SMTP_CONNECTIONS", &connections.to_string())
    }

    /// Sets a variable of `fanmail`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A broker of its own instead of the shared one.
    pub fn broker(mut self, broker: &Arc<Broker>) -> Self {
        self.broker = Some(Arc::clone(broker));
        self
    }

    /// The kind of database. The default is a SQLite file.
    pub fn database(mut self, system: System) -> Self {
        self.server = system.server().map(Database::shared);
        self
    }

    /// A new database on this server.
    pub fn server(mut self, server: &Arc<Database>) -> Self {
        self.server = Some(Arc::clone(server));
        self
    }

    /// The relay. The default refuses connections.
    pub fn relay(mut self, relay: SmtpServer) -> Self {
        self.relay = relay;
        self
    }

    /// Creates the tables and the participants.
    pub fn build(self) -> Scenario {
        let dir = tempfile::Builder::new().prefix("fanmail-test-").tempdir().unwrap();
        let broker = self.broker.unwrap_or_else(Broker::shared);
        let queue = Queue::new(broker, format!("test-{}-{}", self.name, Uuid::now_v7().simple()));
        let file = dir.path().join("fanmail.db").to_str().unwrap().to_owned();
        let database = self.server.map_or(file, |server| server.create_database());
        let mut environment: Environment = [
            ("LAVINMQ_HOST", "127.0.0.1"),
            ("LAVINMQ_PORT", &queue.broker.port.to_string()),
            ("LAVINMQ_USERNAME", broker::USER),
            ("LAVINMQ_PASSWORD", broker::PASSWORD),
            ("LAVINMQ_QUEUE", &queue.name),
            ("DATABASE_URL", &database),
            ("EMAIL_DUMMY_MODE", "False"),
            ("SMTP_HOST", "127.0.0.1"),
            ("SMTP_PORT", &self.relay.port.to_string()),
            ("SMTP_USE_TLS", "False"),
            ("FROM_EMAIL", &format!("events@{DOMAIN}")),
            ("FROM_NAME", "Test Events"),
            ("RETRY_DELAY", "1"),
            ("EVENT_LOOKUP_GRACE", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        environment.extend(self.environment);
        let ledger = Ledger::new(&environment["DATABASE_URL"]);
        let scenario = Scenario { dir, smtp: self.relay, queue, ledger, environment };
        scenario.run_ok(&["migrate"]);
        if self.participants > 0 {
            scenario.seed(EVENT, self.participants);
        }
        scenario
    }
}

impl Scenario {
    /// Begins a scenario. The name becomes part of the name of its queue.
    pub fn builder(name: &str) -> ScenarioBuilder {
        ScenarioBuilder {
            name: name.to_owned(),
            participants: 0,
            broker: None,
            server: None,
            relay: SmtpServer::down(Capabilities::default()),
            environment: Environment::new(),
        }
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

    /// Waits until this number of connections is held at the gate of the relay.
    #[track_caller]
    pub fn wait_until_held(&self, connections: usize) {
        wait_until(&format!("{connections} mails held at the gate"), || {
            self.smtp.gate().held() == connections
        });
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
            let parts = number("sent") + number("failed") + number("skipped") + number("pending");
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

    /// Stops the worker and checks what has to hold at the end: each notification is completed and acked, the queue is
    /// empty, `status` adds up, ledger and relay agree on the recipients, the protocol was kept, and the log contains
    /// nothing personal.
    #[track_caller]
    pub fn stop_and_check(&self, worker: Process) {
        let ended = worker.stop();
        self.check_redacted(&ended.err);
        self.check_completed();
    }

    /// The same when the worker has ended.
    #[track_caller]
    pub fn check_completed(&self) {
        let rows = self.ledger.notifications();
        for row in &rows {
            assert!(row.acked, "{row:?} is not check_completed");
        }
        self.check_completed_except_acks();
    }

    /// The same when the broker died: it may have got an ack without the worker's knowledge. Then the ledger has no
    /// `acked_at`.
    #[track_caller]
    pub fn check_completed_except_acks(&self) {
        let rows = self.ledger.notifications();
        for row in &rows {
            assert!(row.state == "completed" && row.completed, "{row:?} is not check_completed");
        }
        assert_eq!(self.queue.depth(), 0, "something is left in the queue");
        let lines = self.status();
        assert_eq!(lines.len(), rows.len());
        for line in &lines {
            assert_eq!(line["pending"], 0, "{line}");
            assert_eq!(line["state"], "completed", "{line}");
        }
        self.check_ledger_matches_relay();
        assert_eq!(self.smtp.log().violations, Vec::<String>::new());
    }

    /// Checks that exactly those recipients got a mail that the ledger calls `sent`, at the right address.
    #[track_caller]
    pub fn check_ledger_matches_relay(&self) {
        let deliveries = self.ledger.deliveries();
        let in_ledger: BTreeSet<(String, String)> = deliveries
            .iter()
            .filter(|row| row.status == "sent")
            .map(|row| {
                let id = self.ledger.message_id(row.notification_id, row.participant_id);
                (id, row.email.clone().unwrap())
            })
            .collect();
        let at_relay: BTreeSet<(String, String)> = self
            .smtp
            .log()
            .received
            .iter()
            .filter(|mail| mail.answer == BodyReply::Accepted)
            .map(|mail| (mail.message_id.clone(), mail.recipient.clone()))
            .collect();
        let differ: Vec<_> = in_ledger.symmetric_difference(&at_relay).collect();
        assert!(
            differ.is_empty(),
            "ledger and relay differ on {}: {:?}",
            differ.len(),
            &differ[..differ.len().min(5)]
        );
    }

    /// Checks that a log contains no password and no address of a participant.
    #[track_caller]
    pub fn check_redacted(&self, log: &str) {
        for password in [broker::PASSWORD, database::PASSWORD, RELAY_PASSWORD] {
            assert!(!log.contains(password), "a password is in the log:\n{log}");
        }
        for address in self.ledger.addresses() {
            assert!(!log.contains(&address), "{address} is in the log:\n{log}");
        }
    }
}
