//! `fanmail person`: shows and erases what fanmail keeps about one person. What that is, is found and changed in `store::person`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::app::database;
pub use crate::commands::person::arguments::read as read_address;
use crate::commands::person::erasing::EraseArgs;
use crate::commands::person::exporting::ExportArgs;
use crate::commands::person::listing::LogArgs;
use crate::config::Config;

mod arguments;
pub mod erasing;
mod export_document;
pub mod exporting;
pub mod listing;

/// Below the help.
pub const EXAMPLES: &str = "\
Examples:
  fanmail person export ada@example.org >ada.json
  fanmail person erase ada@example.org --dry-run
  fanmail person erase - --by 'ticket 4711' <address.txt";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// Print all that fanmail keeps about a person, as JSON
    ///
    /// Finds the address in all its spellings: capitals, blanks, and domains in any script. Also finds mails to participants and users who have
    /// the address now. Those of rows that the application has deleted are found by their keys only (--key, --user-key).
    ///
    /// The exit code is 0 also if nothing is found.
    #[command(after_help = "\
Examples:
  fanmail person export ada@example.org >ada.json
  fanmail person export - --key 42 <address.txt")]
    Export(ExportArgs),
    /// Erase what fanmail keeps about a person
    ///
    /// Takes addresses, names, keys and the words of relays away, and deletes no row, so that the numbers of status still add up. The address gets
    /// no mail from now on: a suppression with its hash stays. Mails that are not sent yet are skipped.
    ///
    /// Workers may run meanwhile. If the command is interrupted, or if it has left something, run it again: it continues. The exit code is 1
    /// if something was left.
    ///
    /// The tables of the application are not written: delete its rows there, too.
    #[command(after_help = "\
Examples:
  fanmail person erase ada@example.org --dry-run
  fanmail person erase ada@example.org --by 'ticket 4711'")]
    Erase(EraseArgs),
    /// List the erasures: when, and how many rows were changed
    Log(LogArgs),
}

/// Does it.
///
/// # Errors
/// What failed, and why.
pub fn run(command: &PersonCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let store = database::connect_existing(config)?;
    match command {
        PersonCommand::Export(args) => exporting::export(args, &store).map(|()| ExitCode::SUCCESS),
        PersonCommand::Erase(args) => erasing::erase(args, &store),
        PersonCommand::Log(args) => listing::list(args, &store).map(|()| ExitCode::SUCCESS),
    }
}
