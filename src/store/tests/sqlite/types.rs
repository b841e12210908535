//! Keys that SQLite compares with no number, and keys that are text: nobody must be left out silently.

use super::*;
use crate::domain::event_key_type::EventKeyType;
use crate::store::tests::conformance::{are_all_paged, found, join, key_type, make_users, paged, quoted};

#[test]
fn text_in_an_expression_is_found_or_refused() {
    for (event_id, refusal) in [
        ("trim(party)", None),
        ("json_extract('[\"7\"]', '$[0]')", None),
        (
            "'f81d4fae-' || party",
            Some("participants.event_id holds no whole numbers, but events.id does; fanmail compares them"),
        ),
        ("CAST(trim(party) AS INTEGER)", None),
        ("words", None),
        ("1.0 * party", None),
        ("NULL", None),
        ("CAST('7' AS BLOB)", Some("participants.event_id holds bytes; in a view, make text of them")),
        (
            "CASE no WHEN 3 THEN 'x' ELSE party END",
            Some("holds numbers beside text, which SQLite does not compare"),
        ),
    ] {
        let (_dir, store) = empty_sqlite();
        execute(&store, TEAMS_TABLES);
        execute(
            &store,
            &format!(
                "ALTER TABLE guest ADD COLUMN words TEXT; UPDATE guest SET words = '7' WHERE no = 3;
                 DROP VIEW participants; CREATE VIEW participants AS SELECT no AS id, {event_id} AS event_id,
                    mail AS email, NULL AS name, NULL AS locale FROM guest"
            ),
        );
        store.migrate().unwrap();
        let checked = store.check_schema().map_err(|error| error.to_string());
        match refusal {
            None => assert_eq!(checked, Ok(()), "{event_id}"),
            Some(words) => assert!(checked.clone().is_err_and(|error| error.contains(words)), "{checked:?}"),
        }
        let found =
            store.read_page(EVENT, ParticipantId(0), ParticipantId(9), 9).map_or(0, |page| page.len());
        assert_eq!(found > 0, refusal.is_none() && event_id != "NULL", "{event_id}: {found}");
    }
}

#[test]
fn what_columns_are_declared_as_tells_as_long_as_there_are_no_rows() {
    for (types, rows, expected) in [
        (["TEXT", "VARCHAR(36)"], "", EventKeyType::Text),
        (["BIGINT", "INTEGER"], "", EventKeyType::Number),
        (["", ""], "", EventKeyType::Number),
        (["UUID", "UUID"], "", EventKeyType::Number),
        (["UUID", "UUID"], event_keys::UUID, EventKeyType::Text),
        (["INTEGER", "TEXT"], "7", EventKeyType::Number),
        (["INT", "INT"], "ab-c", EventKeyType::Text),
        (["", ""], "ab-c", EventKeyType::Text),
        (["TEXT", "TEXT"], "7", EventKeyType::Text),
        (["char(32)", "VARCHAR (32)"], "", EventKeyType::HexUuid(char::MAX)),
        (["CHAR(32)", "CHAR(32)"], "ab-c", EventKeyType::HexUuid(char::MAX)),
        (["CHAR(32)", "CHAR(36)"], "ab-c", EventKeyType::Text),
        (["CHAR(32)", "CHAR(32)"], event_keys::UUID, EventKeyType::Text),
    ] {
        let (_dir, store) = empty_sqlite();
        event_keys::make_tables(&store, types, rows, "8");
        if rows.is_empty() {
            execute(&store, "DELETE FROM events; DELETE FROM participants");
        } else {
            // Without a type, SQLite compares the text 8 with no number.
            execute(
                &store,
                "DELETE FROM events WHERE id = '8'; DELETE FROM participants WHERE event_id = '8'",
            );
        }
        store.check_schema().unwrap();
        assert_eq!(store.event_key_type().unwrap(), expected, "{types:?} {rows}");
        if !rows.is_empty() {
            event_keys::serve(&store, event_keys::key(rows));
        }
    }
}
/// A view over guests 1 to 3, with this expression as key.
fn view(id: &str) -> (TempDir, Store) {
    let (dir, store) = empty_sqlite();
    execute(&store, TEAMS_TABLES);
    execute(
        &store,
        &format!(
            "DROP VIEW participants; CREATE VIEW participants AS SELECT {id} AS id, party AS event_id, mail AS email,
                NULL AS name, NULL AS locale FROM guest"
        ),
    );
    store.migrate().unwrap();
    (dir, store)
}

#[test]
fn text_that_an_expression_makes_is_a_key() {
    for (id, keys) in [
        ("'f81d4fae-' || no", ["f81d4fae-1", "f81d4fae-2", "f81d4fae-3"]),
        ("CAST(no AS TEXT)", ["1", "2", "3"]),
        ("trim(no)", ["1", "2", "3"]),
        ("json_extract('[\"x\"]', '$[0]') || no COLLATE NOCASE", ["x1", "x2", "x3"]),
        ("unhex('ff0' || no)", ["ff01", "ff02", "ff03"]),
        // Some of them are numbers.
        ("CASE no WHEN 2 THEN 'two' ELSE no END", ["1", "3", "two"]),
        ("CASE no WHEN 2 THEN 'two' ELSE 20 - no END", ["17", "19", "two"]),
    ] {
        let (_dir, store) = view(id);
        store.check_schema().unwrap();
        are_all_paged(&store, &keys);
    }
}

#[test]
fn keys_that_are_all_numbers_with_a_fraction_are_refused() {
    let (_dir, store) = view("no + 0.5");
    let error = store.check_schema().unwrap_err();
    assert!(error.to_string().contains("must be a whole number or text"), "{error}");
}

#[test]
fn a_number_with_a_fraction_among_texts_is_a_key_as_it_is_printed() {
    for column in ["", "INTEGER", "NUMERIC", "BLOB"] {
        let (_dir, store) = sqlite();
        key_type(&store, column, &quoted(&["a", "b"]));
        store.check_schema().unwrap();
        join(&store, &["1.5", "-0.25", "1e30", "12"].map(str::to_owned));
        let keys = ["a", "b", "1.5", "-0.25", "1.0e+30", "12"];
        are_all_paged(&store, &keys);
        // Infinity, which is printed as a text. Some versions print other numbers with fewer digits than they have.
        join(&store, &["9e999".to_owned()]);
        assert_eq!(paged(&store, 3).len(), keys.len());
        let unlisted =
            store.find_unlisted_keys(store.text_key(EVENT).unwrap(), NotificationId(99), EVENT, 9).unwrap();
        assert_eq!((unlisted.keys.len(), unlisted.unlistable), (keys.len(), 1));
        let why = unlisted.why.unwrap();
        assert!(why.contains("is a number that SQLite does not print as it is; give"), "{why}");
        let absent = ["Inf", "1.50", "12.0"].map(str::to_owned);
        let absent: Vec<_> = (1..).map(ParticipantId).zip(absent).collect();
        assert_eq!(store.find_keyed(EVENT, &absent).unwrap(), [], "{column}");
    }
}

#[test]
fn text_is_a_key_whatever_the_type_of_its_column_is() {
    let keys = ["A", "a", "a ", "b", "1b", "'"];
    for column in ["TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "INTEGER", "BLOB", "ANY", "TEXT UNIQUE"] {
        let (_dir, store) = sqlite();
        key_type(&store, column, &quoted(&keys));
        are_all_paged(&store, &keys);
    }
    // What looks like a number is stored as one.
    let (_dir, store) = sqlite();
    key_type(&store, "INTEGER", &quoted(&["12", "9", "a", "-3", "0"]));
    are_all_paged(&store, &["12", "9", "a", "-3", "0"]);
}

/// A row may be added that is stored in another way than all others, and the worker is told by no one.
#[test]
fn keys_are_found_along_the_index_whatever_they_are_stored_as() {
    for column in ["", "TEXT", "TEXT COLLATE NOCASE", "INTEGER", "NUMERIC"] {
        let (_dir, store) = sqlite();
        key_type(&store, column, &quoted(&["a", "B", "b", "12", "0x", "f0", "007"]));
        store.check_schema().unwrap();
        join(&store, &["-5".to_owned(), "4711".to_owned(), "x'ff01'".to_owned(), "x''".to_owned()]);
        let stored = ["a", "B", "b", "12", "0x", "f0", "-5", "4711", "ff01", ""];
        let listed: Vec<_> = (1..).map(ParticipantId).zip(stored.map(str::to_owned)).collect();
        assert_eq!(store.find_keyed(EVENT, &listed).unwrap().len(), stored.len(), "{column}");
        let absent = ["A", "F0", "FF01", "0", "12.0", "+12", "ff", "04711"].map(str::to_owned);
        let absent: Vec<_> = (1..).map(ParticipantId).zip(absent).collect();
        assert_eq!(store.find_keyed(EVENT, &absent).unwrap(), [], "{column}");
    }
}

/// The worker began when there was no participant, or only such with numbers.
#[test]
fn text_that_comes_after_the_start_is_a_key_as_well() {
    let (_dir, store) = sqlite();
    key_type(&store, "", &[]);
    let empty = consumer::Consumer::begin(&store, "me", 1).receive_new();
    execute(&store, "INSERT INTO participants (id, event_id) VALUES (1, 7), (20, 7)");
    assert_eq!(open(&store).audience, participants_up_to(20));
    execute(&store, "INSERT INTO participants (id, event_id) VALUES ('b', 7), ('a', 7)");
    assert_eq!(open(&store).audience, Audience::Recipients { id: EVENT });
    assert_eq!(paged(&store, 1), ["1", "20", "a", "b"]);
    let started = store.start_notification(empty.1).unwrap().unwrap();
    assert_eq!(started.audience, Audience::Recipients { id: EVENT });
    let read = store.find_notification(started.id).unwrap().unwrap();
    assert_eq!(read.notification, started);
}

#[test]
fn each_row_of_users_has_an_id_of_its_own_kind() {
    let (_dir, store) = sqlite();
    make_users(&store, "INTEGER COLLATE NOCASE", &["7", "ab", "AB", "-8"]);
    execute(&store, "INSERT INTO users (id, email) VALUES (x'0A0B', 'bytes@example.com')");
    assert_eq!(found(&store, &["7", "ab", "AB", "Ab", "-8", "0a0b", "07", "7.0"]).len(), 5);
    execute(
        &store,
        "ALTER TABLE users RENAME TO members;
         CREATE VIEW users AS SELECT trim(id) AS id, email, name, locale FROM members WHERE typeof(id) <> 'blob'",
    );
    assert_eq!(found(&store, &["7", "ab", "-8"]).len(), 3);
}
