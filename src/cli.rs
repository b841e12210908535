//! The list of verbs, and which function each of them calls. The arguments of a verb stand in its file of `commands`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::dead_letters::DeadLettersCommand;
use crate::commands::preview::PreviewArgs;
use crate::commands::publish::PublishArgs;
use crate::commands::purge::PurgeArgs;
use crate::commands::retry::RetryArgs;
use crate::commands::seed::SeedArgs;
use crate::commands::status::StatusArgs;
use crate::commands::{check, dead_letters, migrate, preview, publish, purge, retry, seed, status, worker};
use crate::config::Config;

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

impl Cli {
    /// Runs the verb of the command line.
    ///
    /// # Errors
    /// What the verb could not do, and why.
    pub fn run(&self, config: &Config) -> anyhow::Result<ExitCode> {
        match &self.command {
            Command::Worker => worker::run(config),
            Command::Migrate => migrate::run(config),
            Command::Seed(args) => seed::run(args, config),
            Command::Publish(args) => publish::run(args, config),
            Command::Status(args) => status::run(args, config),
            Command::Retry(args) => retry::run(args, config),
            Command::Purge(args) => purge::run(args, config),
            Command::Preview(args) => preview::run(args, config),
            Command::Check => check::run(config),
            Command::DeadLetters { command } => dead_letters::run(command, config),
        }
    }
}
