//! `fanmail dead-letters`: what nobody could process.

use std::process::ExitCode;

use crate::cli::DeadLettersCommand;
use crate::config::Config;

/// Does it.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(_command: &DeadLettersCommand, _config: &Config) -> anyhow::Result<ExitCode> {
    todo!()
}
