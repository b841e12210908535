//! `fanmail publish`: publishes a notification.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use crate::broker::error::BrokerError;
use crate::broker::publisher;
use crate::commands::arguments::parse_kind;
use crate::config::Config;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::exit_code::HasExitCode as _;

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
}

/// Publishes, waits for the broker's confirm, and prints the message id.
///
/// # Errors
/// What failed, and why.
pub fn run(args: &PublishArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let message = Message { kind: args.kind, event_id: args.event };
    let message_id = args.message_id.clone().unwrap_or_else(publisher::new_message_id);
    let peer = match publisher::publish(&config.broker, message, &message_id) {
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
        "published {message} to the queue {} of {peer}, message id {message_id}",
        config.broker.queue,
    )?;
    Ok(ExitCode::SUCCESS)
}
