//! One file a verb. Each is a plain function that reads from top to bottom.

use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::config::Config;

pub mod check;
pub mod dead_letters;
pub mod migrate;
pub mod preview;
pub mod publish;
pub mod purge;
pub mod retry;
pub mod seed;
pub mod status;
pub mod worker;

/// Does what the command line asks for.
///
/// # Errors
/// Whatever the verb could not do, with its cause, for the person at the terminal.
pub fn run(cli: &Cli, config: &Config) -> anyhow::Result<ExitCode> {
    match &cli.command {
        Command::Worker => worker::run(config),
        Command::Migrate => migrate::run(config),
        Command::Seed(args) => seed::run(args, config),
        Command::Publish(args) => publish::run(args, config),
        Command::Status(args) => status::run(args, config),
        Command::Retry(args) => retry::run(args, config),
        Command::Purge(args) => purge::run(args, config),
        Command::Preview(args) => preview::run(args, config),
        Command::Check => check::run(config),
        Command::DeadLetters { command } => dead_letters::run(command, config),
    }
}
