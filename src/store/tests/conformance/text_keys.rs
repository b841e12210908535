//! Participants whose keys are text: every one of them is on a page, whatever the database holds for equal.

use super::*;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::source::doubled::DoubledRows;
use crate::store::source::keyed_pages::{KeyPosition, KeyedPage};
use crate::store::source::keys::ParticipantKeys;
use crate::store::tests::consumer::*;

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
    let (mut keys, mut position): (Vec<String>, _) = (Vec::new(), KeyPosition::default());
    for _ in 0..100 {
        let page = store.read_keyed_page(key, EVENT, &position, limit).unwrap();
        let alone = store.read_page_keys(key, EVENT, &position, limit).unwrap();
        // Those that the database holds for equal come in any order.
        let keys_of = |page: &KeyedPage| {
            let mut keys: Vec<String> = page.people.iter().map(|one| one.key.clone()).collect();
            keys.sort_unstable();
            keys
        };
        assert_eq!(keys_of(&alone), keys_of(&page), "the keys alone are the same");
        assert_eq!(alone.is_last, page.is_last);
        assert!(page.is_last || !page.people.is_empty() || page.unlistable.is_some(), "{page:?}");
        keys.extend(keys_of(&page));
        position = if keys.len().is_multiple_of(2) { page.end } else { alone.end };
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
    let mut unlisted = store.find_unlisted_keys(key, notification.id, EVENT, 100).unwrap().keys;
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

pub fn a_key_of_rows_that_differ_is_found(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["a", "b", "b", "B", "c", "c", "d"]));
    let key = store.text_key(EVENT).unwrap();
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = me.receive_new();
    let new =
        NewRecipients { lease, after: ParticipantId(0), keys: &["a", "b", "B", "c", "d"], listing: None };
    assert_eq!(store.append_recipients(&new).unwrap(), Appended::Done);
    let find = |rows| {
        let found = store.find_doubled_recipients(key, notification.id, EVENT, rows);
        found.map(|found| found.map(|ids| ids.into_iter().map(|id| id.0).collect::<Vec<_>>()))
    };
    let doubled = || find(DoubledRows::WithAddresses).unwrap();
    execute(store, "UPDATE participants SET name = substr(email, 1, 2)");
    let set = |name: &str, email: &str| {
        execute(store, &format!("UPDATE participants SET email = {email} WHERE name = '{name}'"));
    };
    assert_eq!(doubled(), Some(vec![2, 4]));
    set("p5", "' p4@EXAMPLE.com '");
    assert_eq!(doubled(), Some(vec![2]), "the rows of `c` have one address");
    for other in ["P2@example.com", "pé@example.com", "p2@example.com.au"] {
        set("p1", &format!("'{other}'"));
        assert_eq!(doubled(), Some(vec![2]), "p2@example.com and {other}");
    }
    for same in ["'p2@example.com'", "'p2@Example.COM'", "NULL", "' '"] {
        set("p1", same);
        assert_eq!(doubled(), None, "p2@example.com and {same}");
    }
    set("p1", "'p1@example.com'");
    break_participants(store, "name", "name = 'p0'");
    settle_view(store);
    assert_eq!(doubled(), Some(vec![2]), "names do not matter");
    mend_participants(store);
    break_participants(store, "email", "name = 'p0'");
    settle_view(store);
    assert!(find(DoubledRows::WithAddresses).unwrap_err().is_unreadable());
    assert_eq!(find(DoubledRows::Any).unwrap(), Some(vec![2, 4]));
}

/// Lets the pool notice that the table is a view now.
fn settle_view(store: &Store) {
    drop(store.check_schema());
    drop(store.has_people_without_key(EVENT));
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
    let page = store.read_keyed_page(key, EVENT, &KeyPosition::default(), 9).unwrap();
    let keys: Vec<&str> = page.people.iter().map(|person| person.key.as_str()).collect();
    assert_eq!(keys, ["ü".repeat(255).as_str()]);
    let words =
        "a key of a participant of event 7 (participants.id) has 256 characters, and 255 are the most that";
    let notification = open(store);
    let unlisted = store.find_unlisted_keys(key, notification.id, EVENT, 9).unwrap();
    assert_eq!((unlisted.keys, unlisted.unlistable), (vec!["ü".repeat(255)], 1));
    let sample = store.sample_participants(EVENT, 9).unwrap_err().to_string();
    for why in [page.unlistable.unwrap(), unlisted.why.unwrap(), sample] {
        assert!(why.contains(words) && !why.contains("yy"), "{why}");
    }
    execute(store, "DELETE FROM participants WHERE id LIKE 'y%'");
    are_all_paged(store, &["ü".repeat(255).as_str()]);
}

pub fn keys_that_cannot_be_listed_hide_no_others(store: &Store) {
    let long: Vec<String> = ["a", "b", "y"].map(|first| first.to_owned() + &"x".repeat(280)).to_vec();
    let keys: Vec<&str> = ["a", "A", "b", "z"].into_iter().chain(long.iter().map(String::as_str)).collect();
    key_type(store, "VARCHAR(300)", &quoted(&keys));
    let mut listable = vec!["A", "a", "b", "z"];
    for round in ["long", "with NUL"] {
        if round == "with NUL" {
            if store.version().unwrap().starts_with("PostgreSQL") {
                break;
            }
            let nul = if store.version().unwrap().starts_with("SQLite") {
                "'b' || char(0)"
            } else {
                "concat('b', char(0))"
            };
            join(store, &[nul.to_owned(), "'ba'".to_owned()]);
            listable.push("ba");
            listable.sort_unstable();
        }
        for limit in 1..=8 {
            let mut paged = paged(store, limit);
            paged.sort_unstable();
            assert_eq!(paged, listable, "{round}: in pages of {limit}");
        }
    }
}

/// Each of these is equal to the others for many collations.
pub fn a_row_that_cannot_be_read_keeps_its_key_and_hides_no_equal_one(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["a", "A", "a ", "b"]));
    break_participants(store, "name", "email = 'p1@example.com'");
    let key = store.text_key(EVENT).unwrap();
    let start = KeyPosition::default();
    assert!(store.read_keyed_page(key, EVENT, &start, 9).unwrap_err().is_unreadable());
    let mut keys: Vec<String> = Vec::new();
    let mut position = start;
    loop {
        let page = store.read_page_keys(key, EVENT, &position, 1).unwrap();
        keys.extend(page.people.into_iter().map(|person| person.key));
        position = page.end;
        if page.is_last {
            break;
        }
    }
    keys.sort_unstable();
    assert_eq!(keys, ["A", "a", "a ", "b"]);
    for (number, key) in (1..).zip(["a", "A", "a ", "b"]) {
        let found = store.find_keyed(EVENT, &[(ParticipantId(number), key.to_owned())]);
        match found {
            Ok(found) => {
                assert!(key != "A" && found.len() == 1 && found[0].id.0 == number, "{key}: {found:?}");
            }
            Err(error) => assert!(key == "A" && error.is_unreadable(), "{key}: {error}"),
        }
    }
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
