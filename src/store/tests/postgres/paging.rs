//! Pages of participants whose keys are UUIDs are read along the index, and listed without reading other lists.

use super::*;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::source::keyed_pages::KeyPosition;

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
