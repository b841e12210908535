//! `fanmail status`: how notifications add up.

use std::process::ExitCode;

use crate::cli::StatusArgs;
use crate::config::Config;

/// Does it.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(_args: &StatusArgs, _config: &Config) -> anyhow::Result<ExitCode> {
    todo!()
}
