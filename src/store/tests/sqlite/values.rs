//! Values of SQLite, where each row may have one of another type, and a file may keep its text in UTF-16.

use diesel::{Connection as _, SqliteConnection};

use super::*;
use crate::routes::decoder::Decoder;
use crate::store::ledger::opening::without_message::Audiences;
use crate::store::ledger::outbox::Taken;
use crate::store::source::event_keys::{AppEvent, EventKeys, KeyColumn};
use crate::store::source::keys::{AppKeys, ParticipantKeys};
use crate::store::source::participants::{find_audience, read_rows};
use crate::store::source::zone_column::ZoneColumn;

#[test]
fn times_are_read_whatever_the_row_holds() {
    let (_dir, store) = sqlite();
    execute(&store, "INSERT INTO events (id, title) VALUES (7, 'Ball')");
    // The column's declared type makes a number of the text where it can.
    for (value, expected) in [
        ("'2026-11-21 09:00:00.123456'", Some("2026-11-21T09:00:00.123456+00:00")),
        ("'2026-11-21T10:00:00+01:00'", Some("2026-11-21T09:00:00+00:00")),
        ("'2026-11-21'", Some("2026-11-21")),
        ("'20261121'", Some("2026-11-21")),
        ("1795251600", Some("2026-11-21T09:00:00+00:00")),
        ("1795251600000", Some("2026-11-21T09:00:00+00:00")),
        ("1795251600.5", Some("2026-11-21T09:00:00.500+00:00")),
        ("unixepoch('2026-11-21 09:00:00')", Some("2026-11-21T09:00:00+00:00")),
        ("julianday('2026-11-21 09:00:00.250')", Some("2026-11-21T09:00:00.250+00:00")),
        ("julianday('2026-11-21')", Some("2026-11-21T00:00:00+00:00")),
        ("CAST('2026-11-21 09:00:00' AS BLOB)", Some("2026-11-21T09:00:00+00:00")),
        ("0", None),
        ("x'ff'", None),
        ("'next Tuesday'", None),
        ("''", None),
    ] {
        execute(&store, &format!("UPDATE events SET starts_at = {value}, ends_at = '2026-11-22 09:00:00'"));
        let event = store.find_event(EVENT).unwrap().unwrap();
        assert_eq!(shown(event.starts_at).as_deref(), expected, "{value}");
        assert!(event.ends_at.is_some());
    }
}

#[test]
fn text_that_is_not_utf_8_is_sanitized_and_blocks_no_mail() {
    let (_dir, store) = sqlite();
    execute(
        &store,
        "INSERT INTO participants (id, event_id, email, name) VALUES
            (1, 7, CAST(x'FF41' AS TEXT), x'C3'), (2, 7, 'jo@example.com', CAST(x'4AFF' AS TEXT)), (3, 7, 5, 6);
         INSERT INTO events (id, title) VALUES (7, CAST(x'41FF' AS TEXT))",
    );
    let people = page(&store, 0, 9, 9);
    let read: Vec<_> = people.iter().map(|one| (one.email.as_deref().unwrap(), one.name.as_str())).collect();
    assert_eq!(read, [("\u{fffd}A", "\u{fffd}"), ("jo@example.com", "J\u{fffd}"), ("5", "6")]);
    assert_eq!(store.find_event(EVENT).unwrap().unwrap().title, "A\u{fffd}");
}

fn take(store: &Store) -> Taken {
    let decoder = Decoder::new(store.event_key_type().unwrap(), None);
    store.take_from_outbox(9, None, &decoder, Audiences::Read, &lease_request("me")).unwrap()
}

/// A file of which another program chose the encoding.
#[test]
fn a_file_in_utf_16_is_read_like_any_other() {
    for encoding in ["UTF-16", "UTF-16le", "UTF-16be"] {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("test.db");
        // The first table decides.
        let statements = format!("PRAGMA encoding = '{encoding}'; CREATE TABLE app (x)");
        SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute(&statements).unwrap();
        let store = Store::connect(&config_in(&dir), 4).unwrap();
        store.migrate().unwrap();
        store.check_schema().unwrap();
        execute(
            &store,
            "INSERT INTO events (id, title, location, starts_at, timezone)
                VALUES (7, 'Café 🎉', 101, '2026-11-21 09:00:00', 'Mars');
             INSERT INTO participants (event_id, email, name) VALUES (7, 'ada@example.org', 'José'),
                (7, CAST('bob@example.org' AS TEXT), CAST(x'426f62' AS BLOB)), (7, '', CAST(x'00d8' AS TEXT))",
        );
        let event = store.find_event(EVENT).unwrap().unwrap();
        assert_eq!((event.title.as_str(), event.location.as_deref()), ("Café 🎉", Some("101")), "{encoding}");
        assert_eq!(shown(event.starts_at).unwrap(), "2026-11-21T09:00:00+00:00");
        assert_eq!(store.count_unknown_zones().unwrap().unwrap().example, "Mars");
        let people = page(&store, 0, 9, 9);
        let read: Vec<_> = people.iter().map(|one| (one.email.as_deref(), one.name.as_str())).collect();
        assert_eq!(
            read[..2],
            [(Some("ada@example.org"), "José"), (Some("bob@example.org"), "Bob")],
            "{encoding}"
        );
        assert_eq!(people[2].email, None);
        let notification = open(&store);
        record(&store, &notification, Status::Sent, 1..=3);
        complete(&store, notification.id);
        assert_eq!(store.tally(&notification).unwrap().sent, 3);
        execute(
            &store,
            r#"INSERT INTO outbox (message_id, body) VALUES ('käse', '{"type":"UPDATED","event_id":7}'),
                (NULL, CAST('{"type":"UPDATED","event_id":7}' AS TEXT))"#,
        );
        let taken = take(&store);
        let keys: Vec<&str> = taken.messages.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(
            (keys, taken.problems.as_slice()),
            (vec!["käse", "outbox:2"], [].as_slice()),
            "{encoding}"
        );
    }
}

#[test]
fn a_row_of_the_outbox_may_be_bytes_and_need_not_be_text() {
    let (_dir, store) = sqlite();
    execute(
        &store,
        r#"INSERT INTO outbox (message_id, body) VALUES (7, CAST('{"type":"UPDATED","event_id":7}' AS BLOB)),
            (CAST('b' AS BLOB), '{"type":"UPDATED","event_id":7,"note":"' || CAST(x'ff' AS TEXT) || '"}')"#,
    );
    let taken = take(&store);
    assert_eq!((taken.messages.len(), taken.messages[0].key.as_str()), (1, "7"));
    assert_eq!(taken.problems, [(2, "the body is not UTF-8 text".to_owned())]);
}

/// The halves of a UNION, columns without a type, and tables that accept no other type.
#[test]
fn every_row_is_read_by_its_own_type() {
    let (_dir, store) = empty_sqlite();
    execute(
        &store,
        "CREATE TABLE old (id INTEGER PRIMARY KEY, mail, called);
         CREATE TABLE new (id INTEGER PRIMARY KEY, mail TEXT, called BLOB) STRICT;
         INSERT INTO old VALUES (1, 'ada@example.org', 1), (2, CAST('bob@example.org' AS BLOB), 2.5);
         INSERT INTO new VALUES (3, 'eve@example.org', CAST('Eve' AS BLOB));
         CREATE VIEW participants AS SELECT id, 7 AS event_id, mail AS email, called AS name, NULL AS locale FROM old
            UNION ALL SELECT id, 7, mail, called, NULL FROM new;
         CREATE VIEW events AS SELECT 7 AS id, 'Ball' AS title, NULL AS description, 101 AS location,
            1795251600 AS starts_at, NULL AS ends_at, NULL AS timezone, NULL AS url, NULL AS updated_at
            UNION ALL SELECT 8, 5, NULL, 'Hall', '2026-11-21', NULL, NULL, NULL, NULL",
    );
    store.migrate().unwrap();
    store.check_schema().unwrap();
    let people = page(&store, 0, 9, 9);
    let read: Vec<_> = people.iter().map(|one| (one.email.as_deref().unwrap(), one.name.as_str())).collect();
    assert_eq!(read, [("ada@example.org", "1"), ("bob@example.org", "2.5"), ("eve@example.org", "Eve")]);
    let events = [EVENT, OTHER_EVENT].map(|id| store.find_event(id).unwrap().unwrap());
    let read = events.map(|event| (event.title, event.location.unwrap(), shown(event.starts_at).unwrap()));
    let wanted = [("Ball", "101", "2026-11-21T09:00:00+00:00"), ("5", "Hall", "2026-11-21")];
    assert_eq!(
        read,
        wanted.map(|(title, location, time)| (title.to_owned(), location.to_owned(), time.to_owned()))
    );
}

/// Such a key would lose its fraction and become that of another row.
#[test]
fn a_key_with_a_fraction_is_named() {
    let (_dir, store) = empty_sqlite();
    let view = |keys: &str| {
        format!(
            "DROP VIEW IF EXISTS participants; CREATE VIEW participants AS SELECT value AS id, 7 AS event_id, NULL AS email,
                NULL AS name, NULL AS locale FROM json_each('{keys}')"
        )
    };
    for (keys, cause) in [
        ("[1.0, 2, 3]", None),
        ("[1, 1.5, 3]", Some("the key 1.5 is not a whole number that fanmail can use")),
        ("[1, 9223372036854775808]", Some("the key 9223372036854776000 is not a whole number")),
    ] {
        execute(&store, &view(keys));
        let event = AppEvent::Number(7);
        let events = EventKeys::new(KeyColumn::NUMBER, KeyColumn::NUMBER, "TEXT").unwrap();
        let zones = ZoneColumn { exists: false };
        let keys = AppKeys { events, participants: ParticipantKeys::OfEachRow, zones };
        let read = store.run("read keys", |connection| {
            find_audience(connection, keys, EVENT)?;
            read_rows(connection, zones, event, ParticipantId::MIN, ParticipantId::MAX, 9)
        });
        let read = read.map_err(|error| error.to_string());
        match cause {
            None => assert_eq!(read.unwrap().len(), 3),
            Some(cause) => assert!(read.as_ref().is_err_and(|error| error.contains(cause)), "{read:?}"),
        }
    }
}
