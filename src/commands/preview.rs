//! `fanmail preview`: shows a mail without sending it. Writes one HTML file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Error, bail};
use clap::Args;
use tempfile::Builder;

use crate::app::{channels, database, routes};
use crate::commands::arguments::parse_kind;
use crate::commands::route_sample;
use crate::config::Config;
use crate::content::sample;
use crate::domain::content::{Content, MediaType};
use crate::domain::event::Event;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::kind::Kind;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::text::clean::printable;

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// Which mail.
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = parse_kind,
        required_unless_present = "route",
        help = format!("Which mail: one of {}", Kind::words())
    )]
    pub kind: Option<Kind>,
    /// The mail of this route, with its sample
    #[arg(long, value_name = "NAME", conflicts_with = "kind")]
    pub route: Option<String>,
    /// Event ID in the database [default: sample data]
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    pub event: Option<EventId>,
    /// Write the HTML to this file [default: a temporary file]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Open the HTML in a browser
    #[arg(long)]
    pub open: bool,
}

/// Prints subject and text, writes the HTML, and prints the name of its file.
///
/// # Errors
/// What failed, and why.
pub fn run(args: &PreviewArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let (event, participant) = match args.event {
        Some(event_id) => from_database(event_id, config)?,
        None => (sample::full(), sample::ada()),
    };
    let content = match (&args.route, args.kind) {
        (Some(name), _) => of_route(name, config, &event, &participant)?,
        (None, kind) => {
            let templates = channels::templates(&config.content)?;
            let kind = kind.context("give --type or --route")?;
            let in_common = templates.notification_context(&NotificationFacts::of_event(kind, event))?;
            templates.render(&in_common, &participant)?
        }
    };
    let path = write_html(args.output.as_deref(), content.text(MediaType::Html))?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Subject: {}\n\n{}\nHTML: {}",
        printable(&content.subject),
        printable(content.text(MediaType::Plain)),
        path.display()
    )?;
    if args.open
        && let Err(error) = open::that(&path)
    {
        writeln!(out, "Cannot open a browser here ({error}); open {} yourself.", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The mail of a route with its sample.
fn of_route(
    name: &str,
    config: &Config,
    event: &Event,
    participant: &Participant,
) -> anyhow::Result<Content> {
    let routes = routes::load(&config.worker)?.context("ROUTES_FILE is not set")?;
    let Some(route) = routes.all().iter().find(|route| route.name == name) else {
        let names: Vec<&str> = routes.all().iter().map(|route| route.name.as_str()).collect();
        bail!("there is no route {name}; the routes are: {}", names.join(", "))
    };
    let templates = channels::templates_for(&config.content, Some(&routes))?;
    let Some(body) = route_sample::read(&routes, route).map_err(Error::msg)? else {
        let path = route_sample::path(&routes, route);
        bail!("route {name} has no sample; put the body of a message into {}", path.display())
    };
    route_sample::render(&routes, route, &body, &templates, (event, participant)).map_err(Error::msg)
}

/// The event and its first participant, or a made-up participant if it has none.
fn from_database(event_id: EventId, config: &Config) -> anyhow::Result<(Event, Participant)> {
    let store = database::connect_existing(config)?;
    let event_id = store.accept_event(event_id)?;
    let Some(event) = store.find_event(event_id)? else {
        let hint = match event_id {
            EventId::Number(id) if id > 0 && can_seed(&store)? => {
                format!("; create a made-up one with: fanmail seed --event {id}")
            }
            _ => String::new(),
        };
        bail!("event {event_id} is not in the database{hint}")
    };
    let first = store.sample_participants(event_id, 1)?.readable.into_iter().next();
    Ok((event, first.unwrap_or_else(sample::ada)))
}

/// Whether `fanmail seed` can make events here: not in tables or views of an application.
fn can_seed(store: &Store) -> Result<bool, StoreError> {
    Ok(store.find_views()?.is_empty()
        && store.event_key_type()? == EventKeyType::Number
        && !store.has_text_keys(None)?)
}

/// Only its owner may read a new file: it is about a person.
fn write_html(output: Option<&Path>, html: &str) -> anyhow::Result<PathBuf> {
    let Some(path) = output else {
        return write_temporary(html)
            .context("cannot write a temporary file; name another one with --output");
    };
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(html.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_owned())
}

/// A file with a random name: every user may write to the directory.
fn write_temporary(html: &str) -> io::Result<PathBuf> {
    let mut file = Builder::new().prefix("fanmail-preview-").suffix(".html").tempfile()?;
    file.write_all(html.as_bytes())?;
    let (_, path) = file.keep()?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn seed_is_proposed_only_where_it_works() {
        use diesel::connection::SimpleConnection as _;
        use diesel::{Connection as _, SqliteConnection};

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.db");
        let lookup = |name: &str| (name == "DATABASE_URL").then(|| path.to_str().unwrap().to_owned());
        let config = Config::from_lookup(&lookup).unwrap();
        let missing = || from_database(EventId::Number(5), &config).unwrap_err().to_string();
        drop(database::migrate(&config).unwrap());
        assert_eq!(
            missing(),
            "event 5 is not in the database; create a made-up one with: fanmail seed --event 5"
        );
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        connection
            .batch_execute(
                "ALTER TABLE events RENAME TO meetings;
                 CREATE VIEW events AS SELECT id, title, description, location, starts_at, ends_at, timezone, url, updated_at
                    FROM meetings",
            )
            .unwrap();
        assert_eq!(missing(), "event 5 is not in the database");
    }

    #[test]
    fn an_existing_output_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("mail.html");
        fs::write(&output, "something longer that was there").unwrap();
        assert_eq!(write_html(Some(&output), "<p>ü").unwrap(), output);
        assert_eq!(fs::read_to_string(&output).unwrap(), "<p>ü");
        let new = write_html(Some(&dir.path().join("new.html")), "").unwrap();
        assert_eq!(mode(&new), 0o600);
        let nowhere = dir.path().join("nowhere/mail.html");
        let error = write_html(Some(&nowhere), "").unwrap_err().to_string();
        assert_eq!(error, format!("cannot write {}", nowhere.display()));
    }

    #[test]
    fn without_an_output_file_each_preview_gets_a_new_file() {
        let (one, other) = (write_html(None, "1").unwrap(), write_html(None, "2").unwrap());
        assert_ne!(one, other);
        assert_eq!((mode(&one), mode(&other)), (0o600, 0o600));
        assert_eq!(fs::read_to_string(&one).unwrap(), "1");
        for path in [one, other] {
            fs::remove_file(path).unwrap();
        }
    }
}
