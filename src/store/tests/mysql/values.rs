//! Types of columns of `MariaDB` and `MySQL`: what is read, and what is refused.

use super::*;

#[test]
fn times_are_read_from_the_types_that_have_them() {
    let ((), store) = mysql();
    execute(&store, "INSERT INTO events (id, title) VALUES (7, 'Ball')");
    for (kind, value, expected) in [
        ("DATETIME(6)", "2026-11-21 09:00:00.5", Some("2026-11-21T09:00:00.500+00:00")),
        ("DATETIME", "2026-11-21 09:00:00", Some("2026-11-21T09:00:00+00:00")),
        // Its zone is the connection's.
        ("TIMESTAMP NULL", "2026-11-21 09:00:00", Some("2026-11-21T09:00:00+00:00")),
        ("DATE", "2026-11-21", Some("2026-11-21")),
        ("VARBINARY(40)", "20261121090000", Some("2026-11-21T09:00:00+00:00")),
        ("ENUM('2026-11-21', 'never')", "2026-11-21", Some("2026-11-21")),
        ("BIGINT UNSIGNED", "1795251600", Some("2026-11-21T09:00:00+00:00")),
    ] {
        execute(
            &store,
            &format!(
                "UPDATE events SET starts_at = NULL; ALTER TABLE events MODIFY starts_at {kind};
                 UPDATE events SET starts_at = '{value}', ends_at = '2026-11-22 09:00:00'"
            ),
        );
        store.check_schema().unwrap();
        // The connection notices with its first statement that the table is another one.
        drop(store.find_event(EVENT));
        let event = store.find_event(EVENT).unwrap().unwrap();
        assert_eq!(shown(event.starts_at).as_deref(), expected, "{kind} {value:?}");
    }
    // What MySQL allowed in former times.
    for (kind, zero) in [("DATETIME", "0000-00-00 00:00:00"), ("DATE", "0000-00-00"), ("DATE", "2026-12-00")]
    {
        execute(
            &store,
            &format!(
                "SET sql_mode = ''; UPDATE events SET starts_at = NULL; ALTER TABLE events MODIFY starts_at {kind};
                 UPDATE events SET starts_at = '{zero}'"
            ),
        );
        drop(store.find_event(EVENT));
        let event = store.find_event(EVENT).unwrap().unwrap();
        assert!(event.starts_at.is_none() && event.ends_at.is_some(), "{zero}");
    }
}

#[test]
fn starts_of_all_types_are_found() {
    let ((), store) = mysql();
    execute(&store, "INSERT INTO events (id, title, timezone) VALUES (7, 'Ball', 'America/New_York')");
    let range = |from: &str, to: &str| from.parse().unwrap()..to.parse().unwrap();
    let nine = range("2026-11-21T09:00:00Z", "2026-11-21T09:00:01Z");
    let later = range("2026-11-21T09:00:01Z", "2026-11-21T15:00:00Z");
    let midnight = range("2026-11-21T05:00:00Z", "2026-11-21T05:00:01Z");
    for (kind, value, found_in) in [
        ("DATETIME(6)", "2026-11-21 09:00:00.5", &nine),
        ("DATETIME", "2026-11-21 09:00:00", &nine),
        ("TIMESTAMP NULL", "2026-11-21 09:00:00", &nine),
        ("DATE", "2026-11-21", &midnight),
        ("VARCHAR(40)", "2026-11-21T10:00:00+01:00", &nine),
        ("BIGINT UNSIGNED", "1795251600", &nine),
        ("DECIMAL(20, 3)", "1795251600000", &nine),
    ] {
        execute(
            &store,
            &format!(
                "UPDATE events SET starts_at = NULL; ALTER TABLE events MODIFY starts_at {kind};
                 UPDATE events SET starts_at = '{value}'"
            ),
        );
        // The connection notices with its first statement that the table is another one.
        drop(store.find_starting(found_in));
        let found = store.find_starting(found_in).unwrap();
        assert_eq!(found.len(), 1, "{kind}");
        assert!(found_in.contains(&found[0].starts_at), "{kind}: {found:?}");
        assert_eq!(store.find_starting(&later).unwrap(), [], "{kind}");
        assert_eq!(store.count_odd_starts().unwrap(), None, "{kind}");
    }
}

/// A value of each type, and the text that the database prints.
#[test]
fn other_types_are_read_as_the_database_prints_them() {
    let ((), store) = mysql();
    let long = "é".repeat(5000);
    execute(&store, "INSERT INTO events (id, title) VALUES (7, 'Ball')");
    for (kind, value, expected) in [
        ("INT(5) ZEROFILL", "101", "00101"),
        ("BIGINT UNSIGNED", "18446744073709551615", "18446744073709551615"),
        ("BOOLEAN", "TRUE", "1"),
        ("DECIMAL(8, 2)", "3.5", "3.50"),
        ("FLOAT", "0.1", "0.1"),
        ("FLOAT(7, 2)", "3.5", "3.50"),
        ("DOUBLE", "1e20", "1e20"),
        ("DATE", "'2026-12-24'", "2026-12-24"),
        ("DATETIME(3)", "'2026-12-24 17:00:00.5'", "2026-12-24 17:00:00.500"),
        ("TIMESTAMP NULL", "'2026-12-24 17:00:00'", "2026-12-24 17:00:00"),
        ("TIME", "'17:30'", "17:30:00"),
        ("YEAR", "2026", "2026"),
        ("ENUM('Café', 'Hall')", "'Café'", "Café"),
        ("SET('a', 'b')", "'a,b'", "a,b"),
        ("JSON", "'{\"a\": 1}'", "{\"a\": 1}"),
        ("VARCHAR(9) CHARACTER SET latin1", "'Café'", "Café"),
        ("VARCHAR(9) CHARACTER SET utf16", "'猫'", "猫"),
        ("CHAR(9)", "'Café '", "Café"),
        ("VARBINARY(9)", "'Café'", "Café"),
        ("VARBINARY(9)", "x'4a6f73e9'", "Jos\u{fffd}"),
        ("BINARY(5)", "x'4a6f73e9'", "Jos\u{fffd}\0"),
        ("BLOB", "x'4a6f73e9'", "Jos\u{fffd}"),
        ("LONGTEXT", "REPEAT('é', 5000)", long.as_str()),
    ] {
        execute(
            &store,
            &format!(
                "UPDATE events SET location = NULL; ALTER TABLE events MODIFY location {kind};
                 UPDATE events SET location = {value}"
            ),
        );
        store.check_schema().unwrap();
        let event = store.find_event(EVENT).unwrap().unwrap();
        assert_eq!(event.location.as_deref(), Some(expected), "{kind} {value}");
    }
}

/// `MariaDB` would make "?" of the byte, and `MySQL` NULL: nobody would have an address.
#[test]
fn one_name_that_is_not_utf_8_does_not_hold_up_the_others() {
    let ((), store) = mysql();
    execute(
        &store,
        "ALTER TABLE participants MODIFY email VARBINARY(99), MODIFY name BLOB;
         INSERT INTO participants (event_id, email, name) VALUES (7, 'ada@example.org', 'Ada'),
            (7, 'jose@example.org', x'4a6f73e9'), (7, 'bob@example.org', 'Bob')",
    );
    store.check_schema().unwrap();
    let people = page(&store, 0, 9, 9);
    let read: Vec<_> = people.iter().map(|one| (one.email.as_deref().unwrap(), one.name.as_str())).collect();
    let wanted =
        [("ada@example.org", "Ada"), ("jose@example.org", "Jos\u{fffd}"), ("bob@example.org", "Bob")];
    assert_eq!(read, wanted);
}

/// The advice has to keep different keys apart.
#[test]
fn a_key_of_another_type_is_refused_with_an_expression_that_works() {
    let ((), store) = mysql();
    for (kind, expression) in [
        ("DECIMAL(20)", "CAST(id AS SIGNED)"),
        ("BIT(8)", "CAST(id AS SIGNED)"),
        ("ENUM('a')", "CAST(id AS CHAR)"),
        ("DATETIME(6)", "CAST(id AS CHAR)"),
        ("DATE", "CAST(id AS CHAR)"),
    ] {
        let view = |id: &str| {
            let columns = "event_id, email, name, locale";
            execute(&store, "DROP VIEW IF EXISTS participants; DROP TABLE IF EXISTS participants, people");
            execute(
                &store,
                &format!(
                    "CREATE TABLE people (id {kind}, event_id BIGINT, email TEXT, name TEXT, locale TEXT);
                     CREATE VIEW participants AS SELECT {id} AS id, {columns} FROM people"
                ),
            );
        };
        view("id");
        let message = store.check_schema().unwrap_err().to_string();
        assert!(message.contains(&format!("write {expression} AS id")), "{kind}: {message}");
        view(expression);
        store.check_schema().unwrap();
    }
}

#[test]
fn columns_that_would_be_misread_are_refused() {
    let ((), store) = mysql();
    for (table, column, kind, word) in [
        (
            "participants",
            "event_id",
            "VARCHAR(36)",
            "events.id holds whole numbers, but participants.event_id holds text",
        ),
        ("participants", "event_id", "VARBINARY(16)", "write LOWER(HEX(event_id)) AS event_id"),
        ("participants", "event_id", "DECIMAL(20)", "CAST(event_id AS SIGNED)"),
        ("events", "starts_at", "TIME", "CAST(starts_at AS DATETIME)"),
        ("events", "starts_at", "YEAR", "events.starts_at is of the type year"),
        (
            "events",
            "location",
            "BIT(3)",
            "events.location is of the type bit; in a view over your own tables, write CAST(location + 0 AS CHAR) AS location",
        ),
        ("events", "location", "POINT", "write ST_AsText(location) AS location"),
    ] {
        execute(&store, &format!("ALTER TABLE {table} MODIFY {column} {kind}"));
        let message = store.check_schema().unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
        let fits = match column {
            "event_id" => "INT UNSIGNED",
            "starts_at" => "DATETIME",
            _ => "TEXT",
        };
        execute(&store, &format!("ALTER TABLE {table} MODIFY {column} {fits}"));
        store.check_schema().unwrap();
    }
    execute(&store, "ALTER TABLE participants MODIFY id BIGINT UNSIGNED AUTO_INCREMENT");
    store.check_schema().unwrap();
    add_people(&store, EVENT, 3);
    assert_eq!(last_participant_id(&store, EVENT), 3);
    assert_eq!(page(&store, 1, 9, 9).len(), 2);
}
