//! What a purge keeps and deletes where mails are deferred.

use chrono::TimeDelta;

/// Makes a test of each function of this file, as `names` does with those of the others.
macro_rules! retention_of_deferrals_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            a_notification_with_deferrals_is_kept
            an_abandoned_notification_is_deleted_with_its_deferrals
            a_notification_whose_mail_is_deferred_meanwhile_is_kept
            deferrals_without_a_notification_are_deleted
            a_purge_deletes_rows_of_the_outbox_that_were_taken_long_ago
        );
    };
}
pub(in crate::store::tests) use retention_of_deferrals_tests;

use super::*;
use crate::store::ledger::retention::Purged;
use crate::store::tests::consumer::ack;

const AGE: TimeDelta = TimeDelta::days(90);

/// A notification that was completed and acked long ago, with a delivery and this many deferrals.
fn add_old(store: &Store, deferrals: i64) -> Notification {
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    defer(store, &notification, deferrals);
    complete(store, notification.id);
    ack(store, notification.id);
    let id = notification.id;
    execute(store, &format!("UPDATE notifications SET completed_at = '2020-01-01 00:00:00' WHERE id = {id}"));
    notification
}

fn defer(store: &Store, notification: &Notification, deferrals: i64) {
    let verdict = Verdict::deferred(Duration::from_secs(3600), Some(450), "4.2.0 greylisted");
    let outcomes: Vec<Outcome> = (2..2 + deferrals)
        .map(|id| Outcome { verdict: verdict.clone(), ..outcome(notification, id, Status::Failed) })
        .collect();
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
}

fn purge(store: &Store) -> Purged {
    let mut purge = store.purge(AGE).unwrap();
    let mut all = Purged::default();
    while let Some(some) = purge.step().unwrap() {
        all.notifications += some.notifications;
        all.outcomes += some.outcomes;
    }
    all
}

pub fn a_notification_with_deferrals_is_kept(store: &Store) {
    let (deferred, leased, done) = (add_old(store, 3), add_old(store, 1), add_old(store, 0));
    store
        .take_over(
            first_lease(leased.id),
            None,
            first_lease(leased.id).epoch.next(),
            &lease_request("the sweep"),
        )
        .unwrap()
        .unwrap();
    let plan = store.purge(AGE).unwrap().plan().unwrap();
    assert_eq!((plan.notifications, plan.outcomes), (1, 1));
    assert_eq!((plan.deferred, plan.leased, plan.not_acked), (vec![deferred.id, leased.id], vec![], vec![]));
    assert_eq!(purge(store), Purged { notifications: 1, outcomes: 1, ..Purged::default() });
    assert_eq!(store.find_notification(done.id).unwrap(), None);
    assert_eq!(store.count_deferrals().unwrap(), 4);
    assert_eq!(store.tally(&deferred).unwrap().deferred, 3);
    // They end, and the next purge deletes the notification.
    let decided: Vec<Outcome> =
        (2..5).map(|id| Outcome { deferrals: 1, ..outcome(&deferred, id, Status::Skipped) }).collect();
    assert!(store.record_outcomes(&decided).unwrap().is_empty());
    assert_eq!(purge(store), Purged { notifications: 1, outcomes: 4, ..Purged::default() });
}

/// No worker tries its mails again, and its event is gone for good.
pub fn an_abandoned_notification_is_deleted_with_its_deferrals(store: &Store) {
    let (abandoned, kept) = (add_old(store, 1500), add_old(store, 1));
    execute(store, &format!("UPDATE notifications SET state = 'abandoned' WHERE id = {}", abandoned.id));
    let plan = store.purge(AGE).unwrap().plan().unwrap();
    assert_eq!((plan.notifications, plan.outcomes), (1, 1));
    assert_eq!((plan.abandoned, plan.deferred, plan.leased), (vec![abandoned.id], vec![kept.id], vec![]));
    assert_eq!(purge(store), Purged { notifications: 1, outcomes: 1, ..Purged::default() });
    assert_eq!(store.find_notification(abandoned.id).unwrap(), None);
    assert_eq!((store.count_deferrals().unwrap(), store.tally(&kept).unwrap().deferred), (1, 1));
}

pub fn a_notification_whose_mail_is_deferred_meanwhile_is_kept(store: &Store) {
    let notification = add_old(store, 0);
    let mut purge = store.purge(AGE).unwrap();
    assert_eq!(purge.plan().unwrap().notifications, 1);
    defer(store, &notification, 1);
    while let Some(some) = purge.step().unwrap() {
        assert_eq!(some, Purged::default());
    }
    assert!(store.find_notification(notification.id).unwrap().is_some());
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1]));
}

/// The notification was deleted by hand.
pub fn deferrals_without_a_notification_are_deleted(store: &Store) {
    let [kept, gone, gone_too] = [1, 2500, 1].map(|deferrals| add_old(store, deferrals));
    for id in [gone.id, gone_too.id] {
        execute(store, &format!("DELETE FROM notifications WHERE id = {id}"));
    }
    assert_eq!(purge(store), Purged { notifications: 0, outcomes: 2, ..Purged::default() });
    assert_eq!(store.count_deferrals().unwrap(), 1);
    assert_eq!(store.tally(&kept).unwrap().deferred, 1);
}
