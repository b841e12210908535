//! Which events start in a range of time.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::*;
use crate::store::source::starting::StartingEvent;
use crate::store::source::starting::parts::{EventPart, Halves};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn range(from: &str, to: &str) -> Range<DateTime<Utc>> {
    at(from)..at(to)
}

/// The number of each event with its start.
pub fn starting(store: &Store, range: &Range<DateTime<Utc>>) -> Vec<(i64, String)> {
    let found = store.find_starting(range).unwrap();
    let shown = |StartingEvent { starts_at, event_id }: StartingEvent| {
        (event_id.number().unwrap(), starts_at.to_rfc3339())
    };
    found.into_iter().map(shown).collect()
}

pub fn events_that_start_in_a_range_are_found_in_order(store: &Store) {
    execute(
        store,
        "INSERT INTO events (id, title, starts_at) VALUES
            (1, 'a', '2026-11-21 08:59:59'), (2, 'b', '2026-11-21 09:30:00'), (3, 'c', '2026-11-21 09:00:00'),
            (4, 'd', '2026-11-21 10:00:00'), (5, 'e', NULL), (6, 'f', '2025-11-21 09:00:00'),
            (7, 'g', '2027-11-21 09:00:00'), (8, 'h', '2026-11-21 09:00:00')",
    );
    let found = starting(store, &range("2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"));
    let expected = [(3, "09:00:00"), (8, "09:00:00"), (2, "09:30:00")]
        .map(|(id, time)| (id, format!("2026-11-21T{time}+00:00")));
    assert_eq!(found, expected);
    assert_eq!(starting(store, &range("2026-11-21T10:00:01Z", "2027-11-21T09:00:00Z")), []);
    assert_eq!(store.count_odd_starts().unwrap(), None);
}

/// A view that has the start as `expression` of the column `value`, which is a text.
fn view(store: &Store, expression: &str, values: &[(&str, &str)]) {
    execute(
        store,
        "CREATE TABLE calendar (id INTEGER, zone VARCHAR(50), value VARCHAR(50)); DROP TABLE events",
    );
    for (id, (value, zone)) in (1..).zip(values) {
        execute(store, &format!("INSERT INTO calendar VALUES ({id}, '{zone}', '{value}')"));
    }
    execute(
        store,
        &format!(
            "CREATE VIEW events AS SELECT id, 'Ball' AS title, NULL AS description, NULL AS location,
                {expression} AS starts_at, NULL AS ends_at, zone AS timezone, NULL AS url, NULL AS updated_at FROM calendar"
        ),
    );
}

pub fn starts_that_are_text_are_found_by_their_day(store: &Store) {
    view(
        store,
        "value",
        &[
            ("2026-11-21T09:00:00Z", ""),
            ("2026-11-21 10:00:00+01:00", ""),
            ("2026-11-22T00:30:00+14:00", ""),
            ("2026-11-20 19:30:00-14:00", ""),
            ("2026-11-21", "Europe/Berlin"),
            ("2026-11-21 09:00 PM", ""),
            ("Sat, 21 Nov 2026 09:00:00 GMT", ""),
            ("2026-11-21 12:00:00", ""),
        ],
    );
    let ids = |range: &Range<DateTime<Utc>>| -> Vec<i64> {
        starting(store, range).into_iter().map(|(id, _)| id).collect()
    };
    assert_eq!(ids(&range("2026-11-21T09:00:00Z", "2026-11-21T11:00:00Z")), [1, 2, 4, 3]);
    assert_eq!(ids(&range("2026-11-21T09:30:00Z", "2026-11-21T10:31:00Z")), [4, 3]);
    assert_eq!(ids(&range("2026-11-20T23:00:00Z", "2026-11-20T23:00:01Z")), [5]);
    let odd = store.count_odd_starts().unwrap().unwrap();
    assert_eq!((odd.events, odd.example.as_str()), (1, "7"));
}

pub fn an_event_is_found_once_for_each_start(store: &Store) {
    view(
        store,
        "value",
        &[("2026-11-21 09:00:00", ""), ("2026-11-21 09:00:00", ""), ("2026-11-21 09:30:00", "")],
    );
    execute(store, "UPDATE calendar SET id = 1");
    let found = starting(store, &range("2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z"));
    assert_eq!(found.len(), 2, "{found:?}");
}

/// The events that start in the range and can be read, and the keys of those that cannot.
fn read_in_halves(store: &Store, range: &Range<DateTime<Utc>>) -> (Vec<i64>, Vec<String>) {
    let (mut parts, mut found, mut alone) = (vec![EventPart::default()], Vec::new(), Vec::new());
    while let Some(part) = parts.pop() {
        match store.find_starting_in(&part, range) {
            Ok(starting) => found.extend(starting.iter().map(|event| event.event_id.number().unwrap())),
            Err(error) => {
                assert!(error.is_unreadable(), "{error}");
                match store.halve_events(&part).unwrap() {
                    Halves::Two(halves) => parts.extend(halves),
                    Halves::One(key) => alone.push(key),
                }
            }
        }
    }
    found.sort_unstable();
    alone.sort_unstable();
    (found, alone)
}

pub fn only_events_that_cannot_be_read_are_left_out(store: &Store) {
    let failing = if store.version().unwrap().starts_with("SQLite") {
        "abs(-9223372036854775807 - 1)"
    } else {
        "(SELECT value FROM calendar others)"
    };
    let starts_at = format!("CASE WHEN id IN (3, 8) THEN {failing} ELSE value END");
    view(store, &starts_at, &[("2026-11-21 09:00:00", ""); 9]);
    let range = range("2026-11-21T09:00:00Z", "2026-11-21T10:00:00Z");
    assert!(store.find_starting(&range).unwrap_err().is_unreadable());
    assert_eq!(
        read_in_halves(store, &range),
        (vec![1, 2, 4, 5, 6, 7, 9], vec!["3".to_owned(), "8".to_owned()])
    );
    // A key that is no key.
    execute(store, "UPDATE calendar SET id = NULL WHERE id IN (3, 8)");
    assert_eq!(store.find_starting(&range).unwrap().len(), 7);
}
