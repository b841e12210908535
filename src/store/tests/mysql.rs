//! `MariaDB`, which stands for `MySQL`: the conformance suite, and what is its own.

use super::application_tables::application_tests;
use super::conformance::conformance_tests;
use super::event_keys::event_key_tests;
use super::servers::{Server, migrated, server_tests};
use super::upgrade::upgrade_tests;
use super::*;
use crate::domain::event_key_type::EventKeyType;
use crate::store::tests::conformance::{ODD_KEYS, are_all_paged, found, key_type, make_users, quoted};

mod values;

fn mysql() -> ((), Store) {
    ((), migrated(Server::Mariadb))
}

fn empty() -> ((), Store) {
    ((), servers::empty(Server::Mariadb))
}

conformance_tests!(mysql);
upgrade_tests!(empty);
application_tests!(empty);
event_key_tests!(empty);
server_tests!(Server::Mariadb);

#[test]
fn a_key_that_is_too_large_is_named() {
    let ((), store) = mysql();
    execute(
        &store,
        "ALTER TABLE participants MODIFY id BIGINT UNSIGNED; ALTER TABLE events MODIFY id BIGINT UNSIGNED;
         INSERT INTO participants (id, event_id, name) VALUES (9223372036854775807, 7, ''), (9223372036854775808, 7, '');
         INSERT INTO events (id, title) VALUES (18446744073709551615, 'Ball')",
    );
    assert_eq!(page(&store, 0, i64::MAX, 9).len(), 1);
    let cause =
        "the key 9223372036854775808 is too large; the largest that fanmail can use is 9223372036854775807";
    let keys = AppKeys { participants: ParticipantKeys::Numbers, ..store.app_keys().unwrap() };
    let largest = store.run("find the newest", |connection| find_audience(connection, keys, EVENT));
    let message = largest.unwrap_err().to_string();
    assert!(message.contains(cause), "{message}");
    let message = store.newest_events(1).unwrap_err().to_string();
    assert!(message.contains("the key 18446744073709551615 is too large"), "{message}");
    // At start and in `check`.
    let message = store.check_schema().unwrap_err().to_string();
    assert!(
        message.contains("events.id has the key 18446744073709551615, but the largest that"),
        "{message}"
    );
    execute(&store, "DELETE FROM events");
    let message = store.check_schema().unwrap_err().to_string();
    assert!(
        message.contains("participants.id has the key 9223372036854775808, but the largest"),
        "{message}"
    );
    execute(&store, "DELETE FROM participants WHERE id > 9223372036854775807");
    store.check_schema().unwrap();
}

/// The statements of the last migration.
fn statements() -> Vec<&'static str> {
    let file = include_str!("../../../migrations/mysql/0003_channels_and_audiences/up.sql");
    let statements: Vec<_> = file.split_inclusive(";\n").collect();
    assert!(statements.len() > 15, "{statements:?}");
    statements
}

/// A process may be killed, and a server may lose its power, after any of the statements.
#[test]
fn a_migration_that_ends_in_the_middle_goes_on() {
    for done in 0..=statements().len() {
        let ((), store) = empty();
        upgrade::make_0_1_0(&store);
        if done > 0 {
            execute(&store, &statements()[..done].concat());
        }
        assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..], "after {done} statements");
        upgrade::is_upgraded(&store);
    }
}

#[test]
fn a_table_of_another_program_is_not_adopted_in_the_middle() {
    let ((), store) = empty();
    upgrade::make_0_1_0(&store);
    let to_recipients =
        statements().iter().position(|statement| statement.contains("CREATE TABLE IF NOT EXISTS recipients"));
    execute(&store, &statements()[..=to_recipients.unwrap()].concat());
    execute(&store, "CREATE TABLE deferrals (id INTEGER)");
    let error = store.migrate().unwrap_err().to_string();
    assert!(error.contains("have these names: deferrals;"), "{error}");
    execute(&store, "RENAME TABLE deferrals TO others");
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    upgrade::is_upgraded(&store);
}

#[test]
fn taking_a_migration_back_again_changes_nothing() {
    let ((), store) = empty();
    upgrade::make_0_1_0(&store);
    store.migrate().unwrap();
    for down in [
        include_str!("../../../migrations/mysql/0013_erasures/down.sql"),
        include_str!("../../../migrations/mysql/0012_bounces/down.sql"),
        include_str!("../../../migrations/mysql/0011_suppressions/down.sql"),
        include_str!("../../../migrations/mysql/0010_coalescing/down.sql"),
        include_str!("../../../migrations/mysql/0009_queues/down.sql"),
        include_str!("../../../migrations/mysql/0008_reminders/down.sql"),
        include_str!("../../../migrations/mysql/0007_notices/down.sql"),
        include_str!("../../../migrations/mysql/0006_outbox/down.sql"),
        include_str!("../../../migrations/mysql/0005_event_keys/down.sql"),
        include_str!("../../../migrations/mysql/0004_broker_sessions/down.sql"),
        include_str!("../../../migrations/mysql/0003_channels_and_audiences/down.sql"),
    ] {
        execute(&store, down);
        execute(&store, down);
    }
    execute(&store, "DELETE FROM __diesel_schema_migrations WHERE version > '0002'");
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    upgrade::is_upgraded(&store);
}

/// `MariaDB` has no DROP CHECK.
#[test]
fn a_check_constraint_of_the_application_is_no_obstacle() {
    let ((), store) = empty();
    upgrade::make_0_1_0(&store);
    execute(&store, "ALTER TABLE notifications ADD CONSTRAINT own CHECK (epoch >= 0)");
    store.migrate().unwrap();
    upgrade::is_upgraded(&store);
}

/// Each of them, that is: even one that was done is done again.
#[test]
fn a_migration_that_was_done_but_not_noted_changes_nothing() {
    let ((), store) = empty();
    upgrade::make_0_1_0(&store);
    store.migrate().unwrap();
    let tag = store.find_installation().unwrap();
    execute(&store, "DELETE FROM __diesel_schema_migrations WHERE version > '0002'");
    assert_eq!(store.migrate().unwrap(), MIGRATIONS[2..]);
    upgrade::is_upgraded(&store);
    assert_eq!(store.find_installation().unwrap(), tag);
}

/// Also where the two columns have different types or collations.
#[test]
fn uuids_are_served() {
    for types in [
        ["UUID", "UUID"],
        ["UUID", "CHAR(36)"],
        ["CHAR(36) CHARACTER SET ascii", "UUID"],
        ["VARCHAR(36) COLLATE utf8mb4_bin", "VARCHAR(36) COLLATE utf8mb4_unicode_ci"],
        ["VARCHAR(36) CHARACTER SET latin1", "VARCHAR(36) CHARACTER SET utf8mb3"],
        ["VARCHAR(36) CHARACTER SET utf8mb3", "VARCHAR(36)"],
    ] {
        let ((), store) = empty();
        event_keys::make_tables(&store, types, event_keys::UUID, event_keys::OTHER_UUID);
        event_keys::serve(&store, event_keys::key(event_keys::UUID));
        let key_type = store.event_key_type().unwrap();
        assert_eq!(key_type == EventKeyType::Uuid, types.contains(&"UUID"), "{types:?}");
        for other in ["7", "ab-c", "f81d4fae", "\u{e4}", "\u{1f389}"] {
            assert_eq!(store.find_event(event_keys::key(other)).unwrap(), None, "{types:?}");
            assert_eq!(store.count_participants(event_keys::key(other)).unwrap(), 0, "{types:?}");
        }
    }
}

#[test]
fn text_is_a_key_whatever_its_collation_is() {
    for column in [
        "VARCHAR(99) COLLATE utf8mb4_general_ci",
        "VARCHAR(99) COLLATE utf8mb4_unicode_ci",
        "VARCHAR(99) COLLATE utf8mb4_bin",
        "VARCHAR(99) COLLATE utf8mb4_nopad_bin",
    ] {
        let ((), store) = mysql();
        key_type(&store, column, &quoted(&ODD_KEYS));
        are_all_paged(&store, &ODD_KEYS);
    }
    let ((), store) = mysql();
    let keys = ["a", "A", "\u{e9}", "e", "E "];
    key_type(&store, "VARCHAR(99) CHARACTER SET latin1", &quoted(&keys));
    are_all_paged(&store, &keys);
}

#[test]
fn uuids_are_keys_in_every_type_that_holds_them() {
    let keys = [
        "0fa8c3a0-2222-7000-8000-00000000000a",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf7",
        "00000000-0000-0000-0000-000000000000",
        "f81d4fad-7dec-41d0-a765-00a0c91e6bf6",
    ];
    for column in ["UUID", "CHAR(36)", "CHAR(36) CHARACTER SET ascii", "VARCHAR(36) COLLATE utf8mb4_bin"] {
        let ((), store) = mysql();
        key_type(&store, column, &quoted(&keys));
        are_all_paged(&store, &keys);
    }
    let digits = keys.map(|key| key.replace('-', ""));
    let bytes: Vec<String> = digits.iter().map(|digits| format!("UNHEX('{digits}')")).collect();
    for column in ["BINARY(16)", "VARBINARY(20)"] {
        let ((), store) = mysql();
        key_type(&store, column, &bytes);
        are_all_paged(&store, &digits.each_ref().map(String::as_str));
    }
}

/// Keys of both events and participants.
#[test]
fn bookings_may_have_uuids() {
    for types in [["UUID", "UUID"], ["CHAR(36)", "UUID"], ["UUID", "VARCHAR(36)"]] {
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
    let ((), store) = mysql();
    conformance::users_are_found_by_uuids(&store);
}

#[test]
fn ids_of_users_of_other_types_are_found_or_refused() {
    let ((), store) = mysql();
    for column in ["BIGINT UNSIGNED", "INT(9) ZEROFILL"] {
        make_users(&store, column, &["7", "12"]);
        assert_eq!(found(&store, &["7", "012", "000000012", "-1"]).len(), 1, "{column}");
    }
    make_users(&store, "VARCHAR(99) CHARACTER SET latin1", &["a", "A"]);
    assert_eq!(found(&store, &["a", "\u{1f389}", "\u{e9}"]).len(), 1);
    make_users(&store, "VARCHAR(99) CHARACTER SET utf8mb3", &["a", "\u{e9}"]);
    assert_eq!(found(&store, &["a", "\u{1f389}", "\u{e9}"]).len(), 2);
    for (column, fitting) in [("DECIMAL(9)", "CAST(id AS SIGNED)"), ("BINARY(16)", "LOWER(HEX(id))")] {
        make_users(&store, column, &[]);
        let error = store.find_users(&["7"]).unwrap_err();
        assert!(error.is_unreadable() && store.check_users().is_err());
        let wanted =
            "but ids of users must be whole numbers, text or UUIDs; in a view over your own tables, write";
        assert!(error.to_string().contains(&format!("{wanted} {fitting} AS id")), "{error}");
    }
}
