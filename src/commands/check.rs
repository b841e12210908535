//! `fanmail check`: prints a line for each thing that fanmail needs. Sends nothing, consumes nothing, changes nothing, and
//! continues after a failure.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use clap::Args;

use crate::app::{channels, database};
use crate::broker::probe::probe;
use crate::commands::check::data::look;
use crate::commands::check::data::looks::Limits;
use crate::commands::check::finding::{Finding, with_causes};
use crate::commands::check::sender::{AskDns, parse_server};
use crate::config::Config;
use crate::config::environment::Environment;
use crate::report;
use crate::routes::Routes;

mod bounces;
mod data;
mod finding;
mod optional;
mod outbox;
mod relay;
mod reminders;
mod routes;
mod sender;

/// How much of the data is looked at. With an index, that takes a few hundredths of a second.
const LOOK_AT: Limits = Limits { events: 20, participants: 1000, time: Duration::from_secs(10) };

/// Test everything that the configuration names: templates, routes, database, broker, relay, DNS
///
/// Prints one line for each, with the cause and what to do if it does not work. Sends, consumes and changes nothing. The
/// exit code is 1 if something does not work, or if a variable is misspelt. What DNS has not yet is a note with the record to publish.
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

/// What the checks look at.
struct Checked<'a> {
    config: &'a Config,
    environment: &'a Environment,
    outbox_only: bool,
    ask_dns: AskDns,
}

/// A name, and the function that checks. Its error is a failure: what is wrong, and what to do.
type Check = (&'static str, fn(&Checked<'_>) -> Result<Finding, String>);

const CHECKS: [Check; 10] = [
    ("configuration", |checked| Ok(check_variables(checked))),
    ("templates", check_templates),
    ("routes", |checked| routes::check(checked.config)),
    ("database", check_database),
    ("reminders", |checked| reminders::check(checked.config)),
    ("broker", check_broker),
    ("relay", |checked| relay::check(&checked.config.email)),
    ("sender", |checked| Ok(sender::check(&checked.config.email, checked.ask_dns))),
    ("bounces", |checked| bounces::check(checked.config)),
    ("outbox", |checked| Ok(relay::check_outbox(&checked.config.email))),
];

/// Checks everything and prints a line for each check. The exit code is 1 if one fails.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &CheckArgs, config: &Config, environment: &Environment) -> anyhow::Result<ExitCode> {
    let checked = Checked { config, environment, outbox_only: args.outbox_only, ask_dns: args.ask_dns() };
    let all_work = run_all(&CHECKS, &checked, &mut io::stdout().lock())?;
    Ok(if all_work { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints each line as soon as it is known: a server that does not answer takes long. Returns whether everything works.
fn run_all(checks: &[Check], checked: &Checked<'_>, out: &mut dyn Write) -> io::Result<bool> {
    let mut all_work = true;
    for (name, check) in checks {
        let finding = check(checked).unwrap_or_else(Finding::fails);
        all_work &= !finding.is_failure();
        finding.print(name, out)?;
    }
    Ok(all_work)
}

/// Values that are wrong end every verb before it begins. What is left are names, and keys that are weak.
fn check_variables(Checked { config, environment, .. }: &Checked<'_>) -> Finding {
    let misspelt = environment.misspelt(&Config::variables());
    let finding = if misspelt.is_empty() {
        Finding::works(format!("valid ({})", environment.origin()))
    } else {
        Finding::fails(misspelt.join("\n"))
    };
    finding.with_notes(environment.unreadable_lines().iter().chain(config.email.dkim_warnings()).cloned())
}

fn check_templates(checked: &Checked<'_>) -> Result<Finding, String> {
    let routes = checked.config.worker.routes_file.as_deref().map(Routes::load).transpose();
    let known = routes.as_ref().ok().and_then(Option::as_ref);
    let templates = channels::load_templates(&checked.config.content, known).map_err(with_causes)?;
    let built_in = "built-in templates are valid".to_owned();
    let Some(dir) = templates.dir() else { return Ok(Finding::works(built_in)) };
    let (works, none_found) = if dir.used.is_empty() {
        (built_in, Some(dir.to_string()))
    } else {
        (format!("{dir}; all are valid"), None)
    };
    let finding = Finding::works(works);
    // Routes that cannot be read may use what seems to be unused. The check of the routes says what is wrong with them.
    Ok(if routes.is_err() { finding } else { finding.with_notes(none_found).with_notes(dir.misnamed()) })
}

fn check_database(checked: &Checked<'_>) -> Result<Finding, String> {
    let config = checked.config;
    let store = database::connect_existing(config).map_err(with_causes)?;
    let version = store.check_schema().and_then(|()| store.version()).map_err(with_causes)?;
    let backend = &config.database.backend;
    let library = store.client_library().map(|library| format!("; client library {library}"));
    let library = library.unwrap_or_default();
    let works = format!("{backend} has events, participants and the ledger ({version}{library})");
    let summary = look(&store, LOOK_AT).with_one_mail_per_address(checked.config.worker.one_mail_per_address);
    let problems = summary.problems();
    let finding =
        if problems.is_empty() { Finding::works(works) } else { Finding::fails(problems.join("\n")) };
    let outbox = store.summarize_outbox(report::outbox::NAMED).map_err(with_causes)?;
    Ok(finding
        .with_notes(summary.notes())
        .with_notes(optional::note_users(&store))
        .with_notes(optional::look_at_optouts(&store, config.worker.optouts)?)
        .with_notes(report::outbox::advice(&outbox, Utc::now().naive_utc())))
}

fn check_broker(checked: &Checked<'_>) -> Result<Finding, String> {
    if checked.outbox_only {
        return Ok(Finding::skipped("not needed with --outbox-only"));
    }
    let found = probe(&checked.config.broker).map_err(with_causes)?;
    let finding = if found.problems.is_empty() {
        Finding::works(found.summary)
    } else {
        Finding::fails(found.problems.join("\n"))
    };
    Ok(finding.with_notes(found.notes))
}

#[cfg(test)]
mod tests;
