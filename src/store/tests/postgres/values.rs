//! Types of columns of `PostgreSQL`: what is read, and what is refused.

use super::*;

/// Gives a column of the table another type, and a value in all rows.
fn retype(store: &Store, table: &str, column: &str, kind: &str, value: &str) {
    execute(
        store,
        &format!(
            "ALTER TABLE {table} DROP COLUMN {column}; ALTER TABLE {table} ADD COLUMN {column} {kind};
             UPDATE {table} SET {column} = {value}"
        ),
    );
    settle(store);
}

#[test]
fn times_are_read_from_the_types_that_have_them() {
    let ((), store) = postgres();
    execute(&store, "INSERT INTO events (id, title, ends_at) VALUES (7, 'Ball', '2026-11-22 09:00:00')");
    execute(&store, "CREATE TYPE day AS ENUM ('2026-11-21')");
    for (kind, value, expected) in [
        ("timestamp", "2026-11-21 09:00:00.5", Some("2026-11-21T09:00:00.500+00:00")),
        ("timestamptz", "2026-11-21 10:00:00+01", Some("2026-11-21T09:00:00+00:00")),
        ("date", "2026-11-21", Some("2026-11-21")),
        ("text", "2026-11-21T10:00:00+01:00", Some("2026-11-21T09:00:00+00:00")),
        ("char(40)", "2026-11-21T10:00:00+01:00", Some("2026-11-21T09:00:00+00:00")),
        ("name", "2026-11-21", Some("2026-11-21")),
        ("day", "2026-11-21", Some("2026-11-21")),
        ("real", "20261124", Some("2026-11-24")),
        ("numeric", "1795251600", Some("2026-11-21T09:00:00+00:00")),
        ("numeric", "1795251600.125", Some("2026-11-21T09:00:00.125+00:00")),
        ("numeric", "-1", None),
        ("numeric", "NaN", None),
        ("date", "infinity", None),
        ("timestamp", "infinity", None),
        ("timestamptz", "-infinity", None),
        ("time", "09:00", None),
        ("interval", "1 day", None),
    ] {
        retype(&store, "events", "starts_at", kind, &format!("'{value}'"));
        let event = store.find_event(EVENT).unwrap().unwrap();
        assert_eq!(shown(event.starts_at).as_deref(), expected, "{kind} {value:?}");
        assert!(event.ends_at.is_some());
    }
}

#[test]
fn starts_of_all_types_are_found() {
    let ((), store) = postgres();
    execute(&store, "INSERT INTO events (id, title, timezone) VALUES (7, 'Ball', 'America/New_York')");
    execute(&store, "CREATE DOMAIN moment AS timestamptz");
    let range = |from: &str, to: &str| from.parse().unwrap()..to.parse().unwrap();
    let nine = range("2026-11-21T09:00:00Z", "2026-11-21T09:00:01Z");
    let later = range("2026-11-21T09:00:01Z", "2026-11-21T15:00:00Z");
    let midnight = range("2026-11-21T05:00:00Z", "2026-11-21T05:00:01Z");
    for (kind, value, found_in) in [
        ("timestamp", "2026-11-21 09:00:00.5", &nine),
        ("timestamptz", "2026-11-21 10:00:00+01", &nine),
        ("timestamptz(0)", "2026-11-20 19:00:00-14", &nine),
        ("moment", "2026-11-21 10:00:00+01", &nine),
        ("date", "2026-11-21", &midnight),
        ("text", "2026-11-21T10:00:00+01:00", &nine),
        ("bigint", "1795251600", &nine),
        ("numeric", "1795251600000.000", &nine),
    ] {
        retype(&store, "events", "starts_at", kind, &format!("'{value}'"));
        let found = store.find_starting(found_in).unwrap();
        assert_eq!(found.len(), 1, "{kind}");
        assert!(found_in.contains(&found[0].starts_at), "{kind}: {found:?}");
        assert_eq!(store.find_starting(&later).unwrap(), [], "{kind}");
        assert_eq!(store.count_odd_starts().unwrap(), None, "{kind}");
    }
    for (kind, value) in [("date", "infinity"), ("timestamp", "-infinity"), ("timestamptz", "infinity")] {
        retype(&store, "events", "starts_at", kind, &format!("'{value}'"));
        assert_eq!(store.find_starting(&nine).unwrap(), [], "{kind} {value}");
    }
    retype(&store, "events", "starts_at", "interval", "'1 day'");
    let error = store.find_starting(&nine).unwrap_err().to_string();
    assert!(error.contains("events.starts_at is of the type interval"), "{error}");
}

/// A value of each type, and the text that the database prints.
#[test]
fn other_types_are_read_as_the_database_prints_them() {
    let ((), store) = postgres();
    execute(
        &store,
        "INSERT INTO events (id, title) VALUES (7, 'Ball'); CREATE TYPE place AS ENUM ('Café', 'Hall');
         CREATE DOMAIN hall AS text; CREATE DOMAIN large_hall AS hall; CREATE TYPE seat AS (line int, number int)",
    );
    for (kind, value, expected) in [
        ("bigint", "101", "101"),
        ("numeric", "3.50", "3.50"),
        ("double precision", "3.5", "3.5"),
        ("boolean", "true", "true"),
        ("varchar(9)", "'Café'", "Café"),
        ("char(9)", "'Café'", "Café"),
        ("\"char\"", "'C'", "C"),
        ("place", "'Café'", "Café"),
        ("large_hall", "'Café'", "Café"),
        ("json", "'{\"a\":1}'", "{\"a\":1}"),
        ("jsonb", "'{\"a\":1}'", "{\"a\": 1}"),
        ("xml", "'<a/>'", "<a/>"),
        ("uuid", "'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ("inet", "'10.0.0.1'", "10.0.0.1/32"),
        ("date", "'2026-12-24'", "2026-12-24"),
        ("timestamptz", "'2026-12-24 18:00+01'", "2026-12-24 17:00:00+00"),
        ("time", "'17:30'", "17:30:00"),
        ("interval", "'90 minutes'", "01:30:00"),
        ("text[]", "'{Hall,Café}'", "{Hall,Café}"),
        ("int4range", "'[1,3)'", "[1,3)"),
        ("seat", "'(1,2)'", "(1,2)"),
        ("bytea", "'Caf\\303\\251'", "Café"),
        ("bytea", "'\\x4a6f73e9'", "Jos\u{fffd}"),
    ] {
        retype(&store, "events", "location", kind, value);
        store.check_schema().unwrap();
        let event = store.find_event(EVENT).unwrap().unwrap();
        assert_eq!(event.location.as_deref(), Some(expected), "{kind} {value}");
    }
    // Without an operator for equality.
    retype(&store, "events", "timezone", "json", "'\"Mars\"'");
    assert_eq!(store.count_unknown_zones().unwrap().unwrap().example, "\"Mars\"");
}

/// The advice has to be one that the server follows.
#[test]
fn a_key_of_another_type_is_refused_with_an_expression_that_works() {
    let ((), store) = postgres();
    execute(&store, "DROP TABLE participants; CREATE VIEW participants AS SELECT 1");
    for (kind, value, expression) in [
        ("numeric(10,0)", "7", "CAST(id AS BIGINT)"),
        ("double precision", "7", "CAST(id AS BIGINT)"),
        ("bytea", "\\x07", "encode(id, 'hex')"),
        ("inet", "10.0.0.1", "CAST(id AS TEXT)"),
        ("date", "2026-11-26", "CAST(id AS TEXT)"),
        ("timestamptz", "2026-11-26", "CAST(id AS TEXT)"),
        ("json", "7", "CAST(id AS TEXT)"),
        ("int4range", "[7,8)", "CAST(id AS TEXT)"),
        ("integer[]", "{7}", "CAST(id AS TEXT)"),
        ("boolean", "true", "CAST(id AS TEXT)"),
    ] {
        let view = |id: &str| {
            let row = format!("(SELECT '{value}'::{kind} AS id) AS source");
            let columns = "event_id, 'a@example.org' AS email, NULL AS name, NULL AS locale";
            execute(
                &store,
                &format!(
                    "DROP VIEW participants;
                     CREATE VIEW participants AS SELECT {id} AS id, 7::bigint AS {columns} FROM {row}"
                ),
            );
            settle(&store);
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
    let ((), store) = postgres();
    for (kind, word) in [
        ("numeric", "participants.event_id is of the type numeric"),
        ("double precision", "write CAST(event_id AS BIGINT) AS event_id"),
        ("boolean", "participants.event_id is of the type boolean"),
        ("uuid", "events.id holds whole numbers, but participants.event_id holds text"),
        ("bytea", "write encode(event_id, 'hex') AS event_id"),
    ] {
        retype(&store, "participants", "event_id", kind, "NULL");
        let message = store.check_schema().unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
    retype(&store, "participants", "event_id", "smallint", "NULL");
    store.check_schema().unwrap();
    execute(
        &store,
        "CREATE TYPE tongue AS ENUM ('de', 'en'); CREATE DOMAIN address AS text;
         ALTER TABLE participants DROP COLUMN locale; ALTER TABLE participants ADD COLUMN locale tongue;
         ALTER TABLE participants DROP COLUMN email; ALTER TABLE participants ADD COLUMN email address;
         INSERT INTO participants (event_id, email, locale) VALUES (7, 'a@example.com', 'de')",
    );
    settle(&store);
    store.check_schema().unwrap();
    let page = page(&store, 0, 9, 9);
    assert_eq!((page[0].email.as_deref(), page[0].locale.as_deref()), (Some("a@example.com"), Some("de")));
}

/// The server refuses to send bytes that are not UTF-8 as text.
#[test]
fn one_name_that_is_not_utf_8_does_not_hold_up_the_others() {
    use servers::{Database, USER};
    let server = Database::shared_without_disk_waits(Server::Postgresql);
    let url = format!("{}_ascii", server.create_database());
    let name = url.rsplit('/').next().unwrap();
    server.administer(&format!(
        "CREATE DATABASE {name} OWNER {USER} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    ));
    let store = servers::connect(&url, 2).unwrap();
    store.migrate().unwrap();
    execute(
        &store,
        "INSERT INTO events (id, title, location) VALUES (7, 'Ball', convert_from('\\x436166e9', 'SQL_ASCII'));
         INSERT INTO participants (event_id, email, name) VALUES (7, 'ada@example.org', 'Adä'),
            (7, 'jose@example.org', convert_from('\\x4a6f73e9', 'SQL_ASCII')), (7, 'bob@example.org', 'Bob')",
    );
    store.check_schema().unwrap();
    let people = page(&store, 0, 9, 9);
    let names: Vec<_> = people.iter().map(|person| person.name.as_str()).collect();
    assert_eq!(names, ["Adä", "Jos\u{fffd}", "Bob"]);
    assert_eq!(store.find_event(EVENT).unwrap().unwrap().location.unwrap(), "Caf\u{fffd}");
    execute(&store, "UPDATE events SET timezone = convert_from('\\xe9', 'SQL_ASCII')");
    assert_eq!(store.count_unknown_zones().unwrap().unwrap().example, "\u{fffd}");
    let notification = open(&store);
    record(&store, &notification, Status::Sent, 1..=3);
    complete(&store, notification.id);
    execute(&store, "UPDATE participants SET email = convert_from('\\x4a6f73e940782e6f7267', 'SQL_ASCII')");
    assert_eq!(repeated_addresses(&store), ["jos\u{fffd}@x.org"]);
}

fn repeated_addresses(store: &Store) -> Vec<String> {
    let mut found = Vec::new();
    let use_address = |address: &str| found.push(address.to_owned());
    store.find_repeated_addresses(EVENT, Some(ParticipantId::MAX), use_address).unwrap();
    found.sort();
    found
}

#[test]
fn repeated_addresses_are_found_whatever_their_type_is() {
    let ((), store) = postgres();
    execute(
        &store,
        "INSERT INTO participants (event_id, email, name) VALUES (7, 'Ann@x.org', ''), (7, 'ann@X.org ', ''),
            (7, 'bob@x.org', ''), (7, 'jo@b\u{fc}cher.example', '')",
    );
    for kind in ["varchar(99)", "name", "bytea"] {
        let value = if kind == "bytea" { "convert_to(email::text, 'UTF8')" } else { "email" };
        execute(&store, &format!("ALTER TABLE participants ALTER email TYPE {kind} USING {value}"));
        settle(&store);
        assert_eq!(repeated_addresses(&store), ["ann@x.org", "jo@b\u{fc}cher.example"], "{kind}");
    }
}
