//! `fanmail publish`: publish a notification.

use std::io::Write;
use std::process::ExitCode;

use crate::broker::{BrokerError, publisher};
use crate::cli::PublishArgs;
use crate::config::Config;
use crate::domain::notification::Request;

/// Publishes, waits for the broker's confirm and says under which message id.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(args: &PublishArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let request = Request {
        kind: args.kind,
        event_id: args.event,
    };
    let message_id = match publisher::publish(&config.broker, request, args.message_id.as_deref()) {
        Ok(message_id) => message_id,
        Err(error @ BrokerError::BadMessageId(_)) => {
            eprintln!("error: --message-id: {error}");
            return Ok(ExitCode::from(2));
        }
        Err(error) => return Err(error.into()),
    };
    writeln!(
        std::io::stdout(),
        "published {request} to the queue {} at {}:{}, message id {message_id}",
        config.broker.queue,
        config.broker.host,
        config.broker.port,
    )?;
    Ok(ExitCode::SUCCESS)
}
