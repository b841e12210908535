//! People who were skipped without an address, and have one later.

use super::*;
use crate::domain::outcome::Tally;

/// Seven people, of whom the first got a mail, the others were skipped for these reasons in key order.
fn skipped(store: &Store, reasons: &[&str]) -> Notification {
    add_people(store, EVENT, 7);
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    let skipped = |(id, reason): (i64, &&str)| Outcome {
        verdict: Verdict::skipped(reason),
        ..outcome(&notification, id, Status::Skipped)
    };
    let outcomes: Vec<Outcome> = (2..).zip(reasons).map(skipped).collect();
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    notification
}

pub fn those_skipped_without_an_address_are_reopened_when_they_have_one(store: &Store) {
    let none = Verdict::NO_ADDRESS;
    let reasons = [none, none, none, none, Verdict::CANCELLED, "same address as 1"];
    let notification = skipped(store, &reasons);
    execute(store, "UPDATE participants SET email = NULL WHERE id = 3");
    execute(store, "UPDATE participants SET email = ' ' WHERE id = 4");
    execute(store, "DELETE FROM participants WHERE id = 5");
    let before =
        Tally { participants: 7, sent: 1, skipped: 6, same_address: 1, no_address: 4, ..Tally::default() };
    assert_eq!(store.tally(&notification).unwrap(), before);

    let lease = first_lease(notification.id);
    let stale = Lease { epoch: lease.epoch.next(), ..lease };
    assert_eq!(store.reopen_without_address(stale, &notification).unwrap(), None);
    assert_eq!(store.tally(&notification).unwrap(), before);
    assert_eq!(store.reopen_without_address(lease, &notification).unwrap(), Some(1));
    assert_eq!(store.reopen_without_address(lease, &notification).unwrap(), Some(0));
    let after = store.tally(&notification).unwrap();
    assert_eq!(after, Tally { skipped: 5, no_address: 3, pending: 1, ..before });
    assert!(after.adds_up());
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1, 3, 4, 5, 6, 7]));
}

pub fn any_number_without_an_address_is_reopened(store: &Store) {
    add_people(store, EVENT, 2_500);
    let notification = open(store);
    let none = |id| Outcome {
        verdict: Verdict::skipped(Verdict::NO_ADDRESS),
        ..outcome(&notification, id, Status::Skipped)
    };
    assert!(store.record_outcomes(&(1..=2_500).map(none).collect::<Vec<_>>()).unwrap().is_empty());
    execute(store, "UPDATE participants SET email = '' WHERE id <= 1500");
    let lease = first_lease(notification.id);
    assert_eq!(store.reopen_without_address(lease, &notification).unwrap(), Some(1_000));
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.no_address, tally.pending), (1_500, 1_000));
    assert!(tally.adds_up());
}
