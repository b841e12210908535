//! The configuration, read once at start from environment variables. All problems are reported together, and no secret
//! is ever printed. Each section has a file; `environment` finds the variables and `reader` reads one value.

pub mod broker;
pub mod ca_certificates;
pub mod coalesce;
pub mod consul;
pub mod content;
pub mod database;
mod defer_schedule;
mod dotenv;
pub mod email;
pub mod environment;
pub mod http;
pub mod log;
pub mod problem;
mod reader;
mod reminders;
pub mod secret;
pub mod worker;

use std::cell::RefCell;

use crate::config::broker::BrokerConfig;
use crate::config::consul::ConsulConfig;
use crate::config::content::ContentConfig;
use crate::config::database::DatabaseConfig;
use crate::config::email::EmailConfig;
use crate::config::http::HttpConfig;
use crate::config::log::LogConfig;
use crate::config::problem::ConfigErrors;
use crate::config::reader::Reader;
use crate::config::worker::WorkerConfig;

/// Everything that can be configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// RabbitMQ or LavinMQ.
    pub broker: BrokerConfig,
    /// The database with events, participants and ledger.
    pub database: DatabaseConfig,
    /// How mails leave.
    pub email: EmailConfig,
    /// What mails say and how they look.
    pub content: ContentConfig,
    /// Sizes, retries and timeouts of the worker.
    pub worker: WorkerConfig,
    /// The HTTP server of the worker.
    pub http: HttpConfig,
    /// The agent of Consul that the worker registers with (`CONSUL_HTTP_ADDR`), if there is one.
    pub consul: Option<ConsulConfig>,
    /// Level, format and file of the log.
    pub log: LogConfig,
}

impl Config {
    /// Reads every section. `lookup` returns the value of a variable, as [`environment::Environment::get`] does. Also
    /// reads the files that variables name: secrets (`NAME_FILE`) and CA certificates.
    ///
    /// # Errors
    /// All problems together, each with the variable, its value and what is expected.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(lookup);
        let (broker, database) = (BrokerConfig::read(&mut reader), DatabaseConfig::read(&mut reader));
        let mut email = EmailConfig::read(&mut reader);
        let content = ContentConfig::read(&mut reader, email.reply_to.as_deref());
        email.set_default_name(content.brand.name.as_deref());
        let has_public_pages = email.unsubscribe.is_some() || !email.webhooks.providers().is_empty();
        let config = Self {
            broker,
            database,
            content,
            email,
            worker: WorkerConfig::read(&mut reader),
            http: HttpConfig::read(&mut reader, has_public_pages),
            consul: ConsulConfig::read(&mut reader),
            log: LogConfig::read(&mut reader),
        };
        reader.finish()?;
        Ok(config)
    }

    /// The name of every variable, sorted: those that are looked up when nothing is set.
    #[must_use]
    pub fn variables() -> Vec<String> {
        let names = RefCell::new(Vec::new());
        let nothing = |name: &str| {
            names.borrow_mut().push(name.to_owned());
            None
        };
        if let Err(errors) = Self::from_lookup(&nothing) {
            ::log::error!("the defaults contradict each other: {errors}");
        }
        let mut names = names.into_inner();
        names.sort_unstable();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests;
