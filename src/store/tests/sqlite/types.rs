//! Keys that SQLite compares with no number, and keys that are text: nobody must be left out silently.

use super::*;
use crate::domain::event_key_type::EventKeyType;

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
