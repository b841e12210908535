//! `fanmail preview`: shows a mail without sending it, or a gallery of many. Writes HTML files.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Error, bail};
use chrono::Utc;
use clap::Args;

use crate::app::{channels, routes};
use crate::commands::arguments::kind_parser;
use crate::commands::mail_subject::{Subject, SubjectArgs};
use crate::commands::preview::shown_mail::{Composing, ShownMail};
use crate::commands::route_sample;
use crate::config::Config;
use crate::domain::content::MediaType;
use crate::domain::kind::Kind;
use crate::text::clean::printable;

mod files;
mod gallery;
mod shown_mail;

/// Show a mail without sending it
///
/// Prints headers and text, and writes the HTML to a file. With --event, the mail is about that event of the database, for its first
/// participant or for --participant; else about a made-up event.
///
/// With --all, it writes a gallery: each kind in each language, with events and names that are easy and hard to show, and an index.
/// With --event, the gallery has that event only.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  fanmail preview --type UPDATED --event 123 --open
  fanmail preview --type CANCELLED --event 123 --participant 42 --locale de-AT
  fanmail preview --route welcome --open
  fanmail preview --all --out gallery --open")]
pub struct PreviewArgs {
    /// Which mail.
    #[arg(
        long = "type",
        value_name = "TYPE",
        value_parser = kind_parser(),
        ignore_case = true,
        hide_possible_values = true,
        required_unless_present_any = ["route", "all"],
        help = format!("Which mail: one of {}", Kind::words())
    )]
    pub kind: Option<Kind>,
    /// The mail of this route, with its sample
    #[arg(long, value_name = "NAME", conflicts_with = "kind")]
    pub route: Option<String>,
    /// What it is about, and for whom.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Write the HTML to this file [default: a temporary file]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// A gallery of all kinds and languages, with easy and hard events
    #[arg(long, conflicts_with_all = ["kind", "route", "output"], requires = "out")]
    pub all: bool,
    /// Write the gallery to this directory; files of an older gallery are replaced
    #[arg(long, value_name = "DIR", requires = "all")]
    pub out: Option<PathBuf>,
    /// Open the HTML in a browser
    #[arg(long)]
    pub open: bool,
}

/// Prints headers and text of one mail and writes its HTML, or writes a gallery; and prints the name of the file.
///
/// # Errors
/// What failed, and why.
pub fn run(args: &PreviewArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let subject = args.subject.find(config)?;
    let mut out = io::stdout().lock();
    let path = match &args.out {
        Some(dir) => {
            let templates = channels::templates(&config.content)?;
            let written = gallery::write(dir, &args.subject, &subject, &templates, config)?;
            writeln!(out, "{written}")?;
            written.index
        }
        None => show_one(args, &subject, config, &mut out)?,
    };
    if args.open {
        open_in_browser(&path, &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints one mail, and returns the path of its HTML.
fn show_one(
    args: &PreviewArgs,
    subject: &Subject,
    config: &Config,
    out: &mut dyn Write,
) -> anyhow::Result<PathBuf> {
    let mut composing = Composing::new(config, &subject.installation)?;
    let shown = match (&args.route, args.kind) {
        (Some(name), _) => of_route(name, config, subject, &mut composing)?,
        (None, kind) => {
            let templates = channels::templates(&config.content)?;
            let kind = kind.context("give --type or --route")?;
            composing.show(&templates, &subject.facts(kind), &subject.participant, Utc::now())?
        }
    };
    let path = files::write_html(args.output.as_deref(), shown.content.text(MediaType::Html))?;
    for (name, value) in shown.fields() {
        writeln!(out, "{name}: {}", printable(&value))?;
    }
    let text = printable(shown.content.text(MediaType::Plain));
    writeln!(out, "\n{text}\nHTML: {}", path.display())?;
    Ok(path)
}

/// The mail of a route with its sample.
fn of_route(
    name: &str,
    config: &Config,
    subject: &Subject,
    composing: &mut Composing,
) -> anyhow::Result<ShownMail> {
    let routes = routes::load(&config.worker)?.context("ROUTES_FILE is not set")?;
    let Some(route) = routes.all().iter().find(|route| route.name == name) else {
        let names: Vec<&str> = routes.all().iter().map(|route| route.name.as_str()).collect();
        bail!("there is no route {name}; the routes are: {}", names.join(", "))
    };
    let templates = channels::templates_for(&config.content, Some(&routes))?;
    let path = route_sample::path(&routes, route);
    let Some(body) = route_sample::read(&routes, route).map_err(Error::msg)? else {
        bail!("route {name} has no sample; put the body of a message into {}", path.display())
    };
    let (facts, recipient) =
        route_sample::mail_of(&routes, route, &body, (&subject.event, &subject.participant))
            .map_err(Error::msg)?;
    composing
        .show(&templates, &facts, &recipient, Utc::now())
        .with_context(|| format!("{} does not render", path.display()))
}

fn open_in_browser(path: &Path, out: &mut dyn Write) -> io::Result<()> {
    let Err(error) = open::that(path) else { return Ok(()) };
    writeln!(out, "Cannot open a browser here ({error}); open {} yourself.", path.display())
}
