//! `fanmail explain`: what became of the mails to one person. What it prints is made in `report`.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::{ArgGroup, Args};

use crate::app::database;
use crate::commands::arguments::Format;
use crate::commands::output::{print_text, screen};
use crate::commands::person;
use crate::config::Config;
use crate::domain::ids::EventId;
use crate::report::explain::text::to_text;
use crate::report::explain::{self, Query};
use crate::text::clean::{one_line, shown_key};

/// Longest key that is shown, in characters.
const KEY_MAX: usize = 80;

/// Show what became of the mails to one person: did Ada get it?
///
/// Shows each notification that concerns the person, the newest first: sent, with the relay's words and its queue id, failed, deferred with the
/// next attempt, skipped and why, came back, or not decided yet. Also whether the address is suppressed.
///
/// Finds the address in all its spellings, among the participants, the users and those whom messages name. The exit code is 1 if nobody has it.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("whom").required(true).args(["address", "participant"])), after_help = "\
Examples:
  fanmail explain ada@example.org
  fanmail explain - <address.txt
  fanmail explain --participant 42 --event 123")]
pub struct ExplainArgs {
    /// Mail address, alone and without a name; - reads it from standard input, so that no list of processes and no history has it
    #[arg(value_name = "ADDRESS")]
    pub address: Option<String>,
    /// Key in your table participants; without --event, of any event
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub participant: Option<String>,
    /// Only notifications of this event
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub event: Option<EventId>,
    /// Number of newest notifications to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints the answer. The exit code is 1 when nobody has this address or key.
///
/// # Errors
/// When it is no address, or the database does not answer.
pub fn run(args: &ExplainArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = database::connect_existing(config)?;
    let event = args.event.map(|event| store.accept_event(event)).transpose()?;
    let query = Query { event, limit: args.limit as usize, optouts: config.worker.optouts };
    let (explanation, asked) = match (&args.address, &args.participant) {
        (Some(address), _) => {
            let (found, _) = person::read_address(address, &store).map_err(|error| {
                // One with a cause is about the database or standard input.
                if error.chain().count() > 1 {
                    return error;
                }
                anyhow!("{error}. A person whose address is wrong in your table is found by the key: fanmail explain --participant KEY")
            })?;
            let asked = if address == "-" { found.as_str() } else { address.trim() }.to_owned();
            (explain::of_address(&store, found, query)?, asked)
        }
        (None, Some(key)) => {
            let key = one_line(key);
            let asked = format!("participant {}", shown_key(&key, KEY_MAX));
            (explain::of_participant(&store, &key, query)?, asked)
        }
        (None, None) => anyhow::bail!("give an address, or a key with --participant"),
    };
    match args.format {
        Format::Json => print_text(&(serde_json::to_string_pretty(&explanation)? + "\n"))?,
        Format::Table => print_text(&to_text(&explanation, &asked, screen()))?,
    }
    Ok(if explanation.is_known() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
