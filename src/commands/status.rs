//! `fanmail status`: prints the workers, how notifications add up, and what needs attention. What it prints is made in
//! `report`.

use std::process::ExitCode;

use chrono::{NaiveDateTime, Utc};
use clap::Args;
use serde::Serialize;

use crate::app::database;
use crate::broker::queue_state::{self, LIMIT};
use crate::commands::arguments::Format;
use crate::commands::output::{print_text, screen};
use crate::config::Config;
use crate::domain::ids::EventId;
use crate::report::advice;
use crate::report::bounces;
use crate::report::notifications::NotificationLine;
use crate::report::outbox;
use crate::report::overview::{Overview, Selection};
use crate::report::queues;
use crate::report::table;
use crate::report::workers::Workers;

mod watch;

/// Show the workers, and how far each notification is
///
/// For each notification: participants = sent + bounced + complained + failed + skipped + deferred + pending.
///
/// Lists the workers with their problems, what waits in the queues, then the newest notifications and all that are running, oldest first.
/// A broker that does not answer within 2 s holds nothing up.
/// What needs attention, and what to do about it, is printed below the table (on standard error).
/// Mails of dry-run mode (EMAIL_DUMMY_MODE=True) count as sent; the column "(dry run)" says how many of those sent they are.
///
/// The exit code is 1 if a notification does not add up, is set aside because something of it cannot be read, is completed
/// although participants are pending, or is abandoned although participants are pending or deferred.
#[derive(Debug, Args)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "\
Examples:
  fanmail status
  fanmail status --event 123 --format json
  fanmail status --watch")]
pub struct StatusArgs {
    /// Show only notifications of this event
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub event: Option<EventId>,
    /// Number of newest notifications to show; those that are not completed are always shown
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Show all notifications
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Show only the workers; with --format json, as a list
    #[arg(long, conflicts_with_all = ["event", "limit", "all"])]
    pub workers: bool,
    /// Show only the queues of the broker: what waits, consumers, dead letters; with --format json, as a list
    #[arg(long, conflicts_with_all = ["event", "limit", "all", "workers"])]
    pub queues: bool,
    /// Show what happens now, again and again, until Ctrl-C: workers, queues, and of each notification the rate and the time left
    #[arg(long, conflicts_with_all = ["limit", "all", "workers", "queues", "format"])]
    pub watch: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints the workers and a line for each notification. The exit code is 1 when one does not add up or is set aside, or is
/// completed or abandoned although participants are pending.
///
/// # Errors
/// What failed, and why.
pub fn run(args: &StatusArgs, config: &Config) -> anyhow::Result<ExitCode> {
    if args.watch {
        return watch::run(args.event, config);
    }
    if args.queues {
        return print_queues(args.format, config);
    }
    let store = database::connect_existing(config)?;
    let report_timeout = config.worker.silence_limit();
    if args.workers {
        print_workers(&Workers::new(store.list_workers()?, report_timeout), args.format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let queues =
        (args.format == Format::Table).then(|| queue_state::ask_in_background(&config.broker, LIMIT));
    let selection = Selection { event: args.event, newest: (!args.all).then_some(args.limit) };
    let Overview { workers, lines, hidden } = Overview::read(&store, &selection, report_timeout)?;
    let now = Utc::now().naive_utc();
    match args.format {
        Format::Json => {
            print_text(&as_json(&lines.iter().map(NotificationLine::to_json).collect::<Vec<_>>())?)?;
        }
        Format::Table => {
            let queues = queues.map_or_else(String::new, |queues| queues::to_text(&queues.wait()));
            print_text(&as_text(&workers, &queues, &lines, hidden, args.event, now))?;
        }
    }
    if hidden > 0 {
        eprintln!("{}", advice::hidden(hidden));
    }
    if args.format == Format::Table {
        print_to_stderr(&advice::advice(&lines, now, workers.are_running()));
        print_to_stderr(&bounces::advice(&store.list_bounce_counts()?));
        print_to_stderr(&outbox::advice(&store.summarize_outbox(outbox::NAMED)?, now));
    }
    let problems = advice::problems(&lines);
    print_to_stderr(&problems);
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_queues(format: Format, config: &Config) -> anyhow::Result<ExitCode> {
    let queues = queue_state::ask_in_background(&config.broker, LIMIT).wait()?;
    match format {
        Format::Json => print_text(&as_json(&queues::to_json(&queues))?)?,
        Format::Table => print_text(&queues::to_text(&Ok(queues)))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_workers(workers: &Workers, format: Format) -> anyhow::Result<()> {
    match format {
        Format::Json => print_text(&as_json(&workers.to_json())?)?,
        Format::Table => print_text(&workers.to_text(0))?,
    }
    Ok(())
}

fn as_json(list: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(list).map(|text| text + "\n")
}

fn as_text(
    workers: &Workers,
    queues: &str,
    lines: &[NotificationLine],
    hidden: u64,
    event: Option<EventId>,
    now: NaiveDateTime,
) -> String {
    let unfinished = lines.iter().filter(|line| line.is_unfinished()).count();
    let notifications = match event {
        Some(event) if lines.is_empty() => format!("No notifications of event {event}.\n"),
        None if lines.is_empty() => "No notifications.\n".to_owned(),
        _ => table::notifications(lines, hidden, now, screen()),
    };
    format!("{}{queues}\n{notifications}", workers.to_text(unfinished))
}

fn print_to_stderr(lines: &[String]) {
    for line in lines {
        eprintln!("{line}");
    }
}
