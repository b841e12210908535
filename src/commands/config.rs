//! `fanmail config`: shows the variables that are in effect, and writes a first `.env`. Neither needs a configuration that is valid.

use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::config::init::InitArgs;
use crate::commands::config::show::ShowArgs;

mod example;
mod init;
mod overview;
mod show;

/// Below the help.
pub const EXAMPLES: &str = "\
Examples:
  fanmail config show --changed
  fanmail config init";

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "clap takes their documentation from their arguments")]
pub enum ConfigCommand {
    Show(ShowArgs),
    Init(InitArgs),
}

/// Shows or writes the configuration.
///
/// # Errors
/// What failed, and why.
pub fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Show(args) => show::run(args),
        ConfigCommand::Init(args) => init::run(args),
    }
}
