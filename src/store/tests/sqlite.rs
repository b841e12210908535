//! SQLite: the conformance suite, and what is its own (files, views, dates as text, locks).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use diesel::{QueryDsl as _, RunQueryDsl as _};

use super::application_tables::application_tests;
use super::conformance::conformance_tests;
use super::event_keys::event_key_tests;
use super::upgrade::upgrade_tests;
use super::*;
use crate::domain::outcome::Tally;
use crate::store::backend::any::AnyConnection;
use crate::store::ledger::identity::candidates;
use crate::store::schema;

mod journal;
mod types;
mod values;

fn sqlite() -> (TempDir, Store) {
    let (dir, store) = empty_sqlite();
    assert_eq!(store.migrate().unwrap(), MIGRATIONS);
    (dir, store)
}

conformance_tests!(sqlite);
upgrade_tests!(empty_sqlite);
application_tests!(empty_sqlite);
event_key_tests!(empty_sqlite);

/// A team's own tables, with views of the names that fanmail reads.
const TEAMS_TABLES: &str = "
    CREATE TABLE party (key INTEGER PRIMARY KEY, heading TEXT, begins TEXT);
    CREATE TABLE guest (no INTEGER PRIMARY KEY, party INTEGER, mail TEXT, gone BOOLEAN);
    CREATE VIEW events AS SELECT key AS id, heading AS title, NULL AS description, NULL AS location,
        begins AS starts_at, NULL AS ends_at, NULL AS timezone, NULL AS url, NULL AS updated_at FROM party;
    CREATE VIEW participants AS SELECT no AS id, party AS event_id, mail AS email, NULL AS name,
        NULL AS locale FROM guest WHERE NOT gone;
    INSERT INTO party VALUES (7, 'Ball', '2026-11-21T20:00:00Z');
    INSERT INTO guest VALUES (1, 7, 'a@example.com', 0), (2, 7, 'b@example.com', 1), (3, 7, NULL, 0);";

#[test]
fn views_may_stand_for_the_tables() {
    let (_dir, store) = empty_sqlite();
    execute(&store, TEAMS_TABLES);
    store.migrate().unwrap();
    store.check_schema().unwrap();
    assert_eq!(store.find_views().unwrap(), ["events", "participants"]);
    let event = store.find_event(EVENT).unwrap().unwrap();
    assert_eq!((event.title.as_str(), event.timezone.as_str()), ("Ball", "UTC"));
    assert_eq!(shown(event.starts_at).unwrap(), "2026-11-21T20:00:00+00:00");
    let notification = open(&store);
    assert_eq!(notification.audience, participants_up_to(3));
    let page = page(&store, 0, 3, 100);
    assert_eq!(page.iter().map(|person| person.id.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!((page[1].email.as_ref(), page[1].name.as_str()), (None, ""));
    record(&store, &notification, Status::Sent, [1]);
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.sent, tally.pending), (2, 1, 1));
}

#[test]
fn a_view_that_lacks_a_column_is_named() {
    let (_dir, store) = empty_sqlite();
    execute(
        &store,
        "CREATE VIEW participants AS SELECT 1 AS id, 7 AS event_id, 'a@example.com' AS email, '' AS name",
    );
    store.migrate().unwrap();
    let message = store.check_schema().unwrap_err().to_string();
    assert!(message.contains("could not read participants: it has no column locale; a view"), "{message}");
    assert!(message.contains("a view of your own must have every column"), "{message}");
}

#[test]
fn a_key_of_several_rows_is_one_participant() {
    let (_dir, store) = empty_sqlite();
    execute(&store, TEAMS_TABLES);
    execute(
        &store,
        "CREATE TABLE role (guest INTEGER); INSERT INTO role VALUES (1), (1);
         DROP VIEW participants; CREATE VIEW participants AS SELECT no AS id, party AS event_id, mail AS email,
            NULL AS name, NULL AS locale FROM guest JOIN role ON role.guest = guest.no;",
    );
    store.migrate().unwrap();
    let notification = open(&store);
    record(&store, &notification, Status::Sent, [1]);
    assert_eq!(store.tally(&notification).unwrap(), Tally { participants: 1, sent: 1, ..Tally::default() });
}

#[test]
fn missing_tables_are_named() {
    let (_dir, store) = empty_sqlite();
    let message = store.check_schema().unwrap_err().to_string();
    assert_eq!(
        message,
        "database: could not read events: no such table: events; for tables of your own, first make the views events and \
         participants (README, \"Your first people\"), then run `fanmail migrate`; otherwise only run `fanmail migrate`"
    );
    store.migrate().unwrap();
    execute(&store, "DROP TABLE workers");
    let message = store.check_schema().unwrap_err().to_string();
    assert_eq!(message, "database: could not read workers: no such table: workers; run `fanmail migrate`");
}

#[test]
fn all_missing_columns_are_named_at_once() {
    let (_dir, store) = empty_sqlite();
    execute(
        &store,
        "CREATE VIEW events AS SELECT 1 AS id, 'Ball' AS title, NULL AS starts_at, NULL AS ends_at",
    );
    store.migrate().unwrap();
    let error = store.check_schema().unwrap_err();
    assert_eq!(
        error.to_string(),
        "database: could not read events: it has no columns description, location, timezone, url, updated_at; a view of \
         your own must have every column that fanmail reads: id, title, description, location, starts_at, ends_at, timezone, \
         url, updated_at (write NULL AS description where you have no such value); if fanmail made the table, run \
         `fanmail migrate`"
    );
    assert!(error.is_unreadable());
}

#[test]
fn processes_may_migrate_at_once() {
    let dir = TempDir::new().unwrap();
    let applied: usize = std::thread::scope(|scope| {
        let processes: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let store = Store::connect(&config_in(&dir), 1).unwrap();
                    let applied = store.migrate().unwrap().len();
                    store.check_schema().unwrap();
                    applied
                })
            })
            .collect();
        processes.into_iter().map(|process| process.join().unwrap()).sum()
    });
    assert_eq!(applied, MIGRATIONS.len(), "each of them once");
}

#[test]
fn only_the_owner_may_read_a_new_file_and_an_existing_one_keeps_its_mode() {
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let migrated = |path: &Path| {
        let config =
            DatabaseConfig { backend: Backend::Sqlite(path.to_owned()), echo: false, default_file: None };
        let store = Store::connect(&config, 1).unwrap();
        store.migrate().unwrap();
        store
    };
    let dir = tempfile::tempdir().unwrap();
    let store = migrated(&dir.path().join("new.db"));
    let beside = fs::read_dir(dir.path()).unwrap().map(|entry| mode(&entry.unwrap().path()));
    assert_eq!(beside.collect::<Vec<_>>(), [0o600; 3], "the file, its journal and its index");
    drop(store);

    let shared = dir.path().join("shared.db");
    fs::write(&shared, "").unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o640)).unwrap();
    drop(migrated(&shared));
    assert_eq!(mode(&shared), 0o640);
}

#[test]
fn the_key_of_a_removed_participant_is_not_reused() {
    let (_dir, store) = sqlite();
    add_people(&store, EVENT, 2);
    execute(&store, "DELETE FROM participants WHERE id = 2");
    add_people(&store, EVENT, 1);
    assert_eq!(last_participant_id(&store, EVENT), 3);
}

#[test]
fn a_file_that_cannot_be_opened_is_explained() {
    let dir = TempDir::new().unwrap();
    let failure = |path: PathBuf| {
        let config = DatabaseConfig { backend: Backend::Sqlite(path), echo: false, default_file: None };
        Store::connect(&config, 1).err().unwrap().to_string()
    };
    let message = failure(dir.path().join("missing/test.db"));
    assert!(message.contains("there is no directory") && message.contains("create it"), "{message}");
    let message = failure(dir.path().to_owned());
    assert!(message.contains("check that DATABASE_URL names a file"), "{message}");
    let letter = dir.path().join("letter.txt");
    std::fs::write(&letter, "Dear all, this is not a database. ".repeat(100)).unwrap();
    let message = failure(letter);
    assert!(message.contains("file is not a database; DATABASE_URL names"), "{message}");
}

#[test]
fn every_connection_is_set_up() {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        settings: String,
    }
    use diesel::RunQueryDsl;
    let (_dir, store) = empty_sqlite();
    let row: Row = store
        .run("read settings", |connection| {
            diesel::sql_query(
                "SELECT journal_mode || ' ' || synchronous || ' ' || foreign_keys || ' ' || timeout AS settings
                 FROM pragma_journal_mode, pragma_synchronous, pragma_foreign_keys, pragma_busy_timeout",
            )
            .get_result(connection)
        })
        .unwrap();
    assert_eq!(row.settings, "wal 1 1 5000");
}

#[test]
fn a_failed_transaction_leaves_the_connection_usable() {
    let dir = TempDir::new().unwrap();
    let store = Store::connect(&config_in(&dir), 1).unwrap();
    let failed: Result<(), _> = store.write("fail", |_| Err(diesel::result::Error::NotFound));
    failed.unwrap_err();
    store.migrate().unwrap();
    open(&store);
}

#[test]
fn outcomes_are_all_recorded_or_none() {
    let (_dir, store) = sqlite();
    execute(
        &store,
        "CREATE TRIGGER refuse BEFORE INSERT ON deliveries WHEN NEW.participant_id = 2
         BEGIN SELECT RAISE(ABORT, 'refused'); END",
    );
    let notification = open(&store);
    let outcomes = [1, 2, 3].map(|id| outcome(&notification, id, Status::Sent));
    store.record_outcomes(&outcomes).unwrap_err();
    assert!(decided(&store, notification.id, 0, 9).is_empty());
    execute(&store, "DROP TRIGGER refuse");
    store.record_outcomes(&outcomes).unwrap();
    assert_eq!(decided(&store, notification.id, 0, 9).len(), 3);
}

#[test]
fn tables_that_are_up_to_date_need_no_right_to_change_any() {
    let dir = TempDir::new().unwrap();
    let store = Store::connect(&config_in(&dir), 1).unwrap();
    store.migrate().unwrap();
    execute(&store, "PRAGMA query_only = ON");
    assert_eq!(store.migrate().unwrap(), Vec::<String>::new());
}

#[test]
fn a_message_without_an_id_is_looked_for_by_its_event() {
    #[derive(diesel::QueryableByName)]
    struct Step {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let (_dir, store) = sqlite();
    let query = candidates::without_message_id(7, Kind::Updated).select(schema::notifications::id);
    let query = diesel::debug_query::<diesel::sqlite::Sqlite, _>(&query).to_string();
    let statement = query.split(" -- binds").next().unwrap();
    let plan = |connection: &mut AnyConnection| {
        diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}")).load(connection)
    };
    let plan: Vec<Step> = store.run("explain a query", plan).unwrap();
    let plan: Vec<_> = plan.iter().map(|step| step.detail.as_str()).collect();
    assert_eq!(plan, ["SEARCH notifications USING INDEX notifications_by_event (event_id=? AND kind=?)"]);
}
