//! What reading pages costs with keys that are UUIDs, against keys that are whole numbers.

use std::time::Instant;

use super::*;
use crate::domain::audience::Listing;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::source::keyed_pages::KeyPosition;

const PEOPLE: u32 = 100_000;
const PAGE: u32 = 100;

fn postgres_with(column: &str, key: &str) -> Store {
    let ((), store) = postgres();
    key_type(&store, column, &[]);
    execute(
        &store,
        &format!(
            "INSERT INTO participants (id, event_id, email, name)
                SELECT {key}, {EVENT}, 'p' || n || '@example.com', 'Person ' || n FROM generate_series(1, {PEOPLE}) n;
             ANALYZE participants"
        ),
    );
    store
}

/// Reads all pages of whole numbers.
fn read_numbers(store: &Store) -> u32 {
    let Audience::Event { up_to, .. } = open(store).audience else { panic!() };
    let (mut after, mut people) = (None, 0);
    loop {
        let page = store.read_page(EVENT, after, up_to, PAGE).unwrap();
        people += u32::try_from(page.len()).unwrap();
        after = page.last().map(|person| person.id);
        if page.len() < PAGE as usize {
            return people;
        }
    }
}

/// Reads all pages of UUIDs, and lists them if a notification is given.
fn read_uuids(store: &Store, notification: Option<&Notification>) -> u32 {
    let key = store.text_key(EVENT).unwrap();
    let (mut after, mut position) = (0, KeyPosition::default());
    loop {
        let page = store.read_keyed_page(key, EVENT, &position, 10 * PAGE).unwrap();
        if let Some(notification) = notification {
            let keys: Vec<&str> = page.people.iter().map(|person| person.key.as_str()).collect();
            let listing = page.is_last.then_some(Listing::ReadOnce);
            let (lease, after) = (first_lease(notification.id), ParticipantId(after));
            let new = NewRecipients { lease, after, keys: &keys, listing };
            assert_eq!(store.append_recipients(&new).unwrap(), Appended::Done);
        }
        after += i64::try_from(page.people.len()).unwrap();
        position = page.end;
        if page.is_last {
            return u32::try_from(after).unwrap();
        }
    }
}

fn seconds(read: impl Fn() -> u32) -> f64 {
    let started = Instant::now();
    assert_eq!(read(), PEOPLE);
    started.elapsed().as_secs_f64()
}

/// Holds the elapsed time of reading only to the limit: listing, which every page of UUIDs needs as well, is printed beside it.
/// `cargo test --release --all-features --lib reading_uuids -- --ignored --nocapture`
#[test]
#[ignore = "measures reading without listing, for docs/performance.md"]
fn reading_uuids_costs_at_most_half_as_much_again_as_reading_numbers() {
    let numbers = postgres_with("BIGINT", "n");
    let uuids = postgres_with("uuid", "gen_random_uuid()");
    let mut best = [f64::MAX; 3];
    for _ in 0..7 {
        let notification = open(&uuids);
        let costs = [
            seconds(|| read_numbers(&numbers)),
            seconds(|| read_uuids(&uuids, None)),
            seconds(|| read_uuids(&uuids, Some(&notification))),
        ];
        println!("numbers, UUIDs, UUIDs listed: {costs:.3?} s");
        best = [0, 1, 2].map(|n: usize| best[n].min(costs[n]));
    }
    println!(
        "reading UUIDs {:.2} times, reading and listing them {:.2} times",
        best[1] / best[0],
        best[2] / best[0]
    );
    assert!(best[1] <= 1.5 * best[0]);
}

/// Without the index, the server would read everyone for each page.
#[test]
fn a_page_of_uuids_is_read_along_the_index() {
    let ((), store) = postgres();
    key_type(&store, "uuid", &[]);
    execute(
        &store,
        "ALTER TABLE participants SET (autovacuum_enabled = off);
         INSERT INTO participants (id, event_id) SELECT gen_random_uuid(), 7 FROM generate_series(1, 5000);
         ANALYZE participants",
    );
    let before = rows_read(&store);
    let key = store.text_key(EVENT).unwrap();
    let mut position = KeyPosition::default();
    for _ in 0..20 {
        position = store.read_keyed_page(key, EVENT, &position, 100).unwrap().end;
    }
    let read = rows_read(&store) - before;
    assert!((2000..=2100).contains(&read), "{read} rows");
}

/// Otherwise each page would cost as much as the lists of all notifications are long.
#[test]
fn a_page_is_listed_without_reading_other_lists() {
    let ((), store) = postgres();
    key_type(&store, "uuid", &[]);
    execute(
        &store,
        "ALTER TABLE recipients SET (autovacuum_enabled = off);
         INSERT INTO recipients (notification_id, id, user_key) SELECT 9, n, n FROM generate_series(1, 20000) n;
         ANALYZE recipients",
    );
    let notification = open(&store);
    let keys: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let before = rows_read(&store);
    for after in (0..1000).step_by(100).map(ParticipantId) {
        let new = NewRecipients { lease: first_lease(notification.id), after, keys: &keys, listing: None };
        assert_eq!(store.append_recipients(&new).unwrap(), Appended::Done);
    }
    let read = rows_read(&store) - before;
    assert!(read <= 10, "{read} rows");
}
