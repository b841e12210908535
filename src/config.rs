//! What the environment says, read once at start. All mistakes are reported together, and no secret is ever
//! printed.

pub mod broker;
pub mod ca_certificates;
pub mod database;
pub mod email;
pub mod environment;
pub mod log;
pub mod problem;
mod reader;
pub mod secret;
pub mod worker;

use std::cell::RefCell;

use crate::config::broker::BrokerConfig;
use crate::config::database::DatabaseConfig;
use crate::config::email::EmailConfig;
use crate::config::log::LogConfig;
use crate::config::problem::ConfigErrors;
use crate::config::reader::Reader;
use crate::config::worker::WorkerConfig;

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

impl Config {
    /// Reads every section. `lookup` gives the value of a variable, as [`environment::Environment::get`] does; only the
    /// files that `NAME_FILE` variables point to are read beside it.
    ///
    /// # Errors
    /// All mistakes together, each with its variable, the value and what would be right.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(lookup);
        let config = Self {
            broker: BrokerConfig::read(&mut reader),
            database: DatabaseConfig::read(&mut reader),
            email: EmailConfig::read(&mut reader),
            worker: WorkerConfig::read(&mut reader),
            log: LogConfig::read(&mut reader),
        };
        reader.finish()?;
        Ok(config)
    }

    /// The name of every variable that is read: those that an empty environment is asked for.
    #[must_use]
    pub fn variables() -> Vec<String> {
        let asked = RefCell::new(Vec::new());
        let nothing = |name: &str| {
            asked.borrow_mut().push(name.to_owned());
            None
        };
        if let Err(errors) = Self::from_lookup(&nothing) {
            ::log::error!("the defaults contradict each other: {errors}");
        }
        let mut names = asked.into_inner();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests;
