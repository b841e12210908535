//! `fanmail migrate`: create or update the tables.

use std::process::ExitCode;

use crate::config::Config;

/// Does it.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(_config: &Config) -> anyhow::Result<ExitCode> {
    todo!()
}
