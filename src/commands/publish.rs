//! `fanmail publish`: publish a notification.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;

use crate::broker::error::BrokerError;
use crate::broker::publisher;
use crate::cli::PublishArgs;
use crate::config::Config;
use crate::domain::message::Message;

/// Publishes, waits for the broker's confirm and says under which message id.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(args: &PublishArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let message = Message { kind: args.kind, event_id: args.event };
    let message_id = args.message_id.clone().unwrap_or_else(publisher::new_message_id);
    match publisher::publish(&config.broker, message, &message_id) {
        Ok(()) => {}
        Err(error @ BrokerError::BadMessageId(_)) => {
            eprintln!("error: --message-id: {error}");
            return Ok(ExitCode::from(2));
        }
        // It may have arrived all the same; the id makes a second try harmless.
        Err(error) => {
            bail!("{error}\nto try again: --message-id {message_id:?} makes sure that it counts once")
        }
    }
    writeln!(
        std::io::stdout(),
        "published {message} to the queue {} at {}:{}, message id {message_id}",
        config.broker.queue,
        config.broker.host,
        config.broker.port,
    )?;
    Ok(ExitCode::SUCCESS)
}
