//! `PostgreSQL`: the conformance suite, and what is its own.

use super::application_tables::application_tests;
use super::conformance::conformance_tests;
use super::servers::{Server, migrated, server_tests, settle};
use super::upgrade::upgrade_tests;
use super::*;
use crate::store::backend::any::AnyConnection;

fn postgres() -> ((), Store) {
    ((), migrated(Server::Postgresql))
}

fn empty() -> ((), Store) {
    ((), servers::empty(Server::Postgresql))
}

conformance_tests!(postgres);
upgrade_tests!(empty);
application_tests!(empty);
server_tests!(Server::Postgresql);

/// A migration changes tables, as a user that may only use them cannot. Here it is a table of the server's own user.
#[test]
fn the_owner_of_the_tables_must_migrate() {
    let ((), store) = postgres();
    let change =
        |connection: &mut AnyConnection| connection.batch_execute("ALTER TABLE pg_class ADD channel TEXT");
    let error = store.run("update the tables", change).unwrap_err().to_string();
    assert!(error.contains("must be owner of table pg_class"), "{error}");
    assert!(error.ends_with("; run `fanmail migrate` as the user that owns the tables"), "{error}");
}

#[test]
fn times_are_read_from_the_types_that_have_them() {
    let ((), store) = postgres();
    execute(&store, "INSERT INTO events (id, title) VALUES (7, 'Ball')");
    for (kind, value, expected) in [
        ("timestamp", "2026-11-21 09:00:00.5", Some("2026-11-21T09:00:00.500+00:00")),
        ("timestamptz", "2026-11-21 10:00:00+01", Some("2026-11-21T09:00:00+00:00")),
        ("text", "2026-11-21T10:00:00+01:00", Some("2026-11-21T09:00:00+00:00")),
        ("text", "2026-11-21 09:00:00.5", Some("2026-11-21T09:00:00.500+00:00")),
        ("text", "2026-11-21T09:00Z", Some("2026-11-21T09:00:00+00:00")),
        ("varchar(40)", "2026-11-21 09:00", Some("2026-11-21T09:00:00+00:00")),
        ("text", "next Tuesday", None),
        ("text", "", None),
        ("date", "2026-11-21", None),
        ("timestamp", "infinity", None),
    ] {
        execute(
            &store,
            &format!(
                "ALTER TABLE events DROP COLUMN starts_at; ALTER TABLE events ADD COLUMN starts_at {kind};
                 UPDATE events SET starts_at = '{value}', ends_at = '2026-11-22 09:00:00'"
            ),
        );
        settle(&store);
        let event = store.find_event(EVENT).unwrap().unwrap();
        let read = event.starts_at.map(|time| time.to_rfc3339());
        assert_eq!(read.as_deref(), expected, "{kind} {value:?}");
        assert!(event.ends_at.is_some());
    }
}

#[test]
fn columns_that_would_be_misread_are_refused() {
    let ((), store) = postgres();
    for (column, kind, word) in [
        ("event_id", "numeric", "participants.event_id is of the type numeric"),
        ("event_id", "uuid", "no CAST: it makes the same number of different texts"),
        (
            "email",
            "bytea",
            "participants.email is of the type bytea; in a view over your own tables, write CAST(email AS TEXT)",
        ),
        ("name", "uuid", "CAST(name AS TEXT)"),
    ] {
        execute(
            &store,
            &format!(
                "ALTER TABLE participants DROP COLUMN {column}; ALTER TABLE participants ADD COLUMN {column} {kind}"
            ),
        );
        settle(&store);
        let message = store.check_schema().unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
        execute(
            &store,
            &format!(
                "ALTER TABLE participants DROP COLUMN {column}; ALTER TABLE participants ADD COLUMN {column} {}",
                if column == "event_id" { "smallint" } else { "varchar(9)" }
            ),
        );
        settle(&store);
        store.check_schema().unwrap();
    }
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

/// How many rows the server has read in these two tables.
fn rows_read(store: &Store) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rows: i64,
    }
    let query = diesel::sql_query(
        "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint AS rows FROM pg_stat_user_tables
            WHERE relname IN ('participants', 'deliveries')",
    );
    // A connection tells what it has read from time to time only. The pool has one that is idle: the last one that was used.
    execute(store, "SELECT pg_stat_force_next_flush()");
    let row: Row =
        store.run("count", |connection| diesel::RunQueryDsl::get_result(query.clone(), connection)).unwrap();
    row.rows
}

/// The planner believes that the tables are as small as they were when it looked last: never. If it read a whole table for
/// each page, the server would read fifty million rows.
#[test]
fn the_last_pages_are_as_quick_as_the_first() {
    const PEOPLE: i64 = 100_000;
    const PAGE: u32 = 100;
    let ((), store) = postgres();
    execute(
        &store,
        &format!(
            "ALTER TABLE participants SET (autovacuum_enabled = off);
             ALTER TABLE deliveries SET (autovacuum_enabled = off);
             INSERT INTO participants (event_id, email) SELECT {EVENT}, 'p' || n || '@example.com'
                FROM generate_series(1, {PEOPLE}) n"
        ),
    );
    let notification = open(&store);
    assert_eq!(notification.audience, participants_up_to(PEOPLE));
    let mut after = ParticipantId(0);
    let mut pages = 0;
    loop {
        let page = store.read_page(EVENT, after, ParticipantId(PEOPLE), PAGE).unwrap();
        let Some(last) = page.last() else { break };
        let decided = store.decided_between(notification.id, after, last.id).unwrap();
        assert!(decided.is_empty());
        after = last.id;
        record(&store, &notification, Status::Sent, page.iter().map(|person| person.id.0));
        pages += 1;
        // Meanwhile, as it would take hours if it were quadratic. Each participant is read once.
        if pages % 50 == 0 {
            let read = rows_read(&store);
            assert!(read <= 2 * PEOPLE, "{read} rows after {pages} pages");
        }
    }
    assert_eq!(pages, 1000);
    assert!((PEOPLE..=2 * PEOPLE).contains(&rows_read(&store)), "{} rows", rows_read(&store));
}
