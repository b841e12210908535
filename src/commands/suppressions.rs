//! `fanmail suppressions`: the list of addresses that get no mail, or none of some kinds or events. Changes hold for running workers from
//! the next page of recipients on. The list itself is left to `store::suppressions`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::database;
use crate::commands::output::say;
use crate::commands::suppressions::adding::AddArgs;
use crate::commands::suppressions::exporting::ExportArgs;
use crate::commands::suppressions::importing::ImportArgs;
use crate::commands::suppressions::listing::ListArgs;
use crate::commands::suppressions::removing::RemoveArgs;
use crate::config::Config;

pub mod adding;
mod arguments;
pub mod exporting;
pub mod importing;
pub mod listing;
pub mod removing;

/// Below the help.
pub const EXAMPLES: &str = "\
Examples:
  fanmail suppressions add ann@example.org --reason unsubscribed
  fanmail suppressions add bob@example.org --scope event:123
  fanmail suppressions remove ann@example.org
  fanmail suppressions import --dry-run unwanted.csv
  fanmail suppressions export suppressions.csv";

/// What to do with the list.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
pub enum SuppressionsCommand {
    /// Send no more mail to these addresses
    Add(AddArgs),
    /// Send mail to these addresses again
    Remove(RemoveArgs),
    /// List the addresses, masked
    List(ListArgs),
    /// Add the addresses of a CSV file
    ///
    /// The first line has the headers, in any order: address (or email) [scope, reason, address_hash, source, created_at]. A line without
    /// a scope or a reason gets --scope and --reason. Addresses that are on the list already stay as they are.
    ///
    /// The file is checked as a whole first: if a line is bad, nothing is imported, and each bad line is named with its number. Workers
    /// may run meanwhile. If the command is interrupted, run it again: it continues.
    Import(ImportArgs),
    /// Write the whole list as CSV, with the addresses
    Export(ExportArgs),
}

/// Does it.
///
/// # Errors
/// What failed, and why.
pub fn run(command: &SuppressionsCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let store = database::connect_existing(config)?;
    match command {
        SuppressionsCommand::Add(args) => say(&adding::add(args, &store)?),
        SuppressionsCommand::Remove(args) => say(&removing::remove(args, &store)?),
        SuppressionsCommand::List(args) => listing::list(args, &store)?,
        SuppressionsCommand::Import(args) => importing::import(args, &store, config)?,
        SuppressionsCommand::Export(args) => exporting::export(args, &store)?,
    }
    Ok(ExitCode::SUCCESS)
}
