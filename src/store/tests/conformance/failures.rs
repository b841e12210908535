//! Who failed, page by page.

use std::time::{Duration, Instant};

use super::*;
use crate::store::ledger::failures::Failure;
use crate::store::ledger::recipients::row::NewRecipients;

pub fn failures_are_read_in_pages_with_the_keys_of_the_application(store: &Store) {
    add_people(store, EVENT, 5);
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    record(store, &notification, Status::Failed, [2, 4]);
    let permanent = Outcome {
        verdict: failed(Permanence::Permanent),
        attempts: 0,
        ..outcome(&notification, 5, Status::Failed)
    };
    assert!(store.record_outcomes(&[permanent]).unwrap().is_empty());
    let read = |after: Option<i64>, limit| -> Vec<(i64, bool, i32, Option<String>)> {
        let failures = store.read_failures(&notification, None, after.map(ParticipantId), limit).unwrap();
        let row = |(failure, key): (Failure, Option<String>)| {
            (failure.participant_id.0, failure.permanent, failure.attempts, key)
        };
        failures.into_iter().map(row).collect()
    };
    assert_eq!(read(None, 2), [(2, false, 1, None), (4, false, 1, None)]);
    assert_eq!(read(Some(4), 2), [(5, true, 0, None)]);
    assert_eq!(read(Some(5), 2), []);
    let (first, _) = &store.read_failures(&notification, None, None, 1).unwrap()[0];
    assert!(first.detail.as_ref().is_some_and(|detail| !detail.is_empty()), "{first:?}");
}

pub fn a_failure_of_a_listed_participant_has_the_key_that_is_text(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["a", "b b", "C"]));
    let notification = open(store);
    let keys = ["C", "a", "b b"];
    let new = NewRecipients {
        lease: first_lease(notification.id),
        after: ParticipantId(0),
        keys: &keys,
        listing: None,
    };
    store.append_recipients(&new).unwrap();
    record(store, &notification, Status::Failed, [1, 3]);
    let failures = store.read_failures(&notification, None, None, 9).unwrap();
    let keys: Vec<Option<String>> = failures.into_iter().map(|(_, key)| key).collect();
    assert_eq!(keys, [Some("C".to_owned()), Some("b b".to_owned())]);
}

pub fn failures_are_read_since_a_time(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open(store);
    record(store, &notification, Status::Failed, [1, 2]);
    execute(store, "UPDATE deliveries SET decided_at = '2020-01-01 00:00:00' WHERE participant_id = 1");
    let an_hour_ago = Instant::now().checked_sub(Duration::from_secs(3_600)).unwrap();
    let read = |since| store.read_failures(&notification, since, None, 9).unwrap();
    let ids = |since| read(since).iter().map(|(one, _)| one.participant_id.0).collect::<Vec<_>>();
    assert_eq!((ids(None), ids(Some(an_hour_ago))), (vec![1, 2], vec![2]));
}
