//! Failed mails that are made due at once, for the sweep of any worker.

use super::*;
use crate::store::ledger::deferrals::reopening::MadeDue;
use crate::store::tests::consumer::{look, take_over};

/// Makes a test of each function of this file, as `names` does with those of the others.
macro_rules! made_due_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            failed_mails_become_deferred_ones_that_are_due
            failed_mails_of_what_others_send_are_left_alone
        );
    };
}
pub(in crate::store::tests) use made_due_tests;

fn fail(store: &Store, notification: &Notification, id: i64, permanence: Permanence) {
    let outcome = Outcome { verdict: failed(permanence), ..outcome(notification, id, Status::Failed) };
    assert!(store.record_outcomes(&[outcome]).unwrap().is_empty());
}

pub fn failed_mails_become_deferred_ones_that_are_due(store: &Store) {
    add_people(store, EVENT, 1_203);
    let notification = open_and_hold(store);
    record(store, &notification, Status::Sent, [1]);
    record(store, &notification, Status::Failed, 2..=1_202);
    fail(store, &notification, 1_203, Permanence::Permanent);
    let id = notification.id;
    assert_eq!(store.make_failed_due(id, true, None).unwrap(), MadeDue::NotCompleted);
    complete(store, id);
    let last = Some(ParticipantId(1_001));
    assert_eq!(store.make_failed_due(id, false, None).unwrap(), MadeDue::Failed(1_000, last));
    assert_eq!(store.make_failed_due(id, false, last).unwrap(), MadeDue::Failed(201, None));
    assert_eq!(store.make_failed_due(id, false, None).unwrap(), MadeDue::Failed(0, None));
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.sent, tally.failed, tally.deferred, tally.pending), (1, 1, 1_201, 0));
    assert!(tally.adds_up());
    assert_eq!(store.list_due_notifications(9).unwrap().len(), 1);
    let page = store.read_due_page(id, None, 1).unwrap();
    assert_eq!((page[0].participant_id, page[0].tries), (ParticipantId(2), 1));
    assert_eq!(store.make_failed_due(id, true, None).unwrap(), MadeDue::Failed(1, None));
    assert_eq!(store.make_deferred_due(id).unwrap(), 0, "all of them are");
    execute(store, "UPDATE deferrals SET next_try_at = '2999-01-01 00:00:00' WHERE participant_id > 1200");
    assert_eq!(store.make_deferred_due(id).unwrap(), 3);
    assert_eq!(store.make_failed_due(NotificationId(id.0 + 1), true, None).unwrap(), MadeDue::Unknown);
}

/// A sweep that has the lease goes on; beside a `fanmail retry`, which is no worker, nothing is done.
pub fn failed_mails_of_what_others_send_are_left_alone(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open_and_hold(store);
    record(store, &notification, Status::Failed, [1, 2]);
    complete(store, notification.id);
    let lease = take_over(store, &look(store, notification.id), "somebody").unwrap();
    assert_eq!(store.make_failed_due(notification.id, false, None).unwrap(), MadeDue::Retried);
    store.report_worker("somebody", "").unwrap();
    assert_eq!(store.make_failed_due(notification.id, false, None).unwrap(), MadeDue::Failed(2, None));
    assert_eq!(look(store, notification.id).epoch, lease.epoch, "its lease is valid");
}
