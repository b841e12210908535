//! `fanmail retry`: send again to those whose mail failed.

use std::process::ExitCode;

use crate::cli::RetryArgs;
use crate::config::Config;

/// Does it.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(_args: &RetryArgs, _config: &Config) -> anyhow::Result<ExitCode> {
    todo!()
}
