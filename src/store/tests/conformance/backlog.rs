//! What is left to do, for metrics.

use super::*;
use crate::store::ledger::backlog::Backlog;

/// Notifications, recipients and suppressions.
fn counted(store: &Store) -> (u64, u64, u64) {
    let Backlog { notifications, recipients, oldest, suppressions } = store.count_backlog().unwrap();
    assert!(oldest < Duration::from_secs(3600), "{oldest:?}");
    (notifications, recipients, suppressions)
}

pub fn the_backlog_is_what_is_open_and_those_who_are_undecided(store: &Store) {
    assert_eq!((counted(store), store.count_backlog().unwrap().oldest), ((0, 0, 0), Duration::ZERO));
    add_people(store, EVENT, 5);
    let notification = open(store);
    // Who joins later is not part of it.
    add_people(store, EVENT, 2);
    assert_eq!(counted(store), (1, 5, 0));
    record(store, &notification, Status::Sent, [1, 2]);
    record(store, &notification, Status::Failed, [3]);
    let verdict = Verdict::deferred(Duration::from_secs(60), Some(450), "4.2.0 greylisted");
    let deferred = Outcome { verdict, ..outcome(&notification, 4, Status::Failed) };
    assert!(store.record_outcomes(&[deferred]).unwrap().is_empty());
    assert_eq!(counted(store), (1, 1, 0));
    record(store, &notification, Status::Skipped, [5]);
    assert_eq!(counted(store), (1, 0, 0));
    execute(store, "UPDATE notifications SET received_at = '2026-01-01 00:00:00'");
    assert!(store.count_backlog().unwrap().oldest > Duration::from_secs(86_400));
    execute(store, "UPDATE notifications SET state = 'completed', completed_at = '2026-01-01 00:00:00'");
    assert_eq!((counted(store), store.count_backlog().unwrap().oldest), ((0, 0, 0), Duration::ZERO));
}
