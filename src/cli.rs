//! The list of verbs, and which function each of them calls. The arguments of a verb stand in its file of `commands`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::bounces::BouncesArgs;
use crate::commands::check::CheckArgs;
use crate::commands::dead_letters::DeadLettersCommand;
use crate::commands::import::ImportArgs;
use crate::commands::person::PersonCommand;
use crate::commands::preview::PreviewArgs;
use crate::commands::publish::arguments::PublishArgs;
use crate::commands::purge::PurgeArgs;
use crate::commands::retry::RetryArgs;
use crate::commands::seed::SeedArgs;
use crate::commands::send_test::SendTestArgs;
use crate::commands::status::StatusArgs;
use crate::commands::suppressions::SuppressionsCommand;
use crate::commands::templates::TemplatesCommand;
use crate::commands::worker::WorkerArgs;
use crate::commands::{
    bounces, check, dead_letters, import, migrate, person, preview, publish, purge, retry, seed, send_test,
    status, suppressions, templates, worker,
};
use crate::config::Config;
use crate::config::environment::Environment;

/// Mails every participant of an event once.
///
/// fanmail consumes small notifications, such as {"type":"UPDATED","event_id":123}, from a RabbitMQ or
/// LavinMQ queue. For each one it reads the participants of the event from a database and sends each
/// participant one mail. It is configured with environment variables, or with a file named .env in the
/// current directory; .env.example explains every variable.
#[derive(Debug, Parser)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[command(
    version,
    verbatim_doc_comment,
    after_help = "\
Try it without sending mail (EMAIL_DUMMY_MODE is True by default):
  fanmail seed --event 123
  fanmail publish --type UPDATED --event 123
  fanmail worker

Exit codes: 0 success, 1 failure, 2 wrong command line or configuration"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
pub enum Command {
    /// Run the worker: consume notifications until stopped
    ///
    /// Needs the database and the broker, and waits for each of them if it is not available. Needs the SMTP relay
    /// unless EMAIL_DUMMY_MODE is True. With HTTP_ADDR set, it serves /healthz and /metrics. Several workers may share a
    /// queue and a database.
    ///
    /// With ROUTES_FILE, messages with any payload are mailed by their routing keys (docs/publishing.md).
    ///
    /// With --dry-run, or EMAIL_DUMMY_MODE=True, it sends no mail. On a system for tests, EMAIL_REDIRECT_TO sends all mails to one address, and
    /// EMAIL_ALLOW_DOMAINS lets none go elsewhere than to some domains.
    ///
    /// With OUTBOX=True it also takes messages that your application has written into the table outbox, in its own
    /// transactions. With --outbox-only it takes only those, and needs no broker.
    ///
    /// With REPLIES=True it answers messages that have a reply_to, and with EVENTS_EXCHANGE it publishes an event for each completed
    /// notification and each failed mail.
    ///
    /// Stop it with SIGTERM, SIGQUIT or SIGINT (Ctrl-C): it finishes the mails in flight and exits with code 0. A second signal, or
    /// SHUTDOWN_TIMEOUT, ends it at once with code 1. Nothing is lost in either case.
    #[command(after_help = "\
Examples:
  HTTP_ADDR=127.0.0.1:9090 fanmail worker
  fanmail worker --outbox-only
  fanmail worker --dry-run")]
    Worker(WorkerArgs),
    /// Create or update the tables
    ///
    /// The worker also does this at start. Only if DATABASE_URL is not set and the default file does not exist, the worker ends
    /// instead: it is probably in another directory than its .env.
    #[command(after_help = "\
Example:
  DATABASE_URL=sqlite:///fanmail.db fanmail migrate")]
    Migrate,
    /// Create an event with made-up participants, to try things out
    ///
    /// Only writes to tables that fanmail created, never to views over tables of your own. Refuses an event that has other
    /// participants, unless --yes is given.
    #[command(after_help = "\
Example:
  fanmail seed --event 123 --participants 1000")]
    Seed(SeedArgs),
    /// Import events and participants from CSV files
    ///
    /// The first line of a file has the headers, in any order. They say what the file is for:
    ///   events:       id, title [description, location, starts_at, ends_at, timezone, url, updated_at]
    ///   participants: event_id, email [id, name, locale, timezone]
    ///
    /// A file is checked as a whole first: if a line is bad, nothing is imported, and each bad line is named with the reasons.
    /// Rows with a new id are added, rows with a known id are updated, and the same file imported again changes nothing.
    /// Without a column id, participants are told apart by event and address. What is in the tables and not in the file
    /// stays, and so do columns that the file does not have.
    ///
    /// Reads what spreadsheets write: UTF-8 or UTF-16, separated by comma, semicolon or tab. Times are UTC, such as
    /// 2026-11-21 18:00, or have an offset, such as 2026-11-21 18:00+01:00.
    ///
    /// Only writes to tables that fanmail created, never to views over tables of your own. If the command is interrupted, run
    /// it again: it continues.
    #[command(
        verbatim_doc_comment,
        after_help = "\
Examples:
  fanmail import --dry-run events.csv participants.csv
  fanmail import events.csv participants.csv
  fanmail import --event 123 people.csv"
    )]
    Import(ImportArgs),
    /// Publish a notification, and wait until the broker has confirmed it
    ///
    /// A notification of an event (--type), a notice to some people (--notice), or a message of your own of which a route makes a
    /// mail (--payload with --routing-key). What is wrong with it is told before anything is published. With --dry-run, nothing is
    /// published at all.
    ///
    /// If the command fails, run it again with the same --message-id: the notification then counts once. With --outbox, it is
    /// written to the table outbox of the database, and no broker is needed.
    #[command(
        visible_alias = "send-test-message",
        after_help = "\
Examples:
  fanmail publish --type UPDATED --event 123 --message-id order-4711
  fanmail publish --type CANCELLED --event 123 --reason storm --dry-run
  fanmail publish --notice 'Your car is ready.' --title Pick-up --users 7,8 --priority high
  fanmail publish --notice 'Hello' --to 'Ada <ada@example.com>' --to zoe@example.com
  fanmail publish --payload '{\"email\": \"ada@example.com\", \"first_name\": \"Ada\", \"last_name\": \"King\"}' --routing-key student.created
  fanmail publish --payload @notices.json --outbox"
    )]
    Publish(Box<PublishArgs>),
    /// Show workers, and for each notification: participants = sent + bounced + complained + failed + skipped + deferred + pending
    ///
    /// Lists the workers with their problems, then the newest notifications and all that are running, oldest first.
    /// What needs attention, and what to do about it, is printed below the table (on standard error).
    /// Mails of dry-run mode (EMAIL_DUMMY_MODE=True) count as sent; the column "(dry run)" says how many of those sent they are.
    ///
    /// With --notification and --failures, it lists who failed instead, and the exit code is 0.
    ///
    /// The exit code is 1 if a notification does not add up, is set aside because something of it cannot be read, is completed
    /// although participants are pending, or is abandoned although participants are pending or deferred.
    #[command(after_help = "\
Examples:
  fanmail status
  fanmail status --event 123 --format json
  fanmail status --notification 72 --failures")]
    Status(StatusArgs),
    /// Send the failed and deferred mails of a notification again
    ///
    /// The notification may be completed, abandoned (its event must be in the database again) or set aside (its data must be
    /// readable again); one that is waiting or running only with --message-lost. Sends to recipients whose mail is deferred, to those whose failure was temporary, and to participants without an outcome (pending).
    /// With --permanent-too, for example after addresses were corrected or added, it also sends to those whose failure was
    /// permanent, to those who were skipped because they had no address and have one now, and to those whose address is suppressed no more. A mail keeps its Message-ID. The command sends by itself, with or
    /// without a running worker, and waits for a relay that is down. If it is interrupted, run the same command again: it
    /// continues.
    ///
    /// With --dummy-too, it also sends the mails that a worker in dry-run mode (EMAIL_DUMMY_MODE=True) has not sent. In
    /// dry-run mode itself, failed and deferred mails stay as they are.
    ///
    /// The exit code is 1 if a mail failed again.
    #[command(after_help = "\
Example:
  fanmail retry --notification 72")]
    Retry(RetryArgs),
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
    #[command(after_help = "\
Examples:
  fanmail purge --older-than 90d --dry-run
  fanmail purge --older-than 90d")]
    Purge(PurgeArgs),
    /// Read mails that came back, and complaints: one from standard input, or those of a mailbox
    #[command(long_about = bounces::ABOUT, after_help = bounces::EXAMPLES)]
    Bounces(BouncesArgs),
    /// Show a mail without sending it
    ///
    /// Prints headers and text, and writes the HTML to a file. With --event, the mail is about that event of the database, for its first
    /// participant or for --participant; else about a made-up event.
    ///
    /// With --all, it writes a gallery: each kind in each language, with events and names that are easy and hard to show, and an index.
    /// With --event, the gallery has that event only.
    #[command(after_help = "\
Examples:
  fanmail preview --type UPDATED --event 123 --open
  fanmail preview --type CANCELLED --event 123 --participant 42 --locale de-AT
  fanmail preview --route welcome --open
  fanmail preview --all --out gallery --open")]
    Preview(PreviewArgs),
    /// Send one mail to one address, through the relay
    #[command(long_about = send_test::ABOUT, after_help = send_test::EXAMPLES)]
    SendTest(SendTestArgs),
    /// Test everything that the configuration names: templates, routes, database, broker, relay, DNS
    ///
    /// Prints one line for each, with the cause and what to do if it does not work. Sends, consumes and changes nothing. The
    /// exit code is 1 if something does not work, or if a variable is misspelt. What DNS has not yet is a note with the record to publish.
    #[command(after_help = "\
Examples:
  fanmail check
  fanmail check --outbox-only
  fanmail check --name-server 9.9.9.9")]
    Check(CheckArgs),
    /// Write the built-in templates out, and find what hurts in your own
    #[command(after_help = "\
Examples:
  fanmail templates export templates
  fanmail templates lint templates")]
    Templates {
        /// What to do with them.
        #[command(subcommand)]
        command: TemplatesCommand,
    },
    /// Keep the list of addresses that get no mail: add, remove, list, import, export
    ///
    /// Holds for running workers from the next page of recipients on. Cancellations are mailed all the same, unless the scope is everything.
    #[command(after_help = suppressions::EXAMPLES)]
    Suppressions {
        /// What to do with it.
        #[command(subcommand)]
        command: SuppressionsCommand,
    },
    /// Show or erase what fanmail keeps about a person: export, erase, log
    #[command(after_help = person::EXAMPLES)]
    Person {
        /// What to do.
        #[command(subcommand)]
        command: PersonCommand,
    },
    /// List the messages that could not be processed
    ///
    /// The broker keeps them in the queue QUEUE.dead, each with the reason. After you have fixed the cause,
    /// publish the notification again with: fanmail publish
    #[command(after_help = "\
Example:
  fanmail dead-letters list --limit 10")]
    DeadLetters {
        /// What to do with them.
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
}

impl Command {
    /// The value that the command line gives to a variable, in place of that of the environment.
    #[must_use]
    pub fn value_of(&self, variable: &str) -> Option<String> {
        match self {
            Self::Worker(WorkerArgs { dry_run: true, .. }) if variable == "EMAIL_DUMMY_MODE" => {
                Some("True".to_owned())
            }
            _ => None,
        }
    }
}

impl Cli {
    /// Runs the verb of the command line. `environment` is what `config` was read from.
    ///
    /// # Errors
    /// What the verb could not do, and why.
    pub fn run(&self, config: &Config, environment: &Environment) -> anyhow::Result<ExitCode> {
        match &self.command {
            Command::Worker(args) => worker::run(args, config, environment),
            Command::Migrate => migrate::run(config),
            Command::Seed(args) => seed::run(args, config),
            Command::Import(args) => import::run(args, config),
            Command::Publish(args) => publish::run(args, config),
            Command::Status(args) => status::run(args, config),
            Command::Retry(args) => retry::run(args, config),
            Command::Purge(args) => purge::run(args, config),
            Command::Bounces(args) => bounces::run(args, config),
            Command::Preview(args) => preview::run(args, config),
            Command::SendTest(args) => send_test::run(args, config),
            Command::Check(args) => check::run(args, config, environment),
            Command::Suppressions { command } => suppressions::run(command, config),
            Command::Person { command } => person::run(command, config),
            Command::Templates { command } => templates::run(command, config),
            Command::DeadLetters { command } => dead_letters::run(command, config),
        }
    }
}
