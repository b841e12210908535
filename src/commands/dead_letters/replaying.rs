//! `fanmail dead-letters replay`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use crate::app::database;
use crate::broker::dead_letters::browse;
use crate::broker::dead_letters::replay::{ReplaySummary, ReplayedLetter, replay};
use crate::broker::dead_letters::selection::DeadLetterSelection;
use crate::broker::dead_letters::view::DeadLetterView;
use crate::commands::arguments::Format;
use crate::commands::dead_letters::arguments::{MAX_NAMED, missing, parse_reason};
use crate::commands::dead_letters::text::escaped_line;
use crate::commands::output::{print_json, print_text};
use crate::commands::stopping::stop_on_signals;
use crate::config::Config;
use crate::report::dead_letters::outdated::OutdatedLetters;
use crate::routes::Routes;
use crate::store::Store;
use crate::text::count::count;

/// What there is to say when the broker or the database went away.
const UNFINISHED: &str = "The others are still dead letters: when it works again, run the same command again. A message that is put back twice \
                          counts once";

/// Arguments of `dead-letters replay`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).multiple(false))]
pub struct ReplayArgs {
    /// Their ids, as `list` shows them
    #[arg(value_name = "ID", group = "which")]
    pub ids: Vec<String>,
    /// All with these words in their reasons; as `list --by-reason` shows them, or a part
    #[arg(long, value_name = "WORDS", group = "which", value_parser = parse_reason)]
    pub reason: Option<String>,
    /// All of all queues
    #[arg(long, group = "which")]
    pub all: bool,
    /// Also those whose events were cancelled since; does not need the database then
    #[arg(long)]
    pub force: bool,
    /// Only show what would be replayed
    #[arg(long)]
    pub dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Replays them, and prints what became of them. The exit code is 1 when one stays, is not found, or when it was interrupted.
///
/// # Errors
/// When the broker takes no messages, or the database does not answer. What was replayed until then is printed.
pub(super) fn run(args: &ReplayArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let selection = DeadLetterSelection {
        ids: args.ids.iter().cloned().collect(),
        reason: args.reason.clone(),
        stored_before: None,
    };
    let store = if args.force { None } else { Some(open(config)?) };
    let mut outdated = store.as_ref().map(|store| outdated(store, config)).transpose()?;
    let mut check = |letter: &DeadLetterView| -> anyhow::Result<Option<String>> {
        Ok(outdated.as_mut().map(|outdated| outdated.why_outdated(letter)).transpose()?.flatten())
    };
    let mut summary = ReplaySummary::default();
    let ended = if args.dry_run {
        plan(&selection, config, &mut check, &mut summary)
    } else {
        let shutdown = stop_on_signals(config, "messages in flight")?;
        replay(&config.broker, &selection, &shutdown, &mut check, &mut summary)
    };
    let is_whole = ended.is_ok() && !summary.interrupted;
    let missing = if is_whole { selection.missing(summary.found()) } else { Vec::new() };
    match args.format {
        // Nothing was found out.
        Format::Table if ended.is_err() && summary.is_empty() => {}
        Format::Table => print_text(&(to_text(&summary, &missing, args.dry_run) + "\n"))?,
        Format::Json => print_json(&to_json(&summary, &missing, args.dry_run))?,
    }
    // Of those on their way, the broker may have the messages and the dead letters.
    if ended.is_err() && summary.began {
        eprintln!("{UNFINISHED}");
    }
    ended?;
    let is_done = summary.kept.is_empty() && missing.is_empty() && !summary.interrupted;
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(config: &Config) -> anyhow::Result<Store> {
    database::connect_existing(config).context(
        "cannot look whether events were cancelled since; dead letters are replayed without looking with --force",
    )
}

fn outdated<'a>(store: &'a Store, config: &Config) -> anyhow::Result<OutdatedLetters<'a>> {
    let routes = config.worker.routes_file.as_deref().map(Routes::load).transpose()?;
    Ok(OutdatedLetters::new(store, routes.map(Arc::new))?)
}

/// What would be replayed, and what would stay.
fn plan(
    selection: &DeadLetterSelection,
    config: &Config,
    check: &mut dyn FnMut(&DeadLetterView) -> anyhow::Result<Option<String>>,
    summary: &mut ReplaySummary,
) -> anyhow::Result<()> {
    let mut failed = None;
    browse::look(&config.broker, u32::MAX, &mut |letter| {
        if selection.has(&letter) {
            match check(&letter) {
                Ok(None) => summary.replayed.push(ReplayedLetter::of(&letter)),
                Ok(Some(why)) => summary.kept.push((letter.id, why)),
                Err(error) => {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
        }
        ControlFlow::Continue(())
    })?;
    failed.map_or(Ok(()), Err)
}

fn to_text(summary: &ReplaySummary, missing_ids: &[String], dry_run: bool) -> String {
    let verb = if dry_run { "would replay" } else { "replayed" };
    let mut lines = Vec::new();
    let mut queues: BTreeMap<&str, Vec<&ReplayedLetter>> = BTreeMap::new();
    for letter in &summary.replayed {
        queues.entry(&letter.to).or_default().push(letter);
    }
    for (queue, letters) in &queues {
        let queue = escaped_line(queue);
        lines.push(format!("{verb} {} to {queue}", count(letters.len() as u64, "dead letter")));
        lines.extend(named(letters.iter().map(|letter| {
            let message_id = letter.message_id.as_deref().map_or("in its envelope".to_owned(), escaped_line);
            format!("  {}  message id {message_id}", letter.id)
        })));
    }
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, why) in &summary.kept {
        reasons.entry(why).or_default().push(id);
    }
    let kept = reasons.iter().map(|(why, ids)| {
        let shown: Vec<String> = named(ids.iter().map(|id| (*id).to_owned())).collect();
        format!("kept {}: {why} ({})", count(ids.len() as u64, "dead letter"), shown.join(", "))
    });
    lines.extend(named(kept));
    lines.extend(named(missing_ids.iter().map(|id| missing(id))));
    if summary.interrupted {
        lines.push(
            "interrupted; the others are still dead letters, continue with the same command".to_owned(),
        );
    } else if lines.is_empty() {
        lines.push("no such dead letters".to_owned());
    }
    lines.join("\n")
}

/// The first lines, and how many more there are.
fn named(lines: impl ExactSizeIterator<Item = String>) -> impl Iterator<Item = String> {
    let more = lines.len().saturating_sub(MAX_NAMED);
    lines.take(MAX_NAMED).chain((more > 0).then(|| format!("  … and {more} more")))
}

fn to_json(summary: &ReplaySummary, missing: &[String], dry_run: bool) -> Value {
    let replayed = |letter: &ReplayedLetter| json!({"id": letter.id, "queue": letter.to, "message_id": letter.message_id});
    json!({
        "dry_run": dry_run,
        "replayed": summary.replayed.iter().map(replayed).collect::<Vec<_>>(),
        "kept": summary.kept.iter().map(|(id, why)| json!({"id": id, "why": why})).collect::<Vec<_>>(),
        "missing": missing,
        "interrupted": summary.interrupted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> ReplaySummary {
        let letter = |id: &str, message_id: Option<&str>| ReplayedLetter {
            id: id.to_owned(),
            to: "events".to_owned(),
            message_id: message_id.map(str::to_owned),
        };
        let kept = |id: &str| (id.to_owned(), "event 7 was cancelled after this UPDATED".to_owned());
        ReplaySummary {
            replayed: vec![letter("a1", Some("m-1")), letter("a2", None)],
            kept: vec![kept("a3"), kept("a4")],
            interrupted: false,
            began: true,
        }
    }

    #[test]
    fn what_became_of_each_is_told() {
        insta::assert_snapshot!(to_text(&summary(), &["a5".to_owned()], false), @r#"
        replayed 2 dead letters to events
          a1  message id m-1
          a2  message id in its envelope
        kept 2 dead letters: event 7 was cancelled after this UPDATED (a3, a4)
        no dead letter has the id "a5"; it was replayed or purged, or another command looks at it in this moment. List them with: fanmail dead-letters list
        "#);
        let many = (0..30).map(|n| ReplayedLetter { id: n.to_string(), ..summary().replayed[0].clone() });
        let many = ReplaySummary { replayed: many.collect(), interrupted: true, ..ReplaySummary::default() };
        let text = to_text(&many, &[], true);
        assert!(
            text.starts_with("would replay 30 dead letters to events\n") && text.contains("and 20 more"),
            "{text}"
        );
        assert!(text.ends_with("continue with the same command"), "{text}");
        assert_eq!(to_text(&ReplaySummary::default(), &[], false), "no such dead letters");
    }

    #[test]
    fn json_names_all() {
        let json = to_json(&summary(), &["a5".to_owned()], true);
        assert_eq!((&json["dry_run"], &json["replayed"][1]["message_id"]), (&json!(true), &Value::Null));
        assert_eq!((&json["kept"][1]["id"], &json["missing"][0]), (&json!("a4"), &json!("a5")));
    }
}
