//! `fanmail publish --dry-run`: whom a message would reach, and through what. Publishes and writes nothing, and asks no broker.

use std::io::Write as _;
use std::process::ExitCode;

use crate::app::database;
use crate::commands::publish::body::Prepared;
use crate::commands::publish::destination::Destination;
use crate::commands::publish::people;
use crate::config::Config;
use crate::config::broker::BrokerConfig;
use crate::domain::message::Message;
use crate::exit_code::MISCONFIGURED;
use crate::store::source::users::FoundUsers;
use crate::text::clean::printable;

/// Prints it.
///
/// # Errors
/// When the database does not answer.
pub(super) fn run(
    prepared: &Prepared,
    destination: &Destination,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let mut lines = match &prepared.message {
        Some(message) => match whom(message, &prepared.what(), config)? {
            Ok(lines) => lines,
            Err(problem) => {
                eprintln!("error: {problem}");
                return Ok(ExitCode::from(MISCONFIGURED));
            }
        },
        None => vec![
            "a message of your own: whom it reaches, the route of a worker decides. Set ROUTES_FILE here to see it".to_owned(),
        ],
    };
    lines.push(match destination {
        Destination::Broker(_) => format!("through {destination} of the broker {}", broker(&config.broker)),
        Destination::Outbox(_) => format!(
            "through {destination} of {}; a worker with OUTBOX=True or --outbox-only takes it",
            config.database.backend
        ),
    });
    lines.push(format!("its body: {}", prepared.body));
    lines.push("nothing was published".to_owned());
    let mut out = std::io::stdout().lock();
    for line in lines {
        writeln!(out, "{}", printable(&line))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The error is a problem of the message.
fn whom(message: &Message, what: &str, config: &Config) -> anyhow::Result<Result<Vec<String>, String>> {
    if !people::needs_database(message) {
        return Ok(Ok(people::of_named(message, &FoundUsers::new()).sentences(what)));
    }
    let store = database::connect_existing(config)?;
    if let Some(problem) = people::find_problem(message, &store)? {
        return Ok(Err(problem));
    }
    Ok(Ok(people::find_reach(message, &store)?.sentences(what)))
}

/// Its hosts and the virtual host.
fn broker(config: &BrokerConfig) -> String {
    let hosts: Vec<String> = config.hosts.iter().map(ToString::to_string).collect();
    let vhost = if config.vhost == "/" { String::new() } else { format!(", virtual host {}", config.vhost) };
    format!("{}{vhost}", hosts.join(" or "))
}
