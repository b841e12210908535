//! How a scenario is made: its participants, servers and variables.

use std::sync::Arc;

use uuid::Uuid;

use crate::broker::{self, Broker};
use crate::database::Database;
use crate::ledger::Ledger;
use crate::process::Environment;
use crate::queue::Queue;
use crate::scenario::{DOMAIN, EVENT, Scenario};
use crate::smtp::{Capabilities, SmtpServer};
use crate::system::System;

/// What a scenario is made of.
pub struct ScenarioBuilder {
    name: String,
    participants: usize,
    broker: Option<Arc<Broker>>,
    server: Option<Arc<Database>>,
    relay: SmtpServer,
    environment: Environment,
    tables: Option<String>,
}

impl ScenarioBuilder {
    /// No participants, the shared broker, a SQLite file, and a relay that refuses connections.
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            participants: 0,
            broker: None,
            server: None,
            relay: SmtpServer::down(Capabilities::default()),
            environment: Environment::new(),
            tables: None,
        }
    }

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

    /// Statements that create other tables than those of today.
    pub fn tables(mut self, statements: String) -> Self {
        self.tables = Some(statements);
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
            ("LAVINMQ_HOST", queue.broker.host),
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
            // Most tests send several messages of one event, and count the mails of each.
            ("SUPERSEDE", "off"),
            // Most tests publish the same event again and again.
            ("SKIP_UNCHANGED", "False"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        environment.extend(self.environment);
        let ledger = Ledger::new(&environment["DATABASE_URL"]);
        let scenario = Scenario { dir, smtp: self.relay, queue, ledger, environment };
        match self.tables {
            Some(statements) => scenario.ledger.execute(&statements),
            None => drop(scenario.run_ok(&["migrate"])),
        }
        if self.participants > 0 {
            scenario.seed(EVENT, self.participants);
        }
        scenario
    }
}
