//! Keys that SQLite compares with no number: nobody would be found.

use super::*;

#[test]
fn text_that_equals_no_number_is_refused() {
    for (event_id, refusal) in [
        (
            "trim(party)",
            Some("participants.event_id holds text, which equals no number; in the view, write CAST("),
        ),
        ("json_extract('[\"7\"]', '$[0]')", Some("which equals no number")),
        (
            "'f81d4fae-' || party",
            Some("participants.event_id holds no whole numbers; fanmail needs keys that are"),
        ),
        ("CAST(trim(party) AS INTEGER)", None),
        ("words", None),
        ("1.0 * party", None),
        ("NULL", None),
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
        let found = page(&store, 0, 9, 9).len();
        assert_eq!(found > 0, refusal.is_none() && event_id != "NULL", "{event_id}: {found}");
    }
}
