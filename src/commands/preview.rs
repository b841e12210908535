//! `fanmail preview`: shows a mail without sending it. Writes one HTML file.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use uuid::Uuid;

use crate::app::{channels, database};
use crate::commands::arguments::parse_kind;
use crate::config::Config;
use crate::content::sample;
use crate::domain::content::MediaType;
use crate::domain::event::Event;
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;

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
    let templates = channels::templates(&config.email)?;
    let (event, participant) = match args.event {
        Some(event_id) => from_database(event_id, config)?,
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
        writeln!(out, "Cannot open a browser here ({error}); open {} yourself.", path.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The event and its first participant, or a made-up participant if it has none.
fn from_database(event_id: EventId, config: &Config) -> anyhow::Result<(Event, Participant)> {
    let store = database::connect_existing(config)?;
    let event = store.find_event(event_id)?.with_context(|| {
        format!(
            "event {event_id} is not in the database; create a made-up one with: fanmail seed --event {event_id}"
        )
    })?;
    let first = store.read_page(event_id, None, ParticipantId::MAX, 1)?.into_iter().next();
    Ok((event, first.unwrap_or_else(sample::ada)))
}

fn write_html(output: Option<&Path>, html: &str) -> anyhow::Result<PathBuf> {
    let mut options = OpenOptions::new();
    options.write(true);
    let path = if let Some(path) = output {
        options.create(true).truncate(true);
        path.to_owned()
    } else {
        // A new name, and only a file that did not exist: every user may write to the directory.
        options.create_new(true);
        std::env::temp_dir().join(format!("fanmail-preview-{}.html", Uuid::now_v7()))
    };
    options
        .open(&path)
        .and_then(|mut file| file.write_all(html.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_existing_output_file_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("mail.html");
        fs::write(&output, "something longer that was there").unwrap();
        assert_eq!(write_html(Some(&output), "<p>ü").unwrap(), output);
        assert_eq!(fs::read_to_string(&output).unwrap(), "<p>ü");
        let nowhere = dir.path().join("nowhere/mail.html");
        let error = write_html(Some(&nowhere), "").unwrap_err().to_string();
        assert_eq!(error, format!("cannot write {}", nowhere.display()));
    }

    #[test]
    fn without_an_output_file_each_preview_gets_a_new_file() {
        let (one, other) = (write_html(None, "1").unwrap(), write_html(None, "2").unwrap());
        assert_ne!(one, other);
        assert_eq!(fs::read_to_string(&one).unwrap(), "1");
        for path in [one, other] {
            fs::remove_file(path).unwrap();
        }
    }
}
