//! The rows that `fanmail check` looks at.

use super::*;
use crate::store::source::sample::{DoubledKeys, ParticipantSample, SomeKeys, TextKeys};

/// Puts a view over the participants, with these expressions and this end.
fn view(store: &Store, name: &str, rest: &str) {
    execute(store, "ALTER TABLE participants RENAME TO people");
    let columns = format!("id, event_id, email, {name} AS name, locale");
    let rest = rest.replace("SELECT *", "SELECT id, event_id, email, name, locale");
    execute(store, &format!("CREATE VIEW participants AS SELECT {columns} FROM people {rest}"));
}

fn ids(sample: &ParticipantSample) -> Vec<i64> {
    sample.readable.iter().map(|person| person.id.0).collect()
}

pub fn the_newest_events_and_their_first_participants_are_looked_at(store: &Store) {
    assert_eq!((store.newest_events(3).unwrap(), store.has_participants().unwrap()), (vec![], false));
    execute(store, "INSERT INTO events (id, title) VALUES (-1, ''), (7, ''), (8, ''), (9, '')");
    add_people(store, EVENT, 5);
    add_people(store, OTHER_EVENT, 1);
    assert_eq!(store.newest_events(3).unwrap(), [9, 8, 7].map(EventId::Number));
    let sample = store.sample_participants(EVENT, 3).unwrap();
    assert_eq!((ids(&sample), sample.unreadable, sample.example), (vec![1, 2, 3], 0, None));
    assert_eq!(ids(&store.sample_participants(OTHER_EVENT, 3).unwrap()), [6]);
    assert_eq!(ids(&store.sample_participants(EventId::Number(9), 3).unwrap()), [0; 0]);
    assert_eq!(store.find_doubled_keys(EVENT).unwrap(), None);
    assert!(store.has_participants().unwrap());
    assert_eq!(store.find_unreadable_times(EVENT).unwrap(), [""; 0]);
}

/// A view may repeat each event for each of its participants.
pub fn an_event_is_one_row(store: &Store) {
    execute(
        store,
        "INSERT INTO events (id, title) VALUES (7, 'Ball'), (8, 'Talk');
         ALTER TABLE events RENAME TO all_events",
    );
    let columns = "description, location, starts_at, ends_at, timezone, url, updated_at";
    let view = |title: &str| {
        execute(store, "DROP VIEW IF EXISTS events");
        execute(
            store,
            &format!(
                "CREATE VIEW events AS SELECT all_events.id, {title} AS title, {columns} FROM all_events
                 JOIN (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3) AS n ON 1 = 1"
            ),
        );
        // The statements that are prepared know another view.
        drop(store.find_event(EVENT));
    };
    view("title");
    assert_eq!(store.newest_events(4).unwrap(), [OTHER_EVENT, EVENT]);
    assert_eq!(store.newest_events(1).unwrap(), [OTHER_EVENT]);
    assert_eq!(store.count_event_rows(EVENT).unwrap(), 3);
    assert_eq!(store.count_event_rows(EventId::Number(9)).unwrap(), 0);
    assert_eq!(store.find_event(EVENT).unwrap().unwrap().title, "Ball");
    view("CASE WHEN n > 2 AND all_events.id = 7 THEN 'Dance' ELSE title END");
    let error = store.find_event(EVENT).unwrap_err();
    assert!(error.is_unreadable(), "{error}");
    let told = "event 7 has 3 rows in events, which differ in title; an event needs one row: in a view, make one row";
    assert!(error.to_string().contains(told), "{error}");
    assert_eq!(store.find_event(OTHER_EVENT).unwrap().unwrap().title, "Talk");
}

pub fn doubled_keys_are_found_in_the_whole_event(store: &Store) {
    add_people(store, EVENT, 9);
    add_people(store, OTHER_EVENT, 9);
    let others = "SELECT id, event_id, CASE WHEN id = 8 THEN 'x@y.org' ELSE replace(email, 'e.com', 'E.COM') END, name, locale";
    view(store, "name", &format!("UNION ALL {others} FROM people WHERE id IN (4, 8, 12)"));
    let keys = |count, first: i64| SomeKeys { count, first: first.to_string() };
    let doubled = |all, differing| Some(DoubledKeys { all, differing });
    assert_eq!(store.find_doubled_keys(EVENT).unwrap(), doubled(keys(2, 4), Some(keys(1, 8))));
    assert_eq!(store.find_doubled_keys(OTHER_EVENT).unwrap(), doubled(keys(1, 12), None));
    assert_eq!(ids(&store.sample_participants(EVENT, 6).unwrap()), [1, 2, 3, 4, 4, 5]);
}

pub fn a_row_that_cannot_be_read_does_not_hide_the_others(store: &Store) {
    add_people(store, EVENT, 4);
    // An error when this row is read: a number that is too large, or more than one row where one is expected.
    let failing = if store.version().unwrap().starts_with("SQLite") {
        "abs(-9223372036854775807 - 1)"
    } else {
        "(SELECT others.name FROM people others WHERE others.event_id = people.event_id)"
    };
    view(store, &format!("CASE WHEN id = 2 THEN {failing} ELSE name END"), "");
    let sample = store.sample_participants(EVENT, 3).unwrap();
    assert_eq!((ids(&sample), sample.unreadable), (vec![1, 3], 1));
    let (id, cause) = sample.example.unwrap();
    assert!(id == ParticipantId(2) && (cause.contains("overflow") || cause.contains("more than")), "{cause}");
}

pub fn a_sample_of_people_whose_keys_are_text_is_numbered(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["b", "a", "B", "c", "b"]));
    assert!(store.has_participants().unwrap() && store.has_text_keys(None).unwrap());
    let sample = store.sample_participants(EVENT, 3).unwrap();
    assert_eq!((ids(&sample), sample.lacks_keys), (vec![1, 2, 3], false));
    let TextKeys { name, keys } = sample.text_keys.unwrap();
    assert_eq!((name, keys.len(), keys.contains(&"a".to_owned())), ("text", 3, true));
    assert_eq!(sample.unreadable, 0);
    let b = SomeKeys { count: 1, first: "b".to_owned() };
    let doubled = DoubledKeys { all: b.clone(), differing: Some(b.clone()) };
    assert_eq!(store.find_doubled_keys(EVENT).unwrap(), Some(doubled));
    execute(store, "UPDATE participants SET email = 'a@b.org'");
    assert_eq!(store.find_doubled_keys(EVENT).unwrap(), Some(DoubledKeys { all: b, differing: None }));
    join(store, &["NULL".to_owned()]);
    assert!(store.sample_participants(EVENT, 3).unwrap().lacks_keys);
}
