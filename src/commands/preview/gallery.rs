//! The gallery of `fanmail preview --all`: each kind in each language, with events that are easy and hard to show. An index, and for each
//! mail a page with its headers, as a telephone and a desktop computer show it.
//!
//! ```text
//! DIR/index.html                      all mails, small
//! DIR/pages/en.updated.full.html      one mail: headers, two sizes, text part
//! DIR/mails/en.updated.full.html      its HTML part as it is, for people and for programs that check it
//!                          .txt .eml  its text part, the whole mail
//! ```
//!
//! Names and contents are the same each time. Pages load nothing from elsewhere, unless a mail does.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Utc};

use crate::commands::mail_subject::{Subject, SubjectArgs};
use crate::commands::preview::files;
use crate::commands::preview::gallery::cases::Case;
use crate::commands::preview::gallery::pages::Entry;
use crate::commands::preview::shown_mail::{Composing, ShownMail};
use crate::config::Config;
use crate::content::renderer::Templates;
use crate::domain::content::MediaType;
use crate::domain::kind::Kind;
use crate::domain::participant::Participant;
use crate::text::count::count;

mod cases;
mod pages;

/// Languages that are shown besides those that mails are written in: dates and layout are theirs also where words are not.
const RIGHT_TO_LEFT: [&str; 2] = ["ar", "he"];

/// The kinds, in their order.
const KINDS: [Kind; 5] = [Kind::Created, Kind::Updated, Kind::Cancelled, Kind::Reminder, Kind::Notice];

/// When all mails are dated: the same each time. 1 December 2026, 9:00.
const DATE: i64 = 1_796_115_600;

/// What was written.
pub(super) struct Written {
    /// The page that links all others.
    pub index: PathBuf,
    mails: usize,
    /// The mails that could not be composed, and why.
    not_composed: Vec<String>,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.not_composed {
            writeln!(f, "{problem}")?;
        }
        write!(f, "{} written; look at {}", count(self.mails as u64, "mail"), self.index.display())
    }
}

/// Writes the gallery: of made-up events, or of the event and the participant that are named; in all languages, or in the one that is
/// named.
///
/// # Errors
/// When a template does not render, or a file cannot be written.
pub(super) fn write(
    dir: &Path,
    args: &SubjectArgs,
    subject: &Subject,
    templates: &Templates,
    config: &Config,
) -> anyhow::Result<Written> {
    for folder in ["mails", "pages"].map(|name| dir.join(name)) {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let locales = args.locale.as_ref().map_or_else(|| locales(templates), |locale| vec![locale.clone()]);
    let date = DateTime::from_timestamp(DATE, 0).unwrap_or_default();
    let mut composing = Composing::new(config, &subject.installation)?;
    let mut entries: Vec<Entry> = Vec::new();
    for locale in &locales {
        for kind in KINDS {
            for case in cases(kind, args, subject) {
                let shown = show(&mut composing, templates, &case, locale, date)?;
                entries.push(Entry::new(locale, kind, case.name, shown));
            }
        }
    }
    for (number, entry) in entries.iter().enumerate() {
        let neighbours = [number.checked_sub(1), Some(number + 1)].map(|at| entries.get(at?));
        write_mail(dir, entry, neighbours)?;
    }
    let index = dir.join("index.html");
    files::write(&index, &pages::index(&entries))?;
    let not_composed = entries.iter().filter_map(|entry| {
        let reason = entry.shown.mail.as_ref().err()?;
        Some(format!("{}: no mail: {reason}", entry.name))
    });
    Ok(Written { index, mails: entries.len(), not_composed: not_composed.collect() })
}

/// The languages of the gallery: English, the others that mails are written in, and those that are written from right to left.
fn locales(templates: &Templates) -> Vec<String> {
    let written: Vec<String> = templates.languages().iter().map(ToString::to_string).collect();
    let all = written.into_iter().chain(RIGHT_TO_LEFT.map(str::to_owned));
    let others: BTreeSet<String> = all.filter(|tag| tag != "en").collect();
    iter::once("en".to_owned()).chain(others).collect()
}

/// The mails of this kind. Only made-up ones are notices: no event of the database is about one.
fn cases(kind: Kind, args: &SubjectArgs, subject: &Subject) -> Vec<Case> {
    match (args.event, kind) {
        (None, _) => cases::of(kind),
        (Some(_), Kind::Notice) => Vec::new(),
        (Some(_), _) => {
            vec![Case::of_event("event", kind, subject.event.clone(), subject.participant.clone())]
        }
    }
}

fn show(
    composing: &mut Composing,
    templates: &Templates,
    case: &Case,
    locale: &str,
    date: DateTime<Utc>,
) -> anyhow::Result<ShownMail> {
    let participant = Participant { locale: Some(locale.to_owned()), ..case.participant.clone() };
    composing
        .show(templates, &case.facts, &participant, date)
        .with_context(|| format!("{} in {locale}, {}", case.facts.kind, case.name))
}

/// The files of one mail.
fn write_mail(dir: &Path, entry: &Entry, neighbours: [Option<&Entry>; 2]) -> anyhow::Result<()> {
    let Entry { name, shown, .. } = entry;
    let mails = dir.join("mails");
    files::write(&mails.join(format!("{name}.html")), shown.content.text(MediaType::Html))?;
    files::write(&mails.join(format!("{name}.txt")), shown.content.text(MediaType::Plain))?;
    if let Ok(mail) = &shown.mail {
        files::write(&mails.join(format!("{name}.eml")), &mail.as_received())?;
    }
    files::write(&dir.join(format!("pages/{name}.html")), &pages::of_mail(entry, neighbours))
}

#[cfg(test)]
mod tests;
