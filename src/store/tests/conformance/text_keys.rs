//! Participants whose keys are text: every one of them is on a page, whatever the database holds for equal.

use super::*;
use crate::store::source::keys::ParticipantKeys;

/// Keys that some collation holds for equal, or that are odd.
pub const ODD_KEYS: [&str; 18] = [
    "",
    " ",
    "A",
    "B",
    "Z",
    "a",
    "a ",
    "a  ",
    "aa",
    "ab",
    "b",
    "e",
    "é",
    "ß",
    "ss",
    "' OR 1 = 1",
    "🎉",
    "🎈",
];

/// Participants with keys of this type instead of whole numbers; one for each of these values.
pub fn key_type(store: &Store, column: &str, values: &[String]) {
    execute(
        store,
        &format!(
            "DROP TABLE participants;
             CREATE TABLE participants (id {column}, event_id BIGINT, email VARCHAR(99), name TEXT, locale TEXT);
             CREATE INDEX participants_by_event ON participants (event_id, id)"
        ),
    );
    // The statements that are prepared know other columns.
    drop(store.check_schema());
    drop(store.has_people_without_key(EVENT));
    store.check_schema().unwrap();
    join(store, values);
}

/// Adds participants with these keys, as the database writes them.
pub fn join(store: &Store, values: &[String]) {
    for (n, value) in values.iter().enumerate() {
        execute(
            store,
            &format!(
                "INSERT INTO participants (id, event_id, email, name) VALUES ({value}, 7, 'p{n}@example.com', '')"
            ),
        );
    }
}

/// Texts as the database writes them.
pub fn quoted(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| format!("'{}'", key.replace('\'', "''"))).collect()
}

/// The keys on all pages of so many people, in their order.
pub fn paged(store: &Store, limit: u32) -> Vec<String> {
    let key = store.text_key(EVENT).unwrap();
    let mut keys: Vec<String> = Vec::new();
    for _ in 0..100 {
        let page = store.read_keyed_page(key, EVENT, keys.last().map(String::as_str), limit).unwrap();
        assert!(page.is_last || !page.people.is_empty(), "{page:?}");
        keys.extend(page.people.into_iter().map(|person| person.key));
        if page.is_last {
            return keys;
        }
    }
    panic!("no end: {keys:?}");
}

/// Each of these keys is on one page, whatever the size of pages, and is found again.
pub fn are_all_paged(store: &Store, expected: &[&str]) {
    let mut expected: Vec<&str> = expected.to_vec();
    expected.sort_unstable();
    for limit in 1..=u32::try_from(expected.len()).unwrap() + 1 {
        let mut keys = paged(store, limit);
        keys.sort_unstable();
        assert_eq!(keys, expected, "in pages of {limit}");
    }
    let key = store.text_key(EVENT).unwrap();
    let listed: Vec<_> = (1..).map(ParticipantId).zip(expected.iter().map(|key| (*key).to_owned())).collect();
    assert_eq!(store.find_keyed(EVENT, &listed).unwrap().len(), expected.len());
    let notification = open(store);
    assert_eq!(notification.audience, Audience::Recipients { id: EVENT });
    let mut unlisted = store.find_unlisted_keys(key, notification.id, EVENT, 100).unwrap();
    unlisted.sort_unstable();
    assert_eq!(unlisted, expected);
}

pub fn every_text_is_a_key(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&ODD_KEYS));
    are_all_paged(store, &ODD_KEYS);
}

pub fn a_doubled_key_is_one_key(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["a", "b", "b", "b", "B", "c", "c", "d", "a"]));
    are_all_paged(store, &["B", "a", "b", "c", "d"]);
}

pub fn rows_without_a_key_are_told_and_hold_up_nobody(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["a", "b"]));
    assert!(!store.has_people_without_key(EVENT).unwrap());
    join(store, &["NULL".to_owned(), "NULL".to_owned(), "'c'".to_owned()]);
    assert!(store.has_people_without_key(EVENT).unwrap());
    assert!(!store.has_people_without_key(OTHER_EVENT).unwrap());
    are_all_paged(store, &["a", "b", "c"]);
}

pub fn a_key_that_cannot_be_listed_is_refused_without_being_shown(store: &Store) {
    key_type(store, "VARCHAR(300)", &[format!("'{}'", "ü".repeat(255)), format!("'{}'", "y".repeat(256))]);
    let key = store.text_key(EVENT).unwrap();
    let error = store.read_keyed_page(key, EVENT, None, 9).unwrap_err();
    let error = error.to_string();
    let words =
        "a key of a participant of event 7 (participants.id) has 256 characters, and 255 are the most that";
    assert!(error.contains(words) && !error.contains("yy"), "{error}");
    execute(store, "DELETE FROM participants WHERE id LIKE 'y%'");
    are_all_paged(store, &["ü".repeat(255).as_str()]);
}

pub fn people_of_other_events_are_on_no_page(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["a", "b"]));
    execute(store, "INSERT INTO participants (id, event_id) VALUES ('a', 8), ('aa', 8)");
    are_all_paged(store, &["a", "b"]);
    let found = store.find_keyed(EVENT, &[(ParticipantId(1), "aa".to_owned())]).unwrap();
    assert!(found.is_empty(), "{found:?}");
}

pub fn whole_numbers_are_no_text(store: &Store) {
    add_people(store, EVENT, 1);
    assert_eq!(open(store).audience, participants_up_to(1));
    let keys = store.participant_keys().unwrap();
    assert!(!matches!(keys, ParticipantKeys::Texts(_)), "{keys:?}");
}
