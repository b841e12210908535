//! The command line: clap definitions, nothing else.

use clap::{Parser, Subcommand};

/// Mail everyone who takes part in an event, once.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Consume notifications for ever.
    Worker,
}
