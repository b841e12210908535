//! What the environment says, read once at start. All mistakes are reported together, and no secret is ever
//! printed.

pub mod broker;
pub mod database;
pub mod email;
pub mod worker;

use std::fmt;

pub use broker::BrokerConfig;
pub use database::DatabaseConfig;
pub use email::{EmailConfig, Relay, Route, Security};
pub use worker::{LogConfig, LogFormat, WorkerConfig};

/// Everything that can be configured, one section a room.
#[derive(Debug, Clone)]
pub struct Config {
    /// RabbitMQ or LavinMQ.
    pub broker: BrokerConfig,
    /// Where events, participants and the ledger are.
    pub database: DatabaseConfig,
    /// How mails leave.
    pub email: EmailConfig,
    /// How the worker works.
    pub worker: WorkerConfig,
    /// What is logged, and where.
    pub log: LogConfig,
}

/// A value that must not be printed: its `Debug` shows only that it is there.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that hands it to a server.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
