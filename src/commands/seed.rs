//! `fanmail seed`: an event with made-up participants.

use std::process::ExitCode;

use crate::cli::SeedArgs;
use crate::config::Config;

/// Does it.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(_args: &SeedArgs, _config: &Config) -> anyhow::Result<ExitCode> {
    todo!()
}
