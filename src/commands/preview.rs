//! `fanmail preview`: what a mail looks like, without sending it. Writes one HTML file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use uuid::Uuid;

use crate::commands::arguments::parse_kind;
use crate::config::Config;
use crate::config::database::DatabaseConfig;
use crate::content::renderer::Templates;
use crate::content::sample;
use crate::domain::content::MediaType;
use crate::domain::event::Event;
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;
use crate::store::Store;

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

/// Prints subject and text, writes the HTML and says where it is.
///
/// # Errors
/// With the cause, for the person at the terminal.
pub fn run(args: &PreviewArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let templates = Templates::load(config.email.templates_dir.as_deref())?;
    let (event, participant) = match args.event {
        Some(event_id) => from_database(event_id, &config.database)?,
        None => (sample::full(), sample::ada()),
    };
    let content = templates.render(&templates.notification_context(args.kind, &event), &participant)?;
    let path = write_html(args.output.as_deref(), content.text(MediaType::Html))?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Subject: {}\n\n{}\nHTML: {}",
        content.subject,
        content.text(MediaType::Plain),
        path.display()
    )?;
    if args.open
        && let Err(error) = open::that(&path)
    {
        writeln!(out, "It could not be opened here ({error}); open {} in a browser.", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The event and its first participant, or a made-up one when nobody takes part yet.
fn from_database(event_id: EventId, config: &DatabaseConfig) -> anyhow::Result<(Event, Participant)> {
    let store = Store::connect_existing(config, 1)?;
    let event = store.find_event(event_id)?.with_context(|| {
        format!("event {event_id} is not in the database; `fanmail seed --event {event_id}` makes one to try")
    })?;
    let first = store.read_page(event_id, ParticipantId(0), ParticipantId::MAX, 1)?.into_iter().next();
    Ok((event, first.unwrap_or_else(sample::ada)))
}

fn write_html(output: Option<&Path>, html: &str) -> anyhow::Result<PathBuf> {
    let mut options = OpenOptions::new();
    options.write(true);
    let path = if let Some(path) = output {
        options.create(true).truncate(true);
        path.to_owned()
    } else {
        // A new name, and only a file that was not there: the directory is everybody's.
        options.create_new(true);
        std::env::temp_dir().join(format!("fanmail-preview-{}.html", Uuid::now_v7()))
    };
    options
        .open(&path)
        .and_then(|mut file| file.write_all(html.as_bytes()))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_named_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("mail.html");
        fs::write(&output, "something longer that was there").unwrap();
        assert_eq!(write_html(Some(&output), "<p>ü").unwrap(), output);
        assert_eq!(fs::read_to_string(&output).unwrap(), "<p>ü");
        let nowhere = dir.path().join("nowhere/mail.html");
        let said = write_html(Some(&nowhere), "").unwrap_err().to_string();
        assert_eq!(said, format!("{} cannot be written", nowhere.display()));
    }

    #[test]
    fn without_a_name_each_preview_is_a_file_of_its_own() {
        let (one, other) = (write_html(None, "1").unwrap(), write_html(None, "2").unwrap());
        assert_ne!(one, other);
        assert_eq!(fs::read_to_string(&one).unwrap(), "1");
        for path in [one, other] {
            fs::remove_file(path).unwrap();
        }
    }
}
