//! Whole files, as spreadsheets write them, into a SQLite file.

use std::fs;

use clap::Parser;
use tempfile::TempDir;

use super::*;
use crate::config::database::{Backend, DatabaseConfig};
use crate::domain::event::DateOrTime;
use crate::domain::ids::{EventId, ParticipantId};
use crate::shutdown::{ShutdownTrigger, shutdown_pair};

mod bad_files;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    args: ImportArgs,
}

/// A database, and a folder for files.
struct Desk {
    dir: TempDir,
    store: Store,
    shutdown: Shutdown,
    _trigger: ShutdownTrigger,
}

impl Desk {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let config = DatabaseConfig {
            backend: Backend::Sqlite(dir.path().join("test.db")),
            echo: false,
            default_file: None,
        };
        let store = Store::connect(&config, 1).unwrap();
        store.migrate().unwrap();
        let (trigger, shutdown) = shutdown_pair();
        Self { dir, store, shutdown, _trigger: trigger }
    }

    /// With the events 1 and 7.
    fn with_events() -> Self {
        let desk = Self::new();
        desk.import("e.csv", "id,title\n1,Ball\n7,Walk\n", &[]).unwrap();
        desk
    }

    /// Writes a file, imports it, and returns what is printed.
    fn import(&self, name: &str, content: impl AsRef<[u8]>, args: &[&str]) -> Result<String, String> {
        fs::write(self.dir.path().join(name), content).unwrap();
        self.import_all(&[name], args)
    }

    fn import_all(&self, names: &[&str], args: &[&str]) -> Result<String, String> {
        let line = ["import"].iter().chain(args).chain(names);
        let args = CommandLine::try_parse_from(line).unwrap().args;
        let open = |name: &&str| {
            let mut file = CsvFile::open(&self.dir.path().join(name)).unwrap();
            (*name).clone_into(&mut file.name);
            file
        };
        let files: Vec<CsvFile> = names.iter().map(open).collect();
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let import = Import { args: &args, store: &self.store, now, shutdown: self.shutdown.clone() };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let result = import.run(&files, &mut out, &mut err);
        let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap());
        match result {
            Ok(()) => Ok(err + &out),
            Err(error) => Err(format!("{err}{out}{error:#}")),
        }
    }

    fn people(&self, event: i64) -> Vec<(i64, String, String)> {
        let page = self.store.read_page(EventId::Number(event), None, ParticipantId::MAX, 100).unwrap();
        page.into_iter().map(|person| (person.id.0, person.email.unwrap_or_default(), person.name)).collect()
    }

    fn starts_at(&self, event: i64) -> String {
        match self.store.find_event(EventId::Number(event)).unwrap().unwrap().starts_at.unwrap() {
            DateOrTime::Time(time) => time.to_string(),
            DateOrTime::Date(date) => date.to_string(),
        }
    }
}

fn person(id: i64, email: &str, name: &str) -> (i64, String, String) {
    (id, email.to_owned(), name.to_owned())
}

#[test]
fn the_same_file_again_changes_nothing_and_a_changed_line_its_row() {
    let desk = Desk::with_events();
    let lines = (1..=2500).map(|id| format!("{id},7,p{id}@example.com,Person {id}\n"));
    let people = "id,event_id,email,name\n".to_owned() + &lines.collect::<String>();
    let imported = |content: &str| desk.import("p.csv", content, &[]).unwrap();
    assert_eq!(
        desk.import("p.csv", &people, &["--dry-run"]).unwrap(),
        "would import p.csv: 2500 participants: 2500 new, 0 changed, 0 as they were\n"
    );
    assert_eq!(desk.people(7), []);
    assert_eq!(imported(&people), "imported p.csv: 2500 participants: 2500 new, 0 changed, 0 as they were\n");
    assert_eq!(imported(&people), "imported p.csv: 2500 participants: 0 new, 0 changed, 2500 as they were\n");
    let changed =
        people.replace("Person 7\n", "Zoë\n").replace("p2400@", "q2400@") + "2501,7,new@example.com,\n";
    assert_eq!(
        imported(&changed),
        "imported p.csv: 2501 participants: 1 new, 2 changed, 2498 as they were\n"
    );
    assert_eq!(desk.people(7)[6], person(7, "p7@example.com", "Zoë"));
    assert_eq!(desk.store.count_participants(EventId::Number(7)).unwrap(), 2501);
}

#[test]
fn files_are_read_as_spreadsheets_write_them() {
    let text = "Event ID;E-Mail;Name;ID\r\n\r\n7; zoe@example.com ;\"Zoë \"\"Z\"\"\r\nMüller; 3rd\";3\r\n;;;\r\n1;li@example.com;李;-4;;\r\n";
    let utf_16 = text.replace(';', "\t");
    let units = utf_16.encode_utf16();
    for content in [
        text.as_bytes().to_vec(),
        [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        text.replace(';', ",").replace("Müller,", "Müller;").into_bytes(),
        text.replace("\r\n", "\n").into_bytes(),
        text.replace("\r\n", "\r").into_bytes(),
        format!("sep=;\r\n{text}").into_bytes(),
        format!("sep=\t\r\n{utf_16}").into_bytes(),
        text.trim_end().as_bytes().to_vec(),
        [&b"\xff\xfe"[..], &units.clone().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()].concat(),
    ] {
        let desk = Desk::with_events();
        let told = desk.import("p.csv", &content, &[]).unwrap();
        assert_eq!(told, "imported p.csv: 2 participants: 2 new, 0 changed, 0 as they were\n");
        let name = desk.people(7)[0].2.replace('\t', ";");
        assert_eq!((desk.people(7)[0].0, name.as_str()), (3, "Zoë \"Z\"\nMüller; 3rd"));
        assert_eq!(desk.people(1), [person(-4, "li@example.com", "李")]);
    }
}

#[test]
fn without_keys_participants_are_told_apart_by_event_and_address() {
    let desk = Desk::with_events();
    desk.import("k.csv", "id,event_id,email,name\n5,7,Ann@Example.com,Ann\n6,1,ann@example.com,Ann\n", &[])
        .unwrap();
    let file = "email,name\nAnn@example.COM,Anna\nann@example.com,Another\nbob@example.com,Bob\n";
    let imported = || desk.import("p.csv", file, &["--event", "7"]).unwrap();
    assert_eq!(imported(), "imported p.csv: 3 participants: 2 new, 1 changed, 0 as they were\n");
    assert_eq!(imported(), "imported p.csv: 3 participants: 0 new, 0 changed, 3 as they were\n");
    assert_eq!(
        desk.people(7),
        [
            person(5, "Ann@example.COM", "Anna"),
            person(7, "ann@example.com", "Another"),
            person(8, "bob@example.com", "Bob")
        ]
    );
    assert_eq!(desk.people(1), [person(6, "ann@example.com", "Ann")]);
}

#[test]
fn times_without_an_offset_are_utc_unless_they_are_said_to_be_local() {
    let desk = Desk::new();
    let file = "id,title,starts_at,timezone\n1,Ball,2026-11-21 18:00,Europe/Berlin\n2,Walk,2026-07-21T18:00:00+02:00,UTC\n";
    insta::assert_snapshot!(desk.import("e.csv", file, &[]).unwrap(), @r"
    imported e.csv: 2 events: 2 new, 0 changed, 0 as they were
    e.csv: times without an offset were taken for UTC: starts_at of event 1 is 2026-11-21 18:00 UTC, which is 2026-11-21 19:00 CET; if the file has local times, import it again with --local-times
    ");
    assert_eq!(desk.starts_at(1), "2026-11-21 18:00:00 UTC");
    assert_eq!(desk.starts_at(2), "2026-07-21 16:00:00 UTC");
    insta::assert_snapshot!(desk.import("e.csv", file, &["--local-times"]).unwrap(), @"imported e.csv: 2 events: 0 new, 1 changed, 1 as it was");
    assert_eq!(desk.starts_at(1), "2026-11-21 17:00:00 UTC");
}

#[test]
fn participants_may_come_with_their_events() {
    let desk = Desk::new();
    fs::write(desk.dir.path().join("e.csv"), "id,title\n-3,Ball\n").unwrap();
    fs::write(desk.dir.path().join("p.csv"), "event_id,id,email\n-3,1,\n").unwrap();
    insta::assert_snapshot!(desk.import_all(&["p.csv", "e.csv"], &[]).unwrap_err(), @r"
    p.csv, line 2: event -3 is not in the database; import the events first
    nothing was imported because of 1 bad line; correct the file, or import the other lines with --skip-bad-lines
    ");
    insta::assert_snapshot!(desk.import_all(&["e.csv", "p.csv"], &["--dry-run"]).unwrap(), @r"
    would import e.csv: 1 event: 1 new, 0 changed, 0 as they were
    would import p.csv: 1 participant: 1 new, 0 changed, 0 as they were
    p.csv: 1 participant without an address: no mail is sent to them
    ");
    assert!(
        desk.import_all(&["e.csv", "p.csv"], &[]).unwrap().contains("imported p.csv: 1 participant: 1 new")
    );
}

#[test]
fn a_shutdown_ends_an_import_and_says_where() {
    let mut desk = Desk::with_events();
    desk.shutdown = {
        let (trigger, shutdown) = shutdown_pair();
        drop(trigger);
        shutdown
    };
    let error = desk.import("p.csv", "event_id,email\n7,a@example.com\n", &[]).unwrap_err();
    assert_eq!(error, "cannot import p.csv: nothing was imported: interrupted");
}

#[test]
fn separators_of_the_command_line_are_single_characters() {
    let read = |text: &str| parse_separator(text).ok();
    assert_eq!(
        [",", ";", "|", "tab", "TAB", "\t", "\\t"].map(read),
        [b',', b';', b'|', b'\t', b'\t', b'\t', b'\t'].map(Some)
    );
    assert_eq!(["", "\"", "a", ";;", "é", " "].map(read), [None; 6]);
    let desk = Desk::with_events();
    let told =
        desk.import("p.csv", "event_id#email\n7#a,b;c@example.com\n", &["--separator", "#"]).unwrap_err();
    assert!(told.contains("line 2: email: the address is not valid before the @"), "{told}");
}
