//! The list of verbs, and which function each of them calls. The help of a verb stands with its arguments, in its file of `commands`.

use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory as _, Parser, Subcommand};

use crate::commands::bounces::BouncesArgs;
use crate::commands::check::CheckArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::config::ConfigCommand;
use crate::commands::dead_letters::DeadLettersCommand;
use crate::commands::explain::ExplainArgs;
use crate::commands::failures::FailuresArgs;
use crate::commands::import::ImportArgs;
use crate::commands::man::ManArgs;
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
    bounces, check, completions, config, dead_letters, explain, failures, import, man, migrate, person,
    preview, publish, purge, retry, seed, send_test, status, suppressions, templates, worker,
};
use crate::config::Config;
use crate::config::environment::Environment;
use crate::version;

/// Mails every participant of an event once.
///
/// fanmail consumes small notifications, such as {"type":"UPDATED","event_id":123}, from a RabbitMQ or LavinMQ queue. For each one it reads
/// the participants of the event from a database and sends each participant one mail.
///
/// It is configured with environment variables, or with a file named .env in the current directory. `fanmail config init` writes one that
/// explains every variable.
#[derive(Debug, Parser)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[command(
    version,
    long_version = version::describe(),
    max_term_width = 100,
    after_help = "\
Try it without sending mail (EMAIL_DUMMY_MODE is True by default):
  fanmail seed --event 123
  fanmail publish --type UPDATED --event 123
  fanmail worker

Exit codes: 0 success, 1 failure, 2 wrong command line or configuration"
)]
pub struct Cli {
    /// Colours: auto (on a terminal, unless NO_COLOR is set), always or never
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    #[arg(hide_possible_values = true, hide_default_value = true, display_order = 999)]
    pub color: ColorChoice,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Debug, Subcommand)]
#[expect(clippy::doc_markdown, reason = "clap prints it as help, where backticks mean nothing")]
#[expect(missing_docs, reason = "clap takes the documentation of most verbs from their arguments")]
pub enum Command {
    Worker(WorkerArgs),
    /// Create or update the tables
    ///
    /// The worker also does this at start. Only if DATABASE_URL is not set and the default file does not exist, the worker ends
    /// instead: it is probably in another directory than its .env.
    #[command(after_help = "\
Example:
  DATABASE_URL=sqlite:///fanmail.db fanmail migrate")]
    Migrate,
    Seed(SeedArgs),
    Import(ImportArgs),
    Publish(Box<PublishArgs>),
    Status(StatusArgs),
    Failures(FailuresArgs),
    Explain(ExplainArgs),
    Retry(RetryArgs),
    Purge(PurgeArgs),
    Bounces(BouncesArgs),
    Preview(PreviewArgs),
    SendTest(SendTestArgs),
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
    /// Keep the list of addresses that get no mail
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
    /// See and replay the messages that could not be processed: list, show, replay, purge
    #[command(long_about = dead_letters::ABOUT, after_help = dead_letters::EXAMPLES)]
    DeadLetters {
        /// What to do with them.
        #[command(subcommand)]
        command: DeadLettersCommand,
    },
    #[command(flatten)]
    Setup(SetupCommand),
}

/// The verbs that work without a configuration, or with one that is wrong.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "clap takes the documentation of some verbs from their arguments")]
pub enum SetupCommand {
    /// Show the configuration in effect, or write a first .env
    #[command(after_help = config::EXAMPLES)]
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    Completions(CompletionsArgs),
    Man(ManArgs),
}

impl SetupCommand {
    /// Runs it.
    ///
    /// # Errors
    /// What it could not do, and why.
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Config { command } => config::run(command),
            Self::Completions(args) => completions::run(args, Cli::command()),
            Self::Man(args) => man::run(args, Cli::command()),
        }
    }
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
            Command::Failures(args) => failures::run(args, config),
            Command::Explain(args) => explain::run(args, config),
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
            Command::Setup(command) => command.run(),
        }
    }
}

#[cfg(test)]
mod tests;
