//! `fanmail preview`: what a mail looks like.

use std::process::ExitCode;

use crate::cli::PreviewArgs;
use crate::config::Config;

/// Does it.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(_args: &PreviewArgs, _config: &Config) -> anyhow::Result<ExitCode> {
    todo!()
}
