//! Users who are looked up by their ids, whatever type these have.

use super::*;
use crate::domain::user::{SeveralAddresses, User};
use crate::store::source::users::FoundUsers;

const UUID: &str = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
const OTHER_UUID: &str = "0190f5d8-3c10-7e3a-9c55-2f3d1c0b7a11";

/// A table of users whose ids have this type; one for each of these values.
pub fn make_users(store: &Store, column: &str, ids: &[&str]) {
    execute(
        store,
        &format!(
            "DROP TABLE IF EXISTS users;
             CREATE TABLE users (id {column}, email VARCHAR(99), name VARCHAR(99), locale VARCHAR(99));
             CREATE INDEX users_by_id ON users (id)"
        ),
    );
    for (n, id) in ids.iter().enumerate() {
        execute(store, &format!("INSERT INTO users (id, email) VALUES ('{id}', 'u{n}@example.com')"));
    }
}

fn find(store: &Store, ids: &[&str]) -> FoundUsers {
    store.find_users(ids).unwrap()
}

/// The ids of those that were found, with their addresses, in order.
pub fn found(store: &Store, ids: &[&str]) -> Vec<(String, String)> {
    let users = find(store, ids).into_iter();
    let mut found: Vec<_> = users.map(|(id, user)| (id, user.unwrap().email.unwrap())).collect();
    found.sort_unstable();
    found
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(id, email)| ((*id).to_owned(), (*email).to_owned())).collect()
}

/// Ids that no column of numbers or of UUIDs can hold.
const ODD_IDS: [&str; 12] = [
    "",
    " ",
    "abc",
    "007",
    "+7",
    " 7",
    "7.0",
    "7abc",
    "9223372036854775808",
    "' OR 1 = 1",
    "\u{1f389}\0",
    "\u{1f389}",
];

pub fn users_are_found_by_numbers(store: &Store) {
    for column in ["BIGINT", "INTEGER", "SMALLINT"] {
        make_users(store, column, &["7", "-8", "0"]);
        let mut asked = vec!["7", "7", "-8", "70000", "9223372036854775807", UUID];
        asked.extend(ODD_IDS);
        let wanted = pairs(&[("-8", "u1@example.com"), ("7", "u0@example.com")]);
        assert_eq!(found(store, &asked), wanted, "{column}");
        assert_eq!(find(store, &ODD_IDS), FoundUsers::new(), "{column}");
    }
    assert_eq!(find(store, &[]), FoundUsers::new());
}

pub fn users_are_found_by_texts_byte_by_byte(store: &Store) {
    let ids = ["a", "A", "b", "\u{e9}", "7", "a b", UUID, "9223372036854775808"];
    make_users(store, "VARCHAR(99)", &ids);
    let wanted: Vec<_> = ids.iter().enumerate().map(|(n, id)| (*id, format!("u{n}@example.com"))).collect();
    let mut wanted: Vec<_> = wanted.iter().map(|(id, email)| (*id, email.as_str())).collect();
    wanted.sort_unstable();
    let mut asked = ids.to_vec();
    asked.extend(["a ", "B", "e", "e\u{301}", "07", "\u{1f389}\0", "\u{1f389}", "' OR 1 = 1"]);
    assert_eq!(found(store, &asked), pairs(&wanted));
    assert_eq!(found(store, &["B"]), pairs(&[]));

    make_users(store, "CHAR(36)", &[UUID, &OTHER_UUID.to_uppercase(), "a"]);
    let asked = [UUID, &UUID.to_uppercase(), OTHER_UUID, &OTHER_UUID.to_uppercase(), "a", "a "];
    let capitals = OTHER_UUID.to_uppercase();
    let wanted = [(capitals.as_str(), "u1@example.com"), ("a", "u2@example.com"), (UUID, "u0@example.com")];
    assert_eq!(found(store, &asked), pairs(&wanted));

    let [bare, other] = [UUID, OTHER_UUID].map(|uuid| uuid.replace('-', ""));
    make_users(store, "CHAR(32)", &[&bare, &other, "a"]);
    store.find_users(&["none"]).unwrap();
    let asked = [UUID, &capitals, &bare, "a", "A"];
    let wanted = [(capitals.as_str(), "u1@example.com"), ("a", "u2@example.com"), (UUID, "u0@example.com")];
    let mut wanted = [&wanted[..], &[(&bare, "u0@example.com")]].concat();
    wanted.sort_unstable();
    assert_eq!(found(store, &asked), pairs(&wanted));
}

/// The type is called UUID on both servers.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub fn users_are_found_by_uuids(store: &Store) {
    make_users(store, "UUID", &[UUID, &OTHER_UUID.to_uppercase()]);
    let (capitals, bare) = (UUID.to_uppercase(), OTHER_UUID.replace('-', ""));
    let mut asked = vec![UUID, &capitals, &bare, "00000000-0000-0000-0000-000000000000", "7"];
    asked.extend(ODD_IDS);
    let wanted =
        [(bare.as_str(), "u1@example.com"), (capitals.as_str(), "u0@example.com"), (UUID, "u0@example.com")];
    assert_eq!(found(store, &asked), pairs(&wanted));
    assert_eq!(find(store, &ODD_IDS), FoundUsers::new());
}

pub fn a_user_is_read_as_a_participant_is(store: &Store) {
    make_users(store, "BIGINT", &[]);
    execute(
        store,
        "INSERT INTO users (id, email, name, locale) VALUES (1, ' jo@example.com ', ' Jo ', 'de-CH'),
            (2, NULL, NULL, NULL), (3, '  ', ' ', ' '), (NULL, 'nobody@example.com', NULL, NULL)",
    );
    let users = find(store, &["1", "2", "3", "4"]);
    let user = |email: Option<&str>, name: &str, locale: Option<&str>| User {
        email: email.map(str::to_owned),
        name: name.to_owned(),
        locale: locale.map(str::to_owned),
        timezone: None,
    };
    assert_eq!(users["1"], Ok(user(Some("jo@example.com"), "Jo", Some("de-CH"))));
    assert_eq!(
        (users["2"].as_ref(), users["3"].as_ref()),
        (Ok(&user(None, "", None)), Ok(&user(None, "", None)))
    );
    assert_eq!(users.len(), 3);
    let participant = users["1"].clone().unwrap().numbered(ParticipantId(5), "1");
    assert_eq!((participant.id, participant.key.as_deref()), (ParticipantId(5), Some("1")));
    // A column that they need not have is found when the table is looked at again.
    execute(store, "ALTER TABLE users ADD COLUMN timezone VARCHAR(99)");
    execute(store, "UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 1");
    drop(store.find_users(&["5"]));
    let zone = |id| find(store, &[id])[id].clone().unwrap().timezone;
    assert_eq!([zone("1"), zone("2")], [Some("Asia/Tokyo".to_owned()), None]);

    execute(store, "DROP TABLE users");
    execute(store, "CREATE TABLE users (id INTEGER, email INTEGER, name INTEGER, locale INTEGER)");
    execute(store, "INSERT INTO users VALUES (1, 305, 101, NULL)");
    assert_eq!(find(store, &["1"])["1"], Ok(user(Some("305"), "101", None)));
}

pub fn rows_with_one_id_are_one_user_unless_their_addresses_differ(store: &Store) {
    make_users(store, "BIGINT", &[]);
    execute(
        store,
        "INSERT INTO users (id, email, name) VALUES (1, 'a@example.com', 'B'), (1, ' a@EXAMPLE.com', 'A'),
            (1, NULL, '0'), (2, 'a@example.com', ''), (2, 'b@example.com', ''), (2, 'a@example.com', ''),
            (3, 'c@example.com', '')",
    );
    let users = find(store, &["1", "2", "3"]);
    let emails = ["1", "2", "3"].map(|id| users[id].clone().map(|user| user.email.unwrap()));
    let [one, several, other] = emails;
    assert_eq!(one.unwrap().to_lowercase(), "a@example.com");
    assert_eq!(several, Err(SeveralAddresses));
    assert_eq!(other.as_deref(), Ok("c@example.com"));
}

pub fn what_is_missing_in_users_is_named_until_it_is_there(store: &Store) {
    assert!(!store.check_users().unwrap());
    let error = store.find_users(&["7"]).unwrap_err();
    let needed = "notices to user ids need a table or view users(id, email, name, locale)";
    assert!(error.is_unreadable() && !error.is_transient(), "{error}");
    assert!(error.to_string().contains("users") && error.reason().contains(needed), "{error}");
    store.check_schema().unwrap();

    execute(store, "CREATE TABLE users (id BIGINT, mail VARCHAR(99), name VARCHAR(99))");
    let errors = [store.find_users(&["7"]).unwrap_err(), store.check_users().unwrap_err()];
    for error in errors {
        assert!(error.is_unreadable() && error.reason().contains(needed), "{error}");
        assert!(error.to_string().contains("it has no columns email, locale;"), "{error}");
    }
    store.check_schema().unwrap();

    make_users(store, "BIGINT", &["7"]);
    assert!(store.check_users().unwrap());
    assert_eq!(found(store, &["7"]), pairs(&[("7", "u0@example.com")]));
    // Another type, while the old one is remembered.
    make_users(store, "VARCHAR(99)", &["7", "ab"]);
    assert_eq!(found(store, &["7", "ab"]).len(), 2);
}

pub fn thousands_of_users_are_found(store: &Store) {
    let ids: Vec<String> = (1..=2500).map(|id| id.to_string()).collect();
    make_users(store, "VARCHAR(99)", &[]);
    let values: Vec<String> = ids.iter().map(|id| format!("('{id}', 'u{id}@example.com')")).collect();
    execute(store, &format!("INSERT INTO users (id, email) VALUES {}", values.join(", ")));
    let asked: Vec<&str> = ids.iter().map(String::as_str).collect();
    let users = find(store, &asked);
    assert_eq!(users.len(), 2500);
    assert_eq!(users["2500"].as_ref().unwrap().email.as_deref(), Some("u2500@example.com"));
}
