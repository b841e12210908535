//! `fanmail check`: one line for each thing that fanmail needs. Sends nothing, consumes nothing, and goes through
//! all of them even if the first one fails.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{self, ExitCode};

use crate::broker::probe::probe;
use crate::channels::email::smtp;
use crate::config::Config;
use crate::config::email::Route;
use crate::content::renderer::Templates;
use crate::store::Store;
use crate::text::clean::printable;

/// How one thing was found; an error says cause and cure.
type Finding = Result<Found, String>;

#[derive(Debug)]
enum Found {
    Well(String),
    /// Well, and something to know about it.
    Noted(String, String),
    Skipped(&'static str),
}

/// One thing: its name, and how to try it.
type Check = (&'static str, fn(&Config) -> Finding);

const CHECKS: [Check; 6] = [
    // Its mistakes have ended the program before it came here.
    ("configuration", |_| Ok(Found::Well("every variable makes sense".to_owned()))),
    ("templates", check_templates),
    ("database", check_database),
    ("broker", check_broker),
    ("relay", check_relay),
    ("outbox", check_outbox),
];

/// Tries everything and prints a line for each.
///
/// # Errors
/// When standard output cannot be written. A thing that does not work is no error, but exit code 1.
pub fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let all_well = try_all(&CHECKS, config, &mut io::stdout().lock())?;
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints each line as soon as it is known: a server that does not answer takes its time. Says whether all
/// is well.
fn try_all(checks: &[Check], config: &Config, out: &mut dyn Write) -> io::Result<bool> {
    let mut all_well = true;
    for (name, check) in checks {
        let mut note = None;
        let (word, sentence) = match check(config) {
            Ok(Found::Well(sentence)) => ("ok", sentence),
            Ok(Found::Noted(sentence, more)) => {
                note = Some(more);
                ("ok", sentence)
            }
            Ok(Found::Skipped(why)) => ("skipped", why.to_owned()),
            Err(sentence) => {
                all_well = false;
                ("FAILED", sentence)
            }
        };
        // A server's words may be among them, and they are not to look like a line of this list.
        let sentence = printable(&sentence).replace('\n', "\n    ");
        writeln!(out, "{name:<14} {word:<8} {sentence}")?;
        if let Some(note) = note {
            writeln!(out, "{:<14} {:<8} {note}", "", "note")?;
        }
        out.flush()?;
    }
    Ok(all_well)
}

fn check_templates(config: &Config) -> Finding {
    let dir = config.email.templates_dir.as_deref();
    Templates::load(dir).map_err(with_causes)?;
    Ok(Found::Well(match dir {
        Some(dir) => format!("those of {} render", dir.display()),
        None => "the built-in ones render".to_owned(),
    }))
}

fn check_database(config: &Config) -> Finding {
    let version = Store::connect_existing(&config.database, 1)
        .and_then(|store| store.check_schema().and_then(|()| store.version()))
        .map_err(with_causes)?;
    let permit = &config.database.backend;
    Ok(Found::Well(format!("{permit} has events, participants and the ledger ({version})")))
}

fn check_broker(config: &Config) -> Finding {
    let found = probe(&config.broker).map_err(with_causes)?;
    Ok(Found::Noted(found.summary, found.ack_timeout_advice))
}

fn check_relay(config: &Config) -> Finding {
    match &config.email.route {
        Route::Dummy { .. } => Ok(Found::Skipped("EMAIL_DUMMY_MODE is True: nothing is really sent")),
        Route::Smtp(relay) => {
            smtp::probe(relay, &config.email.from_email).map(Found::Well).map_err(|refusal| refusal.detail)
        }
    }
}

fn check_outbox(config: &Config) -> Finding {
    match &config.email.route {
        Route::Smtp(_) => Ok(Found::Skipped("mails go to the relay")),
        Route::Dummy { outbox: None } => Ok(Found::Skipped("EMAIL_OUTBOX_DIR is not set")),
        Route::Dummy { outbox: Some(dir) } => match write_and_remove(dir) {
            Ok(()) => Ok(Found::Well(format!("{} is writable", dir.display()))),
            Err(error) => Err(format!(
                "EMAIL_OUTBOX_DIR {} is not writable: {error}; correct its permissions or name another directory",
                dir.display()
            )),
        },
    }
}

/// Does what the outbox does, with a file that nobody reads. Makes the directory, as the outbox would.
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
    fn goes_through_all_of_them_and_is_not_well_if_one_fails() {
        let checks: [Check; 3] = [
            ("first", |_| Err("is away\r\nsecond ok; start \u{1b}it".to_owned())),
            ("second", |_| Ok(Found::Skipped("not needed"))),
            ("third", |_| Ok(Found::Noted("answers".to_owned(), "but seldom".to_owned()))),
        ];
        let mut out = Vec::new();
        assert!(!try_all(&checks, &config(&[]), &mut out).unwrap());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "first          FAILED   is away\n    second ok; start it\n\
             second         skipped  not needed\n\
             third          ok       answers\n\x20              note     but seldom\n"
        );
        assert!(try_all(&checks[1..], &config(&[]), &mut Vec::new()).unwrap());
    }

    #[test]
    fn the_outbox_is_tried_without_leaving_anything() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = dir.path().join("made/when needed");
        let set = config(&[("EMAIL_OUTBOX_DIR", outbox.to_str().unwrap())]);
        assert!(matches!(check_outbox(&set), Ok(Found::Well(_))));
        assert_eq!(fs::read_dir(&outbox).unwrap().count(), 0);

        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let set = config(&[("EMAIL_OUTBOX_DIR", file.to_str().unwrap())]);
        let sentence = check_outbox(&set).unwrap_err();
        assert!(sentence.contains("is not writable: File exists"), "{sentence}");
    }

    #[test]
    fn the_dummy_needs_no_relay() {
        assert!(matches!(check_relay(&config(&[])), Ok(Found::Skipped(_))));
        assert!(matches!(check_outbox(&config(&[])), Ok(Found::Skipped(_))));
    }
}
