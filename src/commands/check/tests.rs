//! What the checks print, and what fails.

use std::fs;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};

use super::*;
use crate::store::Store;
use crate::text::screen::Screen;

/// The output of these checks with this `.env`, and whether all work.
fn checked(checks: &[Check], dotenv: &str) -> (String, bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(".env");
    fs::write(&path, dotenv).unwrap();
    let environment = Environment::load(&path).unwrap();
    let config = Config::from_lookup(&|name| environment.get(name)).unwrap();
    let mut out = Vec::new();
    let parts = Parts::new(&config, &environment, true, AskDns::System);
    let all_work =
        run_all(checks, &parts, |name, finding| finding.print(name, Screen::PLAIN, &mut out)).unwrap();
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

/// What is wrong with a part is told by its own check, and once.
#[test]
fn no_cause_is_told_twice() {
    let dotenv = "DATABASE_URL=sqlite:////nowhere/at/all.db\nREMINDERS=1h\nBOUNCE_ADDRESS=b@example.org\nTEMPLATES_DIR=/nowhere\n\
                  ROUTES_FILE=routes.toml\n";
    let names = ["templates", "database", "reminders", "bounces"];
    let checks: Vec<Check> = CHECKS.into_iter().filter(|(name, _)| names.contains(name)).collect();
    let (lines, all_work) = checked(&checks, dotenv);
    assert!(!all_work && lines.matches("FAILED").count() == 2, "{lines}");
    for name in ["reminders", "bounces"] {
        let line = format!("{name:<14} skipped  not checked, because of the database: see there\n");
        assert!(lines.contains(&line), "{lines}");
    }
}

#[test]
fn a_worker_without_a_broker_needs_none() {
    let expected = "broker         skipped  not needed with --outbox-only\n";
    assert_eq!(checked(check("broker"), ""), (expected.to_owned(), true));
}

#[test]
fn a_misspelt_variable_fails_and_a_line_that_cannot_be_read_is_a_note() {
    let (lines, all_work) = checked(check("configuration"), "SMTP_CONECTIONS=3\nsmtp_host=h\nDEBUG \"1\"\n");
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
        ("CREATE TABLE users (id, email, name)", Some("it has no column locale; notices to user ids need")),
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
    assert!(lines.contains("note     TEMPLATES_DIR: created/Body.txt is not used; the name that"), "{lines}");
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
