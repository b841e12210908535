//! `fanmail check`: one line for each thing that fanmail needs.

use std::process::ExitCode;

use crate::config::Config;

/// Does it.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(_config: &Config) -> anyhow::Result<ExitCode> {
    todo!()
}
