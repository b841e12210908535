//! Messages with another form of a key than the event has: of a UUID, or where a collation takes the two for one.

use super::*;
use crate::domain::outcome::Tally;
use crate::store::backend::dispatch;
use crate::store::ledger::row::NotificationState;

/// As Django and `SQLAlchemy` declare them. The message has any form.
pub fn uuids_may_be_stored_as_digits(store: &Store) {
    let [digits, other] = [UUID, OTHER_UUID].map(|uuid| uuid.replace('-', ""));
    make_tables(store, ["CHAR(32)"; 2], &digits, &other);
    let keys = store.event_key_type().unwrap();
    assert!(matches!(keys, EventKeyType::HexUuid(_)), "{keys:?}");
    for form in [UUID, &UUID.to_uppercase(), &format!("urn:uuid:{UUID}"), &digits] {
        assert_eq!(store.accept_event(key(form)).unwrap(), key(&digits), "{form}");
    }
    serve(store, key(&digits));
}

/// Where a collation ignores capitals.
pub fn a_key_in_another_form_names_the_event_that_is_meant(store: &Store) {
    let version = store.run("read the version", dispatch::version).unwrap();
    let column = if version.contains("SQLite") { "VARCHAR(99) COLLATE NOCASE" } else { "VARCHAR(99)" };
    let is_exact = version.contains("PostgreSQL");
    make_tables(store, [column; 2], "Ball", "other");
    let similar = |text| store.describe_missing_event(key(text)).unwrap().similar;
    assert_eq!(similar("BALL"), (!is_exact).then(|| key("Ball")), "{version}");
    assert_eq!([similar("Bal"), similar("Ball")], [None, None]);
    let people = if is_exact { 0 } else { 3 };
    let mut me = Consumer::begin(store, "me", 1);
    is_abandoned_for_no_one(store, open_new(&mut me, key("BALL")), people);

    // The same with participants whose keys are text.
    execute(
        store,
        &format!(
            "DROP TABLE participants;
             CREATE TABLE participants (id VARCHAR(9), event_id {column}, email VARCHAR(99), name VARCHAR(99),
                locale VARCHAR(99));
             INSERT INTO participants (id, event_id) VALUES ('a', 'Ball'), ('b', 'Ball'), ('c', 'Ball')"
        ),
    );
    // The statements that are prepared know other columns.
    drop(store.check_schema());
    drop(store.has_people_without_key(key("Ball")));
    store.check_schema().unwrap();
    is_abandoned_for_no_one(store, open_new(&mut me, key("BALL")), people);
}

/// So many people are pending until it is abandoned, and again if its event comes.
fn is_abandoned_for_no_one(store: &Store, (notification, lease): (Notification, Lease), people: u64) {
    let now = || store.find_notification(notification.id).unwrap().unwrap();
    let tally = || store.tally(&now().notification).unwrap();
    let pending = Tally { participants: people, pending: people, ..Tally::default() };
    assert_eq!(tally(), pending);
    assert!(store.abandon_for_no_one(lease, "another key").unwrap());
    assert_eq!((tally(), now().state), (Tally::default(), NotificationState::Abandoned));
    let next = store.take_over(lease, None, lease.epoch.of_take_over(), &lease_request("retry")).unwrap();
    store.freeze_audience(next.unwrap()).unwrap().unwrap();
    assert_eq!(tally(), pending);
}
