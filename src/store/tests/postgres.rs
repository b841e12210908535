//! `PostgreSQL`: the conformance suite, and what is its own.

use super::application_tables::application_tests;
use super::conformance::conformance_tests;
use super::event_keys::event_key_tests;
use super::servers::{Server, migrated, server_tests, settle};
use super::upgrade::upgrade_tests;
use super::*;
use crate::domain::event_key_type::EventKeyType;
use crate::store::backend::any::AnyConnection;
use crate::store::tests::conformance::{ODD_KEYS, are_all_paged, found, key_type, make_users, quoted};

mod paging;

mod values;

fn postgres() -> ((), Store) {
    ((), migrated(Server::Postgresql))
}

fn empty() -> ((), Store) {
    ((), servers::empty(Server::Postgresql))
}

conformance_tests!(postgres);
upgrade_tests!(empty);
application_tests!(empty);
event_key_tests!(empty);
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

/// As a replica is, and a server after a failover.
#[test]
fn a_database_that_only_reads_is_found_before_the_first_mail() {
    let ((), store) = postgres();
    store.check_writable().unwrap();
    execute(
        &store,
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$",
    );
    let store = store.with_own_connections(1);
    store.check_schema().unwrap();
    let error = store.check_writable().unwrap_err().to_string();
    assert!(error.starts_with("database: could not write to the ledger: "), "{error}");
    assert!(
        error.ends_with("; DATABASE_URL must name a server that can be written to, not a replica"),
        "{error}"
    );
}

/// How many rows the server has read in these tables.
fn rows_read(store: &Store) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        rows: i64,
    }
    let query = diesel::sql_query(
        "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint AS rows FROM pg_stat_user_tables
            WHERE relname IN ('participants', 'deliveries', 'recipients')",
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

/// Also where the two columns have different types.
#[test]
fn uuids_are_served() {
    for types in [["uuid", "uuid"], ["uuid", "text"], ["varchar(36)", "uuid"], ["char(36)", "char(40)"]] {
        let ((), store) = empty();
        event_keys::make_tables(&store, types, event_keys::UUID, event_keys::OTHER_UUID);
        event_keys::serve(&store, event_keys::key(event_keys::UUID));
        let key_type = store.event_key_type().unwrap();
        assert_eq!(key_type == EventKeyType::Uuid, types.contains(&"uuid"), "{types:?}");
        // The ledger may have other keys, of the time before a change of the tables.
        for other in ["7", "ab-c", "f81d4fae"] {
            assert_eq!(store.find_event(event_keys::key(other)).unwrap(), None);
            assert_eq!(store.count_participants(event_keys::key(other)).unwrap(), 0);
        }
    }
}

#[test]
fn uuids_are_keys() {
    let keys = [
        "0fa8c3a0-2222-7000-8000-00000000000a",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf7",
        "00000000-0000-0000-0000-000000000000",
        "f81d4fad-7dec-41d0-a765-00a0c91e6bf6",
    ];
    for column in ["uuid", "text", "char(36)", "varchar(36)", "uuid UNIQUE"] {
        let ((), store) = postgres();
        key_type(&store, column, &quoted(&keys.map(str::to_uppercase).each_ref().map(String::as_str)));
        if column.starts_with("uuid") {
            are_all_paged(&store, &keys);
        } else {
            are_all_paged(&store, &keys.map(str::to_uppercase).each_ref().map(String::as_str));
        }
    }
}

/// The keys of another event are not looked at, whichever types the columns have.
#[test]
fn participants_of_text_keys_are_found_by_an_index() {
    for kind in ["uuid", "varchar(36)", "char(36)"] {
        let ((), store) = empty();
        event_keys::make_tables(&store, [kind; 2], event_keys::UUID, event_keys::OTHER_UUID);
        execute(
            &store,
            &format!(
                "CREATE INDEX participants_by_event ON participants (event_id, id);
                 INSERT INTO participants SELECT n, '{}', 'p' || n || '@example.com' FROM generate_series(10, 20000) n",
                event_keys::OTHER_UUID
            ),
        );
        let before = rows_read(&store);
        event_keys::serve(&store, event_keys::key(event_keys::UUID));
        let read = rows_read(&store) - before;
        // `status` counts, and a participant of the event may be read several times.
        assert!(read < 5000, "{kind}: {read} rows");
    }
}

#[test]
fn text_is_a_key_whatever_its_collation_and_type_are() {
    let types = "CREATE COLLATION same (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
        CREATE DOMAIN word AS text; CREATE DOMAIN same_word AS text COLLATE same;
        CREATE TYPE answer AS ENUM ('yes', 'no', 'a')";
    for column in
        ["text COLLATE same", "varchar(9) COLLATE \"C\"", "word", "same_word", "text COLLATE \"de-x-icu\""]
    {
        let ((), store) = postgres();
        execute(&store, types);
        key_type(&store, column, &quoted(&ODD_KEYS.map(|key| if key.len() > 9 { "x" } else { key })));
        are_all_paged(&store, &ODD_KEYS.map(|key| if key.len() > 9 { "x" } else { key }));
    }
    let ((), store) = postgres();
    execute(&store, types);
    key_type(&store, "answer", &quoted(&["yes", "no", "a"]));
    are_all_paged(&store, &["yes", "no", "a"]);
}

/// Keys of both events and participants.
#[test]
fn bookings_may_have_uuids() {
    for types in [["uuid", "uuid"], ["text", "uuid"], ["uuid", "text"], ["char(40)", "varchar(36)"]] {
        let ((), store) = empty();
        let keys = [
            "0fa8c3a0-2222-7000-8000-00000000000a",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf7",
            "00000000-0000-0000-0000-000000000001",
        ];
        event_keys::serve_bookings(&store, types, event_keys::UUID, keys);
    }
}

#[test]
fn users_are_found_by_uuids() {
    let ((), store) = postgres();
    conformance::users_are_found_by_uuids(&store);
}

#[test]
fn ids_of_users_of_other_types_are_found_or_refused() {
    let ((), store) = postgres();
    execute(
        &store,
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
         CREATE DOMAIN id_of_user AS varchar(99)",
    );
    for column in ["VARCHAR(99) COLLATE loose", "id_of_user"] {
        make_users(&store, column, &["a", "A"]);
        assert_eq!(found(&store, &["a", "\u{e1}"]).len(), 1, "{column}");
    }
    for (column, fitting) in [("NUMERIC(9)", "CAST(id AS BIGINT)"), ("BYTEA", "encode(id, 'hex')")] {
        make_users(&store, column, &[]);
        let error = store.find_users(&["7"]).unwrap_err();
        assert!(error.is_unreadable() && store.check_users().is_err());
        let wanted =
            "but ids of users must be whole numbers, text or UUIDs; in a view over your own tables, write";
        assert!(error.to_string().contains(&format!("{wanted} {fitting} AS id")), "{error}");
    }
}
