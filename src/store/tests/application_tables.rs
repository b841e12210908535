//! Tables of an application in the same database, beside a migration, as functions over a `Store` without tables.

use super::upgrade::make_0_1_0;
use super::*;
use crate::exit_code::{HasExitCode, MISCONFIGURED};
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;

/// Makes a test of each function of this file; `$empty` returns a guard and a `Store` without tables.
macro_rules! application_tests {
    ($empty:path) => {
        crate::store::tests::application_tables::application_tests!($empty:
            rows_that_refer_to_a_notification_stay
            tables_of_another_program_are_named_and_nothing_is_changed
            a_new_database_is_left_as_it_is_if_a_name_is_in_use
        );
    };
    ($empty:path: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let (_guard, store) = $empty();
                crate::store::tests::application_tables::$name(&store);
            }
        )*
    };
}
pub(super) use application_tests;

fn count(store: &Store, rows: &str) -> i64 {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        found: i64,
    }
    let query = diesel::sql_query(format!("SELECT count(*) AS found FROM {rows}"));
    let row: Row =
        store.run("count", |connection| diesel::RunQueryDsl::get_result(query, connection)).unwrap();
    row.found
}

fn is_refused(store: &Store, statement: &str) -> bool {
    store.run("try", |connection| connection.batch_execute(statement)).is_err()
}

/// On SQLite, both tables are copied and dropped.
pub fn rows_that_refer_to_a_notification_stay(store: &Store) {
    make_0_1_0(store);
    execute(
        store,
        "CREATE TABLE invoice (notification_id BIGINT,
            FOREIGN KEY (notification_id) REFERENCES notifications (id) ON DELETE CASCADE);
         CREATE TABLE note (notification_id BIGINT, participant_id BIGINT,
            FOREIGN KEY (notification_id) REFERENCES notifications (id),
            FOREIGN KEY (notification_id, participant_id) REFERENCES deliveries (notification_id, participant_id));
         INSERT INTO invoice VALUES (1), (2), (2);
         INSERT INTO note VALUES (1, 2)",
    );
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    upgrade::is_upgraded(store);
    assert_eq!((count(store, "invoice"), count(store, "note")), (3, 1));

    // The references are those to the new tables, and count.
    for statement in [
        "INSERT INTO invoice VALUES (5)",
        "INSERT INTO note VALUES (1, 4)",
        "DELETE FROM notifications WHERE id = 1",
        "DELETE FROM deliveries WHERE notification_id = 1 AND participant_id = 2",
    ] {
        assert!(is_refused(store, statement), "{statement}");
    }
    execute(store, "INSERT INTO invoice VALUES (3); DELETE FROM notifications WHERE id = 2");
    assert_eq!(count(store, "invoice"), 2);
}

/// An application's table, and a view.
const OTHERS: &str = "
    CREATE TABLE recipients (id INTEGER, address VARCHAR(99)); INSERT INTO recipients VALUES (1, 'a@example.com');
    CREATE VIEW installation AS SELECT id, address AS untagged_up_to FROM recipients";

fn names_are_refused(store: &Store, names: &str) {
    let error = store.migrate().unwrap_err();
    assert!(error.exit_code() == MISCONFIGURED && !error.is_transient(), "{error}");
    let expected = format!(
        "database: could not update the tables: fanmail creates new tables, but tables or views of another program have \
         these names: {names}; no table was changed; rename those tables or views, or let DATABASE_URL name a database \
         or schema of fanmail's own"
    );
    assert_eq!(error.to_string(), expected);
}

pub fn tables_of_another_program_are_named_and_nothing_is_changed(store: &Store) {
    make_0_1_0(store);
    execute(store, OTHERS);
    for _ in 0..2 {
        names_are_refused(store, "recipients, installation");
    }
    assert_eq!(count(store, "recipients WHERE address = 'a@example.com'"), 1);
    assert!(is_refused(store, "SELECT tries FROM deferrals"));
    // fanmail 0.1.0 can go on.
    execute(
        store,
        "INSERT INTO notifications (message_key, kind, event_id, max_participant_id, state, received_at)
            VALUES ('new', 'UPDATED', 7, 3, 'running', '2026-11-06 10:00:00');
         DELETE FROM notifications WHERE message_key = 'new'",
    );
    execute(store, "DROP VIEW installation; ALTER TABLE recipients RENAME TO addresses");
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    upgrade::is_upgraded(store);
    assert_eq!(count(store, "addresses"), 1);
}

pub fn a_new_database_is_left_as_it_is_if_a_name_is_in_use(store: &Store) {
    execute(store, OTHERS);
    execute(store, "CREATE TABLE notifications (text VARCHAR(99)); CREATE TABLE workers (salary INTEGER)");
    names_are_refused(store, "notifications, workers, recipients, installation");
    assert!(is_refused(store, "SELECT notification_id FROM deliveries"));
    execute(store, "DROP VIEW installation; ALTER TABLE recipients RENAME TO addresses");
    execute(store, "DROP TABLE notifications; DROP TABLE workers");
    assert_eq!(store.migrate().unwrap(), MIGRATIONS);
    store.check_schema().unwrap();
}

/// SQLite: foreign keys are not enforced while tables are copied, and are afterwards.
#[test]
fn foreign_keys_are_enforced_after_a_migration() {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Integer)]
        foreign_keys: i32,
    }
    let dir = TempDir::new().unwrap();
    let store = Store::connect(&config_in(&dir), 1).unwrap();
    let enforced = |connection: &mut AnyConnection| {
        let row: Row = diesel::RunQueryDsl::get_result(diesel::sql_query("PRAGMA foreign_keys"), connection)?;
        Ok(row.foreign_keys)
    };
    let fail = |_: &mut AnyConnection| -> diesel::QueryResult<()> { Err(diesel::result::Error::NotFound) };
    let after_an_error = store.run("fail", |connection| {
        dispatch::migrate_alone(connection, fail).unwrap_err();
        enforced(connection)
    });
    assert_eq!(after_an_error.unwrap(), 1);
    store.migrate().unwrap();
    assert_eq!(store.run("read a setting", enforced).unwrap(), 1);
}
