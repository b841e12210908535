//! `fanmail purge`: deletes old notifications and their outcomes, while workers run. Which ones, is decided in
//! `store::ledger::retention`.

use std::process::ExitCode;
use std::time::Instant;

use chrono::{NaiveDateTime, TimeDelta};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::app::database;
use crate::commands::arguments::Format;
use crate::commands::stopping::stop_on_signals;
use crate::config::Config;
use crate::domain::ids::NotificationId;
use crate::shutdown::Shutdown;
use crate::store::ledger::retention::{Purge, PurgePlan, Purged};
use crate::text::count::count;
use crate::text::timestamp::{rfc3339, to_the_second};

pub mod age;

/// Most notifications that are named in a line.
const MAX_NAMED: usize = 10;

/// Delete old notifications and their outcomes from the database
///
/// Deletes notifications that were completed longer ago than --older-than, rows of the outbox that were taken before, soft bounces that
/// count no more, and erasures after three years; never suppressions. Keeps those that are running, that
/// have deferred mails, that a retry is sending, and whose ack was never confirmed, because their message may be
/// redelivered.
///
/// Workers may run meanwhile. If the command is interrupted, run it again: it continues. Together with a
/// notification its message_id is deleted: if that message comes again, everyone is mailed again. Dead letters are
/// not deleted; they belong to the broker (see: fanmail dead-letters).
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[command(after_help = "\
Examples:
  fanmail purge --older-than 90d --dry-run
  fanmail purge --older-than 90d")]
pub struct PurgeArgs {
    /// Minimum age since it was completed or abandoned, in hours, days or weeks: 12h, 90d, 2w
    #[arg(long, value_name = "AGE", value_parser = age::parse)]
    pub older_than: TimeDelta,
    /// Only show what would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints what is old enough, and deletes it unless this is a dry run. The exit code is 1 when it was interrupted.
///
/// # Errors
/// What failed, and why. What was deleted until then stays deleted.
pub fn run(args: &PurgeArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = database::connect_existing(config)?;
    let mut purge = store.purge(args.older_than)?;
    let plan = purge.plan()?;
    if args.dry_run {
        match args.format {
            Format::Table => print!("{}{}", planned("would delete", &plan), kept(&plan)),
            Format::Json => print_json(&plan, None)?,
        }
        return Ok(ExitCode::SUCCESS);
    }

    let shutdown = stop_on_signals(config, "what has begun")?;
    if args.format == Format::Table {
        print!("{}", planned("deleting", &plan));
    }
    let summary = delete_all(&mut purge, &plan, &shutdown)?;
    match args.format {
        Format::Table => print!("{}{}", deleted(&summary), kept(&plan)),
        Format::Json => print_json(&plan, Some(&summary))?,
    }
    Ok(if summary.interrupted { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What was deleted, and whether all of it.
struct PurgeSummary {
    purged: Purged,
    interrupted: bool,
}

fn delete_all(purge: &mut Purge<'_>, plan: &PurgePlan, shutdown: &Shutdown) -> anyhow::Result<PurgeSummary> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} outcomes, {eta} left")?;
    // Shown at a terminal only.
    let bar = ProgressBar::new(plan.outcomes).with_style(style);
    let mut purged = Purged::default();
    let interrupted = loop {
        if shutdown.requested() {
            break true;
        }
        let started_at = Instant::now();
        let Some(step) = purge.step()? else { break false };
        purged.notifications += step.notifications;
        purged.outcomes += step.outcomes;
        purged.outbox_rows += step.outbox_rows;
        purged.soft_bounces += step.soft_bounces;
        purged.erasures += step.erasures;
        bar.inc(step.outcomes);
        // SQLite has one writer, and a process that waits for it only polls the lock: half of the time is left to the
        // workers.
        if shutdown.wait(started_at.elapsed()) {
            break true;
        }
    };
    bar.finish_and_clear();
    Ok(PurgeSummary { purged, interrupted })
}

/// A line about what is or would be deleted; `verb` is its first word.
fn planned(verb: &str, plan: &PurgePlan) -> String {
    let PurgePlan { before, notifications, outcomes, oldest, newest, .. } = plan;
    let time = |time: &NaiveDateTime| to_the_second(time.and_utc());
    let range = match (oldest, newest) {
        (Some(oldest), Some(newest)) => format!(" (oldest {}, newest {})", time(oldest), time(newest)),
        _ => String::new(),
    };
    let before = time(before);
    format!(
        "{verb} {} with {}, completed or abandoned before {before}{range}\n{}{}",
        count(*notifications, "notification"),
        count(*outcomes, "outcome"),
        named("including", &plan.abandoned, "that were abandoned"),
        other_rows(verb, [plan.outbox_rows, plan.soft_bounces, plan.erasures])
    )
}

/// `kept 2 notifications because …: 3, 7`; nothing if there is none.
fn named(first: &str, ids: &[NotificationId], why: &str) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let mut named: Vec<String> = ids.iter().take(MAX_NAMED).map(ToString::to_string).collect();
    if ids.len() > MAX_NAMED {
        named.push("…".to_owned());
    }
    format!("{first} {} {why}: {}\n", count(ids.len() as u64, "notification"), named.join(", "))
}

/// A line for each kind of other rows of which there are any.
fn other_rows(verb: &str, [outbox_rows, soft_bounces, erasures]: [u64; 3]) -> String {
    let line = |number: u64, what: &str, of: &str| {
        if number == 0 { String::new() } else { format!("{verb} {} {of}\n", count(number, what)) }
    };
    line(outbox_rows, "row", "of the outbox")
        + &line(soft_bounces, "soft bounce", "older than 30 days")
        + &line(erasures, "row", "of the log of erasures")
}

/// A line about what was deleted.
fn deleted(summary: &PurgeSummary) -> String {
    let Purged { notifications, outcomes, outbox_rows, soft_bounces, erasures } = summary.purged;
    let interrupted = if summary.interrupted { "; interrupted, continue with the same command" } else { "" };
    format!(
        "deleted {} with {}{interrupted}\n{}",
        count(notifications, "notification"),
        count(outcomes, "outcome"),
        other_rows("deleted", [outbox_rows, soft_bounces, erasures])
    )
}

/// A line for each reason to keep notifications that are old enough.
fn kept(plan: &PurgePlan) -> String {
    named(
        "kept",
        &plan.not_acked,
        "because no ack is recorded and the message may be redelivered (see \"Retention\" in docs/database.md)",
    ) + &named("kept", &plan.leased, "because a retry is running")
        + &named("kept", &plan.deferred, "because some of their mails are deferred and will be tried again")
}

/// What `--format json` prints.
#[derive(Serialize)]
struct JsonPurge {
    dry_run: bool,
    interrupted: bool,
    completed_before: String,
    oldest: Option<String>,
    newest: Option<String>,
    notifications: u64,
    outcomes: u64,
    abandoned: Vec<NotificationId>,
    kept_not_acked: Vec<NotificationId>,
    kept_leased: Vec<NotificationId>,
    kept_deferred: Vec<NotificationId>,
    outbox_rows: u64,
    soft_bounces: u64,
    erasures: u64,
}

/// Without a `summary` it is a dry run.
fn to_json(plan: &PurgePlan, summary: Option<&PurgeSummary>) -> JsonPurge {
    let time = |time: NaiveDateTime| rfc3339(time.and_utc());
    let PurgePlan { notifications, outcomes, outbox_rows, soft_bounces, erasures, .. } = *plan;
    let planned = Purged { notifications, outcomes, outbox_rows, soft_bounces, erasures };
    let Purged { notifications, outcomes, outbox_rows, soft_bounces, erasures } =
        summary.map_or(planned, |summary| summary.purged);
    JsonPurge {
        dry_run: summary.is_none(),
        interrupted: summary.is_some_and(|summary| summary.interrupted),
        completed_before: time(plan.before),
        oldest: plan.oldest.map(time),
        newest: plan.newest.map(time),
        notifications,
        outcomes,
        abandoned: plan.abandoned.clone(),
        kept_not_acked: plan.not_acked.clone(),
        kept_leased: plan.leased.clone(),
        kept_deferred: plan.deferred.clone(),
        outbox_rows,
        soft_bounces,
        erasures,
    }
}

fn print_json(plan: &PurgePlan, summary: Option<&PurgeSummary>) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(&to_json(plan, summary))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample_plan() -> PurgePlan {
        let time = |text: &str| text.parse().unwrap();
        PurgePlan {
            before: time("2026-08-23T11:00:00"),
            notifications: 12,
            outcomes: 30_000,
            oldest: Some(time("2026-01-01T10:00:00.250")),
            newest: Some(time("2026-08-22T09:00:00")),
            abandoned: vec![NotificationId(31), NotificationId(37)],
            not_acked: (1..=11).map(NotificationId).collect(),
            leased: vec![NotificationId(40)],
            deferred: vec![NotificationId(41), NotificationId(42)],
            outbox_rows: 7,
            soft_bounces: 1,
            erasures: 0,
        }
    }

    #[test]
    fn text_says_what_is_deleted_what_is_kept_and_why() {
        let purged =
            Purged { notifications: 3, outcomes: 9000, outbox_rows: 1, erasures: 2, ..Purged::default() };
        let summary = PurgeSummary { purged, interrupted: true };
        insta::assert_snapshot!(planned("deleting", &sample_plan()) + &deleted(&summary) + &kept(&sample_plan()), @r#"
        deleting 12 notifications with 30000 outcomes, completed or abandoned before 2026-08-23 11:00:00Z (oldest 2026-01-01 10:00:00Z, newest 2026-08-22 09:00:00Z)
        including 2 notifications that were abandoned: 31, 37
        deleting 7 rows of the outbox
        deleting 1 soft bounce older than 30 days
        deleted 3 notifications with 9000 outcomes; interrupted, continue with the same command
        deleted 1 row of the outbox
        deleted 2 rows of the log of erasures
        kept 11 notifications because no ack is recorded and the message may be redelivered (see "Retention" in docs/database.md): 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …
        kept 1 notification because a retry is running: 40
        kept 2 notifications because some of their mails are deferred and will be tried again: 41, 42
        "#);
        let nothing = PurgePlan {
            notifications: 0,
            outcomes: 0,
            soft_bounces: 0,
            oldest: None,
            newest: None,
            abandoned: Vec::new(),
            not_acked: Vec::new(),
            leased: Vec::new(),
            deferred: Vec::new(),
            outbox_rows: 0,
            ..sample_plan()
        };
        insta::assert_snapshot!(planned("would delete", &nothing) + &kept(&nothing), @"would delete 0 notifications with 0 outcomes, completed or abandoned before 2026-08-23 11:00:00Z");
    }

    #[test]
    fn json_has_the_words_of_the_ledger() {
        let plan = serde_json::to_string(&to_json(&sample_plan(), None)).unwrap();
        insta::assert_snapshot!(plan, @r#"{"dry_run":true,"interrupted":false,"completed_before":"2026-08-23T11:00:00.000Z","oldest":"2026-01-01T10:00:00.250Z","newest":"2026-08-22T09:00:00.000Z","notifications":12,"outcomes":30000,"abandoned":[31,37],"kept_not_acked":[1,2,3,4,5,6,7,8,9,10,11],"kept_leased":[40],"kept_deferred":[41,42],"outbox_rows":7,"soft_bounces":1,"erasures":0}"#);
        let purged = Purged { notifications: 3, outcomes: 9000, ..Purged::default() };
        let summary = PurgeSummary { purged, interrupted: true };
        let json = serde_json::to_value(to_json(&sample_plan(), Some(&summary))).unwrap();
        assert_eq!((&json["dry_run"], &json["interrupted"]), (&false.into(), &true.into()));
        assert_eq!((&json["notifications"], &json["outcomes"]), (&3.into(), &9000.into()));
    }
}
