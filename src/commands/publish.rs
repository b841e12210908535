//! `fanmail publish`: publishes a notification.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use crossbeam_channel::bounded;

use crate::app::database;
use crate::broker::error::BrokerError;
use crate::broker::publisher;
use crate::commands::arguments::parse_kind;
use crate::config::Config;
use crate::domain::event_key::BadEventKey;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::exit_code::{HasExitCode as _, MISCONFIGURED};

/// Arguments of `publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// What happened to the event.
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = parse_kind,
        help = format!("What happened to the event: one of {}", Kind::words())
    )]
    pub kind: Kind,
    /// Event ID
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub event: EventId,
    /// Identifies the notification: messages with the same id count once [default: a new UUID]
    #[arg(long, value_name = "ID")]
    pub message_id: Option<String>,
    /// Write it to the table outbox of the database instead of publishing it; no broker is needed
    #[arg(long)]
    pub outbox: bool,
}

/// Publishes, waits for the broker's confirm, and prints the message id.
///
/// # Errors
/// What failed, and why.
pub fn run(args: &PublishArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let message = Message::new(args.kind, args.event);
    let is_checked = match check_key(args.event, config) {
        Err(reason) => {
            eprintln!("error: --event: no event can have the key {}: {reason}", args.event);
            return Ok(ExitCode::from(MISCONFIGURED));
        }
        Ok(is_checked) => is_checked,
    };
    let message_id = args.message_id.clone().unwrap_or_else(publisher::new_message_id);
    if args.outbox {
        let store = database::connect_existing(config)?;
        store.add_to_outbox(&message_id, &message.encode())?;
        let backend = &config.database.backend;
        writeln!(
            std::io::stdout(),
            "wrote {message} to the outbox of {backend}, message id {message_id}; a worker with OUTBOX=True sends it"
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    let peer = match publisher::publish(&config.broker, &message, &message_id) {
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
        "published {message} to the queue {} of {peer}, message id {message_id}{}",
        config.broker.queue,
        if is_checked { "" } else { "; not checked against the database" },
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Longest wait for the database. `publish` does not need one.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether the database was asked which keys events have. One that does not answer soon is left behind with its thread: the process
/// ends soon.
///
/// # Errors
/// When no event can have this key.
fn check_key(event: EventId, config: &Config) -> Result<bool, BadEventKey> {
    let (sender, answer) = bounded(1);
    let config = config.clone();
    let ask = move || {
        let keys = database::connect_existing(&config).and_then(|store| store.event_key_type());
        // Nothing waits for an answer that is late.
        drop(sender.send(keys));
    };
    if let Err(error) = thread::Builder::new().name("database".to_owned()).spawn(ask) {
        log::debug!("cannot start a thread to ask the database: {error}");
    }
    match answer.recv_timeout(DATABASE_TIMEOUT) {
        Ok(Ok(keys)) => keys.accept(event).map(|_| true),
        Ok(Err(error)) => {
            log::debug!("the key is not checked: {error}");
            Ok(false)
        }
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_checked_where_the_database_answers() {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("app.db").to_str().unwrap().to_owned();
        let config = Config::from_lookup(&|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let text = EventId::from_text("abc").unwrap();
        assert_eq!(check_key(text, &config), Ok(false), "there is no database");
        assert!(!dir.path().join("app.db").exists());
        drop(database::migrate(&config).unwrap());
        assert_eq!(check_key(EventId::Number(123), &config), Ok(true));
        assert_eq!(check_key(text, &config), Err(BadEventKey::NotNumber));
    }
}
