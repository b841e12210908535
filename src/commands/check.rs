//! `fanmail check`: prints a line for each thing that fanmail needs. Sends nothing, consumes nothing, changes nothing, and
//! continues after a failure.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use serde_json::json;

use crate::broker::probe::probe;
use crate::commands::arguments::Format;
use crate::commands::check::data::look;
use crate::commands::check::data::looks::Limits;
use crate::commands::check::finding::{Finding, with_causes};
use crate::commands::check::parts::Parts;
use crate::commands::check::sender::{AskDns, parse_server};
use crate::commands::output::{print_json, screen};
use crate::config::Config;
use crate::config::environment::Environment;
use crate::report;

mod bounces;
mod certificates;
mod clock;
mod data;
mod disk;
mod finding;
mod optional;
mod outbox;
mod parts;
mod relay;
mod reminders;
mod routes;
mod sender;

/// How much of the data is looked at. With an index, that takes a few hundredths of a second.
const LOOK_AT: Limits = Limits { events: 20, participants: 1000, time: Duration::from_secs(10) };

/// Test what the configuration names: database, broker, relay and more
///
/// Prints one line for each, with the cause and what to do if it does not work; also how long certificates are valid, whether clocks agree, and
/// how much room is on the disk. Sends, consumes and changes nothing. The exit code is 1 if something does not work, or if a variable is
/// misspelt. What DNS has not yet is a note with the record to publish.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanmail check
  fanmail check --outbox-only
  fanmail check --name-server 9.9.9.9")]
pub struct CheckArgs {
    /// What a worker with --outbox-only needs: not the broker
    #[arg(long)]
    pub outbox_only: bool,
    /// Do not ask DNS about the sender's domains
    #[arg(long)]
    pub offline: bool,
    /// Ask this DNS server about the sender's domains, instead of those of the system; also about names for examples and tests
    #[arg(long, value_name = "ADDRESS[:PORT]", conflicts_with = "offline", value_parser = parse_server)]
    pub name_server: Option<SocketAddr>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

impl CheckArgs {
    fn ask_dns(&self) -> AskDns {
        match self.name_server {
            _ if self.offline => AskDns::Never,
            None => AskDns::System,
            Some(address) => AskDns::Server(address),
        }
    }
}

/// A name, and the function that checks. Its error is a failure: what is wrong, and what to do.
type Check = (&'static str, fn(&Parts<'_>) -> Result<Finding, String>);

/// The last ones need to know what does not work.
const CHECKS: [Check; 13] = [
    ("configuration", |parts| Ok(check_variables(parts))),
    ("templates", check_templates),
    ("routes", routes::check),
    ("database", check_database),
    ("reminders", reminders::check),
    ("broker", check_broker),
    ("relay", |parts| relay::check(&parts.config.email)),
    ("sender", |parts| Ok(sender::check(&parts.config.email, parts.ask_dns))),
    ("bounces", bounces::check),
    ("outbox", |parts| Ok(relay::check_outbox(&parts.config.email))),
    ("certificates", |parts| Ok(certificates::check(parts))),
    ("clock", clock::check),
    ("disk", |parts| Ok(disk::check(parts.config))),
];

/// Checks everything and prints a line for each check, or a JSON document. The exit code is 1 if one fails.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &CheckArgs, config: &Config, environment: &Environment) -> anyhow::Result<ExitCode> {
    let parts = Parts::new(config, environment, args.outbox_only, args.ask_dns());
    let screen = screen();
    let mut list = Vec::new();
    let all_work = run_all(&CHECKS, &parts, |name, finding| match args.format {
        Format::Table => finding.print(name, screen, &mut io::stdout().lock()),
        Format::Json => {
            list.push(finding.to_json(name));
            Ok(())
        }
    })?;
    if args.format == Format::Json {
        print_json(&json!({ "result": if all_work { "ok" } else { "failed" }, "checks": list }))?;
    }
    Ok(if all_work { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells each finding as soon as it is known: a server that does not answer takes long. Returns whether everything works.
fn run_all(
    checks: &[Check],
    parts: &Parts<'_>,
    mut tell: impl FnMut(&'static str, &Finding) -> io::Result<()>,
) -> io::Result<bool> {
    let mut all_work = true;
    for (name, check) in checks {
        let finding = check(parts).unwrap_or_else(Finding::fails);
        if finding.is_failure() {
            all_work = false;
            parts.has_failed(name);
        }
        tell(name, &finding)?;
    }
    Ok(all_work)
}

/// Values that are wrong end every verb before it begins. What is left are names, and keys that are weak.
fn check_variables(Parts { config, environment, .. }: &Parts<'_>) -> Finding {
    let misspelt = environment.misspelt(&Config::variables());
    let finding = if misspelt.is_empty() {
        Finding::works(format!("valid ({})", environment.origin()))
    } else {
        Finding::fails(misspelt.join("\n"))
    };
    finding.with_notes(environment.unreadable_lines().iter().chain(config.email.dkim_warnings()).cloned())
}

fn check_templates(parts: &Parts<'_>) -> Result<Finding, String> {
    let templates = parts.load_templates()?;
    let built_in = "built-in templates are valid".to_owned();
    let Some(dir) = templates.dir() else { return Ok(Finding::works(built_in)) };
    let (works, none_found) = if dir.used.is_empty() {
        (built_in, Some(dir.to_string()))
    } else {
        (format!("{dir}; all are valid"), None)
    };
    let finding = Finding::works(works);
    // Routes that cannot be read may use what seems to be unused. The check of the routes says what is wrong with them.
    Ok(if parts.has_unreadable_routes() {
        finding
    } else {
        finding.with_notes(none_found).with_notes(dir.misnamed())
    })
}

fn check_database(parts: &Parts<'_>) -> Result<Finding, String> {
    let config = parts.config;
    let store = parts.open_store()?;
    let usable = store.check_schema().and_then(|()| store.check_writable());
    let version = usable.and_then(|()| store.version()).map_err(with_causes)?;
    let backend = &config.database.backend;
    let library = store.client_library().map(|library| format!("; client library {library}"));
    let library = library.unwrap_or_default();
    let works = format!("{backend} has events, participants and the ledger ({version}{library})");
    let summary = look(store, LOOK_AT).with_one_mail_per_address(config.worker.one_mail_per_address);
    let problems = summary.problems();
    let finding =
        if problems.is_empty() { Finding::works(works) } else { Finding::fails(problems.join("\n")) };
    let outbox = store.summarize_outbox(report::outbox::NAMED).map_err(with_causes)?;
    Ok(finding
        .with_notes(summary.notes())
        .with_notes(optional::note_users(store))
        .with_notes(optional::look_at_optouts(store, config.worker.optouts)?)
        .with_notes(report::outbox::advice(&outbox, Utc::now().naive_utc())))
}

fn check_broker(parts: &Parts<'_>) -> Result<Finding, String> {
    if parts.outbox_only {
        return Ok(Finding::skipped("not needed with --outbox-only"));
    }
    let found = probe(&parts.config.broker).map_err(with_causes)?;
    let finding = if found.problems.is_empty() {
        Finding::works(found.summary)
    } else {
        Finding::fails(found.problems.join("\n"))
    };
    Ok(finding.with_notes(found.notes))
}

#[cfg(test)]
mod tests;
