//! The command line: clap definitions, nothing else.

use std::path::PathBuf;

use chrono::TimeDelta;
use clap::builder::TypedValueParser as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::purge::age;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::kind::Kind;

/// Mail everyone who takes part in an event, once.
///
/// fanmail takes small notifications such as `{"type":"UPDATED","event_id":123}` from a RabbitMQ or
/// LavinMQ queue, looks up the participants of the event and sends each of them one mail. It is
/// configured by environment variables, or by a file .env in the current directory; .env.example
/// explains each of them.
#[derive(Debug, Parser)]
#[command(
    version,
    verbatim_doc_comment,
    after_help = "Exit codes: 0 fine, 1 it failed, 2 the command line or the configuration is wrong."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Consume notifications for ever (the main job)
    ///
    /// Needs the database, the broker (it waits for one that is away) and, unless `EMAIL_DUMMY_MODE` is True, the
    /// relay. The first SIGTERM or SIGINT lets mails in flight finish and ends it with exit code 0; a second
    /// one, or `SHUTDOWN_TIMEOUT`, ends it at once with 1. Nothing is lost either way. With `HTTP_ADDR` it serves
    /// /healthz and /metrics. Several workers may share a queue and a database.
    Worker,
    /// Create or update the tables (the worker does it at start, too)
    Migrate,
    /// Put an event with made-up participants into the database, to try things out
    Seed(SeedArgs),
    /// Publish a notification and wait until the broker has confirmed it
    #[command(visible_alias = "send-test-message")]
    Publish(PublishArgs),
    /// Show who is at work, and how notifications add up: participants = sent + failed + skipped + pending
    ///
    /// First the workers, each with what troubles it. Then the newest notifications and all that are running,
    /// oldest first. One is running, for as long as is said there, until everyone has an outcome, then completed.
    /// Below the table, on standard error, stands what wants a person, and what to do. The exit code is 1 when
    /// one of those shown does not add up, or is completed while somebody is pending; for nothing else.
    Status(StatusArgs),
    /// Send again to the people of a notification whose mail failed
    ///
    /// Temporary failures only, unless --permanent-too. Everyone who has no outcome is sent to as well, with the
    /// same Message-ID as before. It sends by itself, beside a worker or without one, and waits for a relay that
    /// is down; when it is stopped or killed, the same command goes on. The exit code is 1 when somebody has failed
    /// again.
    Retry(RetryArgs),
    /// Delete old notifications and their outcomes from the database
    ///
    /// Those that were completed longer ago than --older-than; never one that is running, one that a retry is
    /// sending for, or one whose message may come again because its ack was never confirmed. It works beside
    /// workers, a small transaction at a time; when it is stopped or killed, the same command goes on. A
    /// `message_id` is forgotten with its notification: should it come once more, everyone is mailed once more.
    /// Dead letters are not touched: they are messages of the broker, see `fanmail dead-letters`.
    Purge(PurgeArgs),
    /// Show what a mail looks like, without sending it
    Preview(PreviewArgs),
    /// Try everything that fanmail needs, a line each, with cause and cure
    Check,
    /// Look at the messages that nobody could process
    ///
    /// They are in the queue `<LAVINMQ_QUEUE>.dead` of the broker, each with a reason. Once the cause is mended, publish the
    /// notification again with `fanmail publish`.
    DeadLetters {
        /// What to do with them.
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
}

/// Arguments of `seed`.
#[derive(Debug, Args)]
pub struct SeedArgs {
    /// Key of the event; made if the database does not have it
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..).map(EventId))]
    pub event: EventId,
    /// How many participants it is to have; those it has already count
    #[arg(long, value_name = "N", default_value_t = 250)]
    pub participants: u32,
}

/// Arguments of `publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// What happened to the event.
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = parse_kind,
        help = format!("What happened to the event: one of {}", Kind::words())
    )]
    pub kind: Kind,
    /// Key of the event
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..).map(EventId))]
    pub event: EventId,
    /// Identifies the notification for ever; a new UUID unless given
    #[arg(long, value_name = "ID")]
    pub message_id: Option<String>,
}

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

/// Arguments of `retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Key of the notification, as `fanmail status` shows it
    #[arg(long, value_name = "N")]
    pub notification: NotificationId,
    /// Also those whose failure was permanent, such as a refused address that has been corrected
    #[arg(long)]
    pub permanent_too: bool,
}

/// Arguments of `purge`.
#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// How long ago they were completed, in hours, days or weeks: 12h, 90d, 2w
    #[arg(long, value_name = "AGE", value_parser = age::parse)]
    pub older_than: TimeDelta,
    /// Only tell what would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Which mail.
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = parse_kind,
        help = format!("Which mail: one of {}", Kind::words())
    )]
    pub kind: Kind,
    /// An event of the database; sample data unless given
    #[arg(long, value_name = "ID")]
    pub event: Option<EventId>,
    /// Write the HTML to this file instead of a temporary one
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Open the HTML in the browser
    #[arg(long)]
    pub open: bool,
}

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List them with their reasons; they stay where they are, marked as redelivered
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
        /// How to print it
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

/// How a listing is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// Reads a kind in any case, for fingers; messages are stricter.
fn parse_kind(word: &str) -> Result<Kind, String> {
    Kind::from_word(&word.to_ascii_uppercase()).ok_or_else(|| format!("expected one of {}", Kind::words()))
}
