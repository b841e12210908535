//! `fanmail status`: who is at work, how notifications add up, and what wants a person.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use clap::Args;

use crate::commands::arguments::Format;
use crate::config::Config;
use crate::domain::ids::EventId;
use crate::report::advice;
use crate::report::notifications::NotificationLine;
use crate::report::table;
use crate::report::workers::Workers;
use crate::store::Store;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Only notifications of this event
    #[arg(long, value_name = "ID")]
    pub event: Option<EventId>,
    /// How many of the newest to show, beside those that are running
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: u32,
    /// Show all there are
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
    /// Show the workers only; with --format json, a list of them
    #[arg(long, conflicts_with_all = ["event", "limit", "all"])]
    pub workers: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Prints the workers and a line for each notification, and exits with 1 when one does not add up.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(args: &StatusArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let store = Store::connect_existing(&config.database, 1)?;
    // A worker reports three times a term. A minute is nothing yet, whatever the term.
    let database_retry = config.worker.lease_timeout.max(Duration::from_secs(60));
    let workers = Workers::new(store.list_workers()?, database_retry);
    if args.workers {
        print(&match args.format {
            Format::Json => serde_json::to_string_pretty(&workers.to_json())? + "\n",
            Format::Table => workers.to_text(0),
        })?;
        return Ok(ExitCode::SUCCESS);
    }

    let (entries, left_out) = if args.all {
        (store.list_notifications(args.event)?, 0)
    } else {
        store.list_newest_notifications(args.event, args.limit)?
    };
    let lines = entries
        .into_iter()
        .map(|entry| Ok(NotificationLine::new(store.tally(&entry.notification)?, entry)))
        .collect::<anyhow::Result<Vec<NotificationLine>>>()?;
    let now = Utc::now().naive_utc();
    print(&match args.format {
        Format::Json => {
            serde_json::to_string_pretty(&lines.iter().map(NotificationLine::to_json).collect::<Vec<_>>())?
                + "\n"
        }
        Format::Table => {
            let running = lines.iter().filter(|line| line.is_running()).count();
            let notifications = match args.event {
                Some(event) if lines.is_empty() => format!("No notifications of event {event} yet.\n"),
                None if lines.is_empty() => "No notifications.\n".to_owned(),
                _ => table::table(&lines, left_out, now),
            };
            format!("{}\n{notifications}", workers.to_text(running))
        }
    })?;
    if left_out > 0 {
        eprintln!("{left_out} older ones are not shown, all of them completed; --all shows them");
    }
    if args.format == Format::Table {
        for remark in advice::advice(&lines, now) {
            eprintln!("{remark}");
        }
    }
    let troubles = advice::troubles(&lines);
    for trouble in &troubles {
        eprintln!("{trouble}");
    }
    Ok(if troubles.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes to standard output. Whoever reads it may stop early, as `head` does.
fn print(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
