//! `fanmail dead-letters`: what a person does with messages that could not be processed. A file for each of its verbs; what they do to
//! the queues is left to `broker`.

use std::process::ExitCode;

use clap::Subcommand;

use crate::commands::dead_letters::listing::ListArgs;
use crate::commands::dead_letters::purging::PurgeArgs;
use crate::commands::dead_letters::replaying::ReplayArgs;
use crate::commands::dead_letters::showing::ShowArgs;
use crate::config::Config;

mod arguments;
mod listing;
mod purging;
mod replaying;
mod showing;
mod text;

/// The help of `dead-letters`.
pub const ABOUT: &str = "\
See and replay the messages that could not be processed: list, show, replay, purge

The broker keeps them in the queue QUEUE.dead, each with an id, the reason, and what the message had. When the cause is repaired, replay \
puts their messages back into their queues, as they were. All of this is safe beside running workers and beside another such command.";

/// Examples below the help of `dead-letters`.
pub const EXAMPLES: &str = "\
Examples:
  fanmail dead-letters list --by-reason
  fanmail dead-letters show 9f2c41d07be35a68
  fanmail dead-letters replay 9f2c41d07be35a68
  fanmail dead-letters replay --reason 'is not in the database' --dry-run
  fanmail dead-letters purge --older-than 90d";

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
pub enum DeadLettersCommand {
    /// List dead letters with their reasons; they stay in the queue, marked as redelivered
    List(ListArgs),
    /// Show one with its whole body, where it came from, and what to do about it
    Show(ShowArgs),
    /// Put the messages of dead letters back into the queues that they came from, and remove the dead letters
    ///
    /// A message without a message_id gets one that is made of the id of the dead letter, so that it counts once if the command is
    /// interrupted and run again. STALE_AFTER counts from the replay on. A message about an event that was cancelled since is not
    /// replayed, unless --force is given.
    Replay(ReplayArgs),
    /// Delete dead letters for ever; asks first
    Purge(PurgeArgs),
}

/// Does what the verb says.
///
/// # Errors
/// What failed, and why.
pub fn run(command: &DeadLettersCommand, config: &Config) -> anyhow::Result<ExitCode> {
    match command {
        DeadLettersCommand::List(args) => listing::list(args, config),
        DeadLettersCommand::Show(args) => showing::show(args, config),
        DeadLettersCommand::Replay(args) => replaying::run(args, config),
        DeadLettersCommand::Purge(args) => purging::run(args, config),
    }
}
