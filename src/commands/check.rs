//! `fanmail check`: prints a line for each thing that fanmail needs. Sends nothing, consumes nothing, changes nothing, and
//! continues after a failure.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use clap::Args;

use crate::app::{channels, database};
use crate::broker::probe::probe;
use crate::commands::check::data::look;
use crate::commands::check::data::looks::Limits;
use crate::commands::check::finding::{Finding, with_causes};
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

/// How much of the data is looked at. With an index, that takes a few hundredths of a second.
const LOOK_AT: Limits = Limits { events: 20, participants: 1000, time: Duration::from_secs(10) };

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// What a worker with --outbox-only needs: not the broker
    #[arg(long)]
    pub outbox_only: bool,
}

/// What the checks look at.
struct Checked<'a> {
    config: &'a Config,
    environment: &'a Environment,
    outbox_only: bool,
}

/// A name, and the function that checks. Its error is a failure: what is wrong, and what to do.
type Check = (&'static str, fn(&Checked<'_>) -> Result<Finding, String>);

const CHECKS: [Check; 9] = [
    ("configuration", |checked| Ok(check_variables(checked))),
    ("templates", check_templates),
    ("routes", |checked| routes::check(checked.config)),
    ("database", check_database),
    ("reminders", |checked| reminders::check(checked.config)),
    ("broker", check_broker),
    ("relay", |checked| relay::check(&checked.config.email)),
    ("bounces", |checked| bounces::check(checked.config)),
    ("outbox", |checked| Ok(relay::check_outbox(&checked.config.email))),
];

/// Checks everything and prints a line for each check. The exit code is 1 if one fails.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(args: &CheckArgs, config: &Config, environment: &Environment) -> anyhow::Result<ExitCode> {
    let checked = Checked { config, environment, outbox_only: args.outbox_only };
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
mod tests {
    use std::fs;

    use diesel::connection::SimpleConnection as _;
    use diesel::{Connection as _, SqliteConnection};

    use super::*;
    use crate::store::Store;

    /// The output of these checks with this `.env`, and whether all work.
    fn checked(checks: &[Check], dotenv: &str) -> (String, bool) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, dotenv).unwrap();
        let environment = Environment::load(&path).unwrap();
        let config = Config::from_lookup(&|name| environment.get(name)).unwrap();
        let mut out = Vec::new();
        let checked = Checked { config: &config, environment: &environment, outbox_only: true };
        let all_work = run_all(checks, &checked, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), all_work)
    }

    fn check(name: &str) -> &'static [Check] {
        let position = CHECKS.iter().position(|(known, _)| *known == name).unwrap();
        &CHECKS[position..=position]
    }

    #[test]
    fn all_checks_run_even_if_one_fails() {
        let checks: [Check; 3] = [
            ("first", |_| Err("is away".to_owned())),
            ("second", |_| Ok(Finding::skipped("not needed"))),
            ("third", |_| Ok(Finding::works("answers").with_notes(["but seldom".to_owned()]))),
        ];
        let lines = "first          FAILED   is away\n\
                     second         skipped  not needed\n\
                     third          ok       answers\n\x20              note     but seldom\n";
        assert_eq!(checked(&checks, ""), (lines.to_owned(), false));
        assert!(checked(&checks[1..], "").1);
    }

    #[test]
    fn a_worker_without_a_broker_needs_none() {
        let expected = "broker         skipped  not needed with --outbox-only\n";
        assert_eq!(checked(check("broker"), ""), (expected.to_owned(), true));
    }

    #[test]
    fn a_misspelt_variable_fails_and_a_line_that_cannot_be_read_is_a_note() {
        let (lines, all_work) =
            checked(check("configuration"), "SMTP_CONECTIONS=3\nsmtp_host=h\nDEBUG \"1\"\n");
        assert!(!all_work);
        let wanted = [
            "configuration  FAILED   SMTP_CONECTIONS is set, but fanmail has no such variable; did you mean \
             SMTP_CONNECTIONS?",
            "    smtp_host is set, but fanmail has no such variable; did you mean SMTP_HOST?",
            "               note     line 3 of ",
        ];
        assert_eq!(lines.lines().count(), wanted.len(), "{lines}");
        assert!(lines.lines().zip(wanted).all(|(line, wanted)| line.starts_with(wanted)), "{lines}");
        let (lines, all_work) = checked(check("configuration"), "");
        assert!(
            all_work
                && lines.starts_with("configuration  ok       valid (the environment and /")
                && lines.ends_with("/.env)\n"),
            "{lines}"
        );
    }

    #[test]
    fn a_table_of_users_that_cannot_be_read_is_a_note() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test.db");
        let dotenv = format!("DATABASE_URL=sqlite:///{}\n", path.display());
        let config = Config::from_lookup(&|name| {
            (name == "DATABASE_URL").then(|| format!("sqlite:///{}", path.display()))
        });
        Store::connect(&config.unwrap().database, 1).unwrap().migrate().unwrap();
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        for (statement, note) in [
            ("SELECT 1", None),
            (
                "CREATE TABLE users (id, email, name)",
                Some("it has no column locale; notices to user ids need"),
            ),
            ("ALTER TABLE users ADD locale", None),
        ] {
            connection.batch_execute(statement).unwrap();
            let (lines, _) = checked(check("database"), &dotenv);
            let found = lines.split_once("users cannot be read, which only notices to user ids need: ");
            assert_eq!(found.is_some(), note.is_some(), "{lines}");
            assert!(found.zip(note).is_none_or(|((_, found), note)| found.starts_with(note)), "{lines}");
        }
    }

    #[test]
    fn a_folder_of_templates_that_is_not_used_is_noted() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("created")).unwrap();
        let set = format!("TEMPLATES_DIR={}\n", dir.path().display());
        let (lines, all_work) = checked(check("templates"), &set);
        assert!(all_work);
        let note =
            format!("note     TEMPLATES_DIR: no template found in {}, so the built-in", dir.path().display());
        assert!(lines.starts_with("templates      ok       built-in") && lines.contains(&note), "{lines}");

        fs::write(dir.path().join("created/Body.txt"), "Hello").unwrap();
        fs::write(dir.path().join("created/subject.txt"), "Hello").unwrap();
        let (lines, _) = checked(check("templates"), &set);
        assert!(lines.contains(": created/subject.txt; the others are built in"), "{lines}");
        assert!(
            lines.contains("note     TEMPLATES_DIR: created/Body.txt is not used; the name that"),
            "{lines}"
        );
    }

    #[test]
    fn templates_of_routes_that_cannot_be_read_are_not_told_as_unused() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("templates/welcome");
        fs::create_dir_all(&folder).unwrap();
        for name in ["subject.txt", "body.txt", "body.html"] {
            fs::write(folder.join(name), "Hello").unwrap();
        }
        let path = dir.path().display();
        let set = format!("TEMPLATES_DIR={path}/templates\nROUTES_FILE={path}/routes.toml\n");
        let write_route = |key: &str| {
            let text = format!("[route.welcome]\n{key} = \"student.created\"\nto = \"payload.email\"\n");
            fs::write(dir.path().join("routes.toml"), text).unwrap();
        };
        write_route("mach");
        let expected = ("templates      ok       built-in templates are valid\n".to_owned(), true);
        assert_eq!(checked(check("templates"), &set), expected);
        assert!(checked(check("routes"), &set).0.contains("did you mean match?"));
        write_route("match");
        assert!(checked(check("templates"), &set).0.contains(": welcome/subject.txt, welcome/body.txt, "));
    }

    #[test]
    fn dry_run_mode_needs_no_relay() {
        assert!(checked(check("relay"), "").0.contains("skipped  dry-run mode"));
        assert!(checked(check("outbox"), "").0.contains("skipped  EMAIL_OUTBOX_DIR is not set"));
    }
}
