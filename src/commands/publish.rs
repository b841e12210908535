//! `fanmail publish`: publish a notification.

use std::process::ExitCode;

use crate::cli::PublishArgs;
use crate::config::Config;

/// Does it.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(_args: &PublishArgs, _config: &Config) -> anyhow::Result<ExitCode> {
    todo!()
}
