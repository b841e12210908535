//! `fanmail check`: prints a line for each thing that fanmail needs. Sends nothing, consumes nothing, and continues after
//! a failure.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{self, ExitCode};

use crate::app::{channels, database};
use crate::broker::probe::probe;
use crate::channels::email::smtp;
use crate::channels::email::smtp::probe::ProbeResult;
use crate::config::Config;
use crate::config::email::Route;
use crate::store::source::zones::UnknownZones;
use crate::text::clean::{cut, one_line, printable};
use crate::text::count::count;
use crate::text::mask::mask;

/// The result of one check. The error says what is wrong, and what to do.
type Finding = Result<Found, String>;

#[derive(Debug)]
enum Found {
    /// It works; the text says what was found.
    Works(String),
    /// It works, and there is a note about it.
    WorksWithNote(String, String),
    /// It is not needed, for this reason.
    Skipped(&'static str),
}

/// A name, and the function that checks.
type Check = (&'static str, fn(&Config) -> Finding);

const CHECKS: [Check; 6] = [
    // Configuration errors exit before this runs.
    ("configuration", |_| Ok(Found::Works("valid".to_owned()))),
    ("templates", check_templates),
    ("database", check_database),
    ("broker", check_broker),
    ("relay", check_relay),
    ("outbox", check_outbox),
];

/// Checks everything and prints a line for each check. The exit code is 1 if one fails.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let all_work = run_all(&CHECKS, config, &mut io::stdout().lock())?;
    Ok(if all_work { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints each line as soon as it is known: a server that does not answer takes long. Returns whether everything works.
fn run_all(checks: &[Check], config: &Config, out: &mut dyn Write) -> io::Result<bool> {
    let mut all_work = true;
    for (name, check) in checks {
        let mut note = None;
        let (word, sentence) = match check(config) {
            Ok(Found::Works(sentence)) => ("ok", sentence),
            Ok(Found::WorksWithNote(sentence, more)) => {
                note = Some(more);
                ("ok", sentence)
            }
            Ok(Found::Skipped(why)) => ("skipped", why.to_owned()),
            Err(sentence) => {
                all_work = false;
                ("FAILED", sentence)
            }
        };
        // It may quote a server, whose text must not look like a line of this list.
        let sentence = printable(&sentence).replace('\n', "\n    ");
        writeln!(out, "{name:<14} {word:<8} {sentence}")?;
        if let Some(note) = note {
            let note = printable(&note).replace('\n', "\n    ");
            writeln!(out, "{:<14} {:<8} {note}", "", "note")?;
        }
        out.flush()?;
    }
    Ok(all_work)
}

fn check_templates(config: &Config) -> Finding {
    channels::templates(&config.email).map_err(with_causes)?;
    Ok(Found::Works(match &config.email.templates_dir {
        Some(dir) => format!("templates from {} are valid", dir.display()),
        None => "built-in templates are valid".to_owned(),
    }))
}

fn check_database(config: &Config) -> Finding {
    let store = database::connect_existing(config).map_err(with_causes)?;
    let version = store.check_schema().and_then(|()| store.version()).map_err(with_causes)?;
    let backend = &config.database.backend;
    let library = store.client_library().map(|library| format!("; client library {library}"));
    let library = library.unwrap_or_default();
    let works = format!("{backend} has events, participants and the ledger ({version}{library})");
    Ok(match store.count_unknown_zones().map_err(with_causes)? {
        None => Found::Works(works),
        Some(unknown) => Found::WorksWithNote(works, unknown_zones(&unknown)),
    })
}

fn unknown_zones(UnknownZones { events, example }: &UnknownZones) -> String {
    const LONGEST: usize = 40;
    // A view may have put anything there.
    let example = cut(one_line(&mask(example)), LONGEST);
    format!(
        "{} with a time zone that fanmail does not know, such as {example:?}; their mails show UTC; \
         store a name such as Europe/Berlin",
        count(*events, "event")
    )
}

fn check_broker(config: &Config) -> Finding {
    let found = probe(&config.broker).map_err(with_causes)?;
    Ok(Found::WorksWithNote(found.summary, found.ack_timeout_advice))
}

fn check_relay(config: &Config) -> Finding {
    match &config.email.route {
        Route::Dummy { .. } => Ok(Found::Skipped("dry-run mode (EMAIL_DUMMY_MODE=True): no mail is sent")),
        Route::Smtp(relay) => {
            let found = smtp::probe::probe(relay, &config.email.from_email).map_err(|error| error.detail)?;
            Ok(match found {
                ProbeResult { summary, note: Some(note) } => Found::WorksWithNote(summary, note),
                ProbeResult { summary, note: None } => Found::Works(summary),
            })
        }
    }
}

fn check_outbox(config: &Config) -> Finding {
    match &config.email.route {
        Route::Smtp(_) => Ok(Found::Skipped("mails are sent to the relay")),
        Route::Dummy { outbox: None } => Ok(Found::Skipped("EMAIL_OUTBOX_DIR is not set")),
        Route::Dummy { outbox: Some(dir) } => match write_and_remove(dir) {
            Ok(()) => Ok(Found::Works(format!("{} is writable", dir.display()))),
            Err(error) => Err(format!(
                "EMAIL_OUTBOX_DIR {} is not writable: {error}; correct its permissions or name another directory",
                dir.display()
            )),
        },
    }
}

/// Writes and removes a file. Creates the directory, as the outbox would.
fn write_and_remove(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let file = dir.join(format!(".fanmail-check-{}", process::id()));
    fs::write(&file, "fanmail check\n")?;
    fs::remove_file(&file)
}

/// An error and its causes, on one line.
fn with_causes(error: impl Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Config {
        let lookup = |name: &str| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some((*value).to_owned())
        };
        Config::from_lookup(&lookup).unwrap()
    }

    #[test]
    fn all_checks_run_even_if_one_fails() {
        let checks: [Check; 3] = [
            ("first", |_| Err("is away\r\nsecond ok; start \u{1b}it".to_owned())),
            ("second", |_| Ok(Found::Skipped("not needed"))),
            ("third", |_| Ok(Found::WorksWithNote("answers".to_owned(), "but seldom".to_owned()))),
        ];
        let mut out = Vec::new();
        assert!(!run_all(&checks, &config(&[]), &mut out).unwrap());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "first          FAILED   is away\n    second ok; start it\n\
             second         skipped  not needed\n\
             third          ok       answers\n\x20              note     but seldom\n"
        );
        assert!(run_all(&checks[1..], &config(&[]), &mut Vec::new()).unwrap());
    }

    #[test]
    fn checking_the_outbox_leaves_no_file_behind() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = dir.path().join("made/when needed");
        let set = config(&[("EMAIL_OUTBOX_DIR", outbox.to_str().unwrap())]);
        assert!(matches!(check_outbox(&set), Ok(Found::Works(_))));
        assert_eq!(fs::read_dir(&outbox).unwrap().count(), 0);

        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let set = config(&[("EMAIL_OUTBOX_DIR", file.to_str().unwrap())]);
        let sentence = check_outbox(&set).unwrap_err();
        assert!(sentence.contains("is not writable: File exists"), "{sentence}");
    }

    #[test]
    fn an_unknown_zone_is_shown_masked_and_cut() {
        let example = format!("ada@example.org\r\n{}", "x".repeat(80));
        let note = unknown_zones(&UnknownZones { events: 3, example });
        assert!(note.starts_with(
            "3 events with a time zone that fanmail does not know, such as \"a***@example.org xxx"
        ));
        assert!(note.contains("x…\"; their mails show UTC") && note.len() < 200, "{note}");
    }

    #[test]
    fn dry_run_mode_needs_no_relay() {
        assert!(matches!(check_relay(&config(&[])), Ok(Found::Skipped(_))));
        assert!(matches!(check_outbox(&config(&[])), Ok(Found::Skipped(_))));
    }
}
