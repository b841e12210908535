//! `fanmail dead-letters purge`.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use chrono::{TimeDelta, Utc};
use clap::{ArgGroup, Args};
use serde_json::json;

use crate::broker::dead_letters::purge::DeadLetterPurge;
use crate::broker::dead_letters::selection::DeadLetterSelection;
use crate::commands::arguments::Format;
use crate::commands::dead_letters::arguments::{missing, parse_reason};
use crate::commands::dead_letters::text::escaped_line;
use crate::commands::output::{print_json, print_text, screen};
use crate::commands::purge::age;
use crate::config::Config;
use crate::exit_code::MISCONFIGURED;
use crate::report::dead_letters::groups::{DeadLetterGroup, DeadLetterGroups};
use crate::text::count::count;
use crate::text::screen::Screen;

/// What there is to say when the broker went away.
const UNFINISHED: &str = "Some of them may be purged, the others are still dead letters: when it works again, run the same command again";

/// Arguments of `dead-letters purge`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(true))]
pub struct PurgeArgs {
    /// Their ids, as `list` shows them
    #[arg(value_name = "ID", group = "which", conflicts_with_all = ["reason", "older_than", "all"])]
    pub ids: Vec<String>,
    /// Those with these words in their reasons; as `list --by-reason` shows them, or a part
    #[arg(long, value_name = "WORDS", group = "which", value_parser = parse_reason)]
    pub reason: Option<String>,
    /// Those that were stored longer ago, in hours, days or weeks: 12h, 90d, 2w
    #[arg(long, value_name = "AGE", group = "which", value_parser = age::parse)]
    pub older_than: Option<TimeDelta>,
    /// All of all queues
    #[arg(long, group = "which", conflicts_with_all = ["reason", "older_than"])]
    pub all: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Only show what would be purged
    #[arg(long)]
    pub dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Shows what is selected, asks unless that is not needed, and purges exactly that. The exit code is 1 when an id is not found, or the
/// answer is no.
///
/// # Errors
/// When the broker is away. What was purged until then is gone.
pub(super) fn run(args: &PurgeArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let asks = !args.yes && !args.dry_run;
    if asks && (!io::stdin().is_terminal() || args.format == Format::Json) {
        eprintln!(
            "error: purged dead letters are gone for ever; add --yes, or see which they are with --dry-run"
        );
        return Ok(ExitCode::from(MISCONFIGURED));
    }
    let selection = DeadLetterSelection {
        ids: args.ids.iter().cloned().collect(),
        reason: args.reason.clone(),
        stored_before: args.older_than.map(|age| Utc::now() - age),
    };
    let (mut groups, mut ids) = (DeadLetterGroups::default(), Vec::new());
    let taken = DeadLetterPurge::take(&config.broker, &selection, &mut |letter| {
        groups.add(letter);
        ids.push(letter.id.clone());
    })?;
    let (is_table, groups) = (args.format == Format::Table, groups.into_sorted());
    if is_table && (asks || args.dry_run || ids.is_empty()) {
        let verb = if args.dry_run { "would purge" } else { "to be purged:" };
        print_text(&to_text(&groups, verb, screen()))?;
    }
    let is_wanted = !args.dry_run && !ids.is_empty() && (!asks || is_answered_with_yes()?);
    if is_wanted {
        taken.remove().inspect_err(|_| eprintln!("{UNFINISHED}"))?;
    } else {
        taken.give_up();
    }
    if is_table && is_wanted {
        print_text(&to_text(&groups, "purged", screen()))?;
    } else if asks && !ids.is_empty() && !is_wanted {
        println!("nothing was purged");
    }
    let missing_ids = selection.missing(ids.iter().map(String::as_str));
    if is_table {
        for id in &missing_ids {
            eprintln!("{}", missing(id));
        }
    } else {
        print_json(&json!({"dry_run": args.dry_run, "purged": ids, "missing": missing_ids}))?;
    }
    let is_done = missing_ids.is_empty() && (is_wanted || args.dry_run || ids.is_empty());
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_answered_with_yes() -> io::Result<bool> {
    print!("They are gone for ever then. Purge them? [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_lowercase().as_str()))
}

fn to_text(groups: &[DeadLetterGroup], verb: &str, screen: Screen) -> String {
    if groups.is_empty() {
        return "no such dead letters\n".to_owned();
    }
    let line = |group: &DeadLetterGroup| {
        let what = format!("{verb} {} of {}", count(group.count, "dead letter"), group.queue);
        let reason = escaped_line(&group.common.to_string());
        screen.paragraph(&format!("{what}: {reason}, such as {}", group.example), "  ")
    };
    groups.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::dead_letters::view::tests::dead_letter;

    #[test]
    fn what_is_purged_is_shown_by_reasons() {
        let mut groups = DeadLetterGroups::default();
        groups.add(&dead_letter("00000000000000a1", "why", b""));
        groups.add(&dead_letter("00000000000000a2", "why", b""));
        assert_eq!(
            to_text(&groups.into_sorted(), "purged", Screen::PLAIN),
            "purged 2 dead letters of events.dead: why, such as 00000000000000a2\n"
        );
        assert_eq!(to_text(&[], "purged", Screen::PLAIN), "no such dead letters\n");
    }
}
