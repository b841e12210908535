//! Whether the worker can work: broker, database and relay, each with its state. What happened to them is in `observe/health`.

use serde::Serialize;

use crate::http::database::RequestDatabase;
use crate::observe::health::{Health, Part};

/// What a worker needs, and whether this one does.
#[derive(Debug, Clone)]
pub struct Readiness {
    health: Health,
    database: RequestDatabase,
    /// It takes messages from a broker.
    has_broker: bool,
    /// It sends mails, and not only seems to.
    has_relay: bool,
}

/// The states at one moment, in the order in which they are told. Programs rely on these names and words.
#[derive(Debug, Serialize)]
pub struct States {
    ready: bool,
    broker: PartState,
    database: PartState,
    relay: PartState,
}

#[derive(Debug, Serialize)]
struct PartState {
    state: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

const NOT_READY: &str = "not ready";

impl PartState {
    fn new(reasons: Vec<String>) -> Self {
        Self { state: if reasons.is_empty() { "ready" } else { NOT_READY }, reasons }
    }

    fn is_ready(&self) -> bool {
        self.state != NOT_READY
    }
}

impl Readiness {
    /// Of a worker that has a broker and a relay, or not.
    #[must_use]
    pub fn new(health: Health, database: RequestDatabase, has_broker: bool, has_relay: bool) -> Self {
        Self { health, database, has_broker, has_relay }
    }

    /// The states now. Asks no part: that could take long.
    #[must_use]
    pub fn states(&self) -> States {
        let of = |part, is_used: bool| {
            if is_used {
                PartState::new(self.health.reasons_not_ready(part))
            } else {
                PartState { state: "not used", reasons: Vec::new() }
            }
        };
        let mut database = of(Part::Database, true);
        if database.is_ready() && !self.database.is_open() {
            database = PartState::new(vec!["not connected yet".to_owned()]);
        }
        let (broker, relay) = (of(Part::Broker, self.has_broker), of(Part::Relay, self.has_relay));
        let ready = [&broker, &database, &relay].into_iter().all(PartState::is_ready);
        States { ready, broker, database, relay }
    }
}

impl States {
    /// Whether the worker can take messages and send mails.
    #[must_use]
    pub fn are_ready(&self) -> bool {
        self.ready
    }

    /// The same without what people who may not see data are not to hear.
    #[must_use]
    pub fn without_reasons(mut self) -> Self {
        for part in [&mut self.broker, &mut self.database, &mut self.relay] {
            part.reasons.clear();
        }
        self
    }

    /// A line for each part.
    #[must_use]
    pub fn to_text(&self) -> String {
        let line = |name: &str, part: &PartState| {
            let reasons = part.reasons.iter().map(String::as_str);
            let told: Vec<&str> = [name, part.state].into_iter().chain(reasons).collect();
            told.join(": ") + "\n"
        };
        [("broker", &self.broker), ("database", &self.database), ("relay", &self.relay)]
            .map(|(name, part)| line(name, part))
            .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::database::{Backend, DatabaseConfig};
    use crate::store::Store;

    #[test]
    fn each_part_is_named_with_its_state() {
        let (health, database) = (Health::default(), RequestDatabase::default());
        let readiness = Readiness::new(health.clone(), database.clone(), true, true);
        health.set_starting(Part::Broker);
        insta::assert_snapshot!(readiness.states().to_text(), @r"
        broker: not ready: not connected yet
        database: not ready: not connected yet
        relay: ready
        ");
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::Sqlite(dir.path().join("ready.db"));
        database
            .open(&Store::connect(&DatabaseConfig { backend, echo: false, default_file: None }, 1).unwrap());
        health.clear_problem(Part::Broker);
        assert!(readiness.states().are_ready());
        health.set_problem(Part::Relay, "down: <ann@example.com>".to_owned());
        let states = readiness.states();
        assert!(!states.are_ready());
        insta::assert_snapshot!(serde_json::to_string(&states).unwrap(), @r#"{"ready":false,"broker":{"state":"ready"},"database":{"state":"ready"},"relay":{"state":"not ready","reasons":["down: <a***@example.com>"]}}"#);
        insta::assert_snapshot!(states.without_reasons().to_text(), @r"
        broker: ready
        database: ready
        relay: not ready
        ");
        let outbox_only = Readiness::new(health, database, false, false);
        assert!(outbox_only.states().are_ready());
        insta::assert_snapshot!(outbox_only.states().to_text(), @r"
        broker: not used
        database: ready
        relay: not used
        ");
    }
}
