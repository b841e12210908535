//! `fanmail publish`: publishes a notification, a notice, or a message of the team's own. What is wrong is told before anything is
//! published.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use crossbeam_channel::bounded;

use crate::app::{database, routes};
use crate::broker::error::BrokerError;
use crate::broker::publisher::{self, Target};
use crate::commands::publish::arguments::PublishArgs;
use crate::commands::publish::body::Prepared;
use crate::commands::publish::destination::Destination;
use crate::config::Config;
use crate::domain::message::Message;
use crate::domain::priority::Priority;
use crate::exit_code::{HasExitCode as _, MISCONFIGURED};

pub mod arguments;
mod body;
mod destination;
mod dry_run;
mod people;

/// Publishes, waits for the broker's confirm, and prints the message id.
///
/// # Errors
/// What failed, and why.
pub fn run(args: &PublishArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let refuse = |reason: &str| {
        eprintln!("error: {reason}");
        Ok(ExitCode::from(MISCONFIGURED))
    };
    // Without a routing key they matter to nothing.
    let routes = args.routing_key.as_ref().map_or(Ok(None), |_| routes::load(&config.worker));
    let prepared =
        routes.map_err(|error| error.to_string()).and_then(|routes| Prepared::new(args, routes.as_ref()));
    let (prepared, destination) = match (prepared, Destination::new(args, config)) {
        (Ok(prepared), Ok(destination)) => (prepared, destination),
        (Err(reason), _) | (_, Err(reason)) => return refuse(&reason),
    };
    if args.dry_run {
        return dry_run::run(&prepared, &destination, config);
    }
    let asked_about = prepared.message.as_ref().filter(|message| people::needs_database(message));
    let is_checked = match asked_about.map_or(Ok(true), |message| check(message, config)) {
        Ok(is_checked) => is_checked,
        Err(problem) => return refuse(&format!("{problem}; nothing was published")),
    };
    let message_id = args.message_id.clone().unwrap_or_else(publisher::new_message_id);
    match &destination {
        Destination::Broker(target) => {
            publish(&prepared, target, &destination, &message_id, is_checked, config)
        }
        Destination::Outbox(routing_key) => {
            let priority = args.priority.unwrap_or_default();
            write_to_outbox(&prepared, routing_key.as_deref(), priority, &message_id, config)
        }
    }
}

fn publish(
    prepared: &Prepared,
    target: &Target,
    destination: &Destination,
    message_id: &str,
    is_checked: bool,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let peer = match publisher::publish(&config.broker, target, &prepared.body, message_id) {
        Ok(peer) => peer,
        Err(error @ BrokerError::BadMessageId(_)) => {
            eprintln!("error: --message-id: {error}");
            return Ok(ExitCode::from(error.exit_code()));
        }
        // The message may have arrived all the same; with the same id, a second attempt counts once.
        Err(error) => {
            bail!("{error}\nRetry safely with: --message-id {message_id:?} (counts as the same notification)")
        }
    };
    writeln!(
        std::io::stdout(),
        "published {} to {destination} of {peer}, message id {message_id}{}",
        prepared.what(),
        if is_checked { "" } else { "; not checked against the database" },
    )?;
    Ok(ExitCode::SUCCESS)
}

fn write_to_outbox(
    prepared: &Prepared,
    routing_key: Option<&str>,
    priority: Priority,
    message_id: &str,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let store = database::connect_existing(config)?;
    store.add_to_outbox(message_id, &prepared.body, routing_key, priority)?;
    let backend = &config.database.backend;
    writeln!(
        std::io::stdout(),
        "wrote {} to the outbox of {backend}, message id {message_id}; a worker with OUTBOX=True sends it",
        prepared.what(),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Longest wait for the database. `publish` does not need one.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether the database was asked about the message. One that does not answer soon is left behind with its thread: the process ends
/// soon.
///
/// # Errors
/// Why the message would be a dead letter, or would not reach somebody.
fn check(message: &Message, config: &Config) -> Result<bool, String> {
    let (sender, answer) = bounded(1);
    let (config, message) = (config.clone(), message.clone());
    let ask = move || {
        let found =
            database::connect_existing(&config).and_then(|store| people::find_problem(&message, &store));
        // Nothing waits for an answer that is late.
        drop(sender.send(found));
    };
    if let Err(error) = thread::Builder::new().name("database".to_owned()).spawn(ask) {
        log::debug!("cannot start a thread to ask the database: {error}");
    }
    match answer.recv_timeout(DATABASE_TIMEOUT) {
        Ok(Ok(None)) => Ok(true),
        Ok(Ok(Some(problem))) => Err(problem),
        Ok(Err(error)) => {
            log::debug!("the message is not checked: {error}");
            Ok(false)
        }
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::EventId;
    use crate::domain::kind::Kind;

    #[test]
    fn a_key_is_checked_where_the_database_answers() {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("app.db").to_str().unwrap().to_owned();
        let config = Config::from_lookup(&|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let about = |key: &str| Message::new(Kind::Updated, EventId::from_text(key).unwrap());
        assert_eq!(check(&about("abc"), &config), Ok(false), "there is no database");
        assert!(!dir.path().join("app.db").exists());
        drop(database::migrate(&config).unwrap());
        let number = Message::new(Kind::Updated, EventId::Number(123));
        assert_eq!(check(&number, &config), Ok(true));
        let problem = check(&about("abc"), &config).unwrap_err();
        assert!(problem.starts_with("no event can have the key abc: "), "{problem}");
    }
}
