//! How a notification adds up, and when it must not.

use super::*;
use crate::domain::outcome::Tally;

pub fn a_tally_adds_up_at_every_stage(store: &Store) {
    add_people(store, EVENT, 5);
    add_people(store, OTHER_EVENT, 5);
    let notification = open(store);
    let mut expected = Tally { participants: 5, pending: 5, ..Tally::default() };
    assert_eq!(store.tally(&notification).unwrap(), expected);
    record(store, &notification, Status::Sent, [1, 2]);
    record(store, &notification, Status::Failed, [3]);
    record(store, &notification, Status::Skipped, [4]);
    expected = Tally { sent: 2, failed: 1, skipped: 1, no_address: 1, pending: 1, ..expected };
    assert_eq!(store.tally(&notification).unwrap(), expected);
    assert!(expected.adds_up());
    defer(store, &notification, [5]);
    expected = Tally { deferred: 1, pending: 0, ..expected };
    assert_eq!(store.tally(&notification).unwrap(), expected);
    assert!(expected.adds_up());
    add_people(store, EVENT, 1);
    assert_eq!(store.count_audience(&notification).unwrap(), Some(5));
}

fn defer(store: &Store, notification: &Notification, ids: impl IntoIterator<Item = i64>) {
    let verdict = Verdict::deferred(Duration::from_secs(60), Some(450), "4.2.0 greylisted");
    let defer = |id| Outcome { verdict: verdict.clone(), ..outcome(notification, id, Status::Failed) };
    let outcomes: Vec<Outcome> = ids.into_iter().map(defer).collect();
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
}

pub fn a_tally_counts_deferred_participants_who_left(store: &Store) {
    add_people(store, EVENT, 4);
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    defer(store, &notification, 2..=4);
    execute(store, "DELETE FROM participants WHERE id = 3");
    execute(store, "UPDATE participants SET event_id = 99 WHERE id = 2");
    let tally = store.tally(&notification).unwrap();
    let expected = Tally { participants: 4, sent: 1, deferred: 3, ..Tally::default() };
    assert_eq!(tally, expected);
    assert!(tally.adds_up());
}

pub fn a_tally_shows_a_deferral_of_a_participant_who_was_never_part_of_it(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open(store);
    add_people(store, EVENT, 1);
    defer(store, &notification, 1..=3);
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.deferred), (2, 3));
    assert!(!tally.adds_up());
}

pub fn a_tally_counts_permanent_failures_apart(store: &Store) {
    let notification = open(store);
    let outcomes = [(1, Permanence::Permanent), (2, Permanence::Transient), (3, Permanence::Permanent)].map(
        |(id, permanence)| Outcome {
            verdict: failed(permanence),
            ..outcome(&notification, id, Status::Failed)
        },
    );
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    record(store, &notification, Status::Sent, [4]);
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.sent, tally.failed, tally.failed_permanent), (1, 3, 2));
}

pub fn a_tally_counts_participants_who_left_after_their_outcome(store: &Store) {
    add_people(store, EVENT, 3);
    let notification = open(store);
    record(store, &notification, Status::Sent, 1..=3);
    execute(store, "DELETE FROM participants WHERE id = 3");
    execute(store, "UPDATE participants SET event_id = 99 WHERE id = 2");
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.sent, tally.pending), (3, 3, 0));
    assert!(tally.adds_up());
}

pub fn a_tally_leaves_out_participants_who_left_before_their_outcome(store: &Store) {
    add_people(store, EVENT, 3);
    let notification = open(store);
    execute(store, "DELETE FROM participants WHERE id = 2");
    record(store, &notification, Status::Sent, [1, 3]);
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.sent, tally.pending), (2, 2, 0));
}

pub fn a_tally_shows_an_outcome_of_a_participant_who_was_never_part_of_it(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open(store);
    add_people(store, EVENT, 1);
    record(store, &notification, Status::Sent, 1..=3);
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.sent), (2, 3));
    assert!(!tally.adds_up());
}

pub fn a_tally_shows_a_late_commit_with_a_lower_key(store: &Store) {
    add_people(store, EVENT, 3);
    execute(store, "DELETE FROM participants WHERE id = 2");
    let notification = open(store);
    record(store, &notification, Status::Sent, [1, 3]);
    complete(store, notification.id);
    execute(
        store,
        "INSERT INTO participants (id, event_id, email, name) VALUES (2, 7, 'late@example.com', '')",
    );
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.participants, tally.sent, tally.pending), (3, 2, 1));
}

pub fn a_listing_can_be_of_the_newest(store: &Store) {
    let ids: Vec<NotificationId> = (0..5).map(|_| open(store).id).collect();
    execute(
        store,
        &format!("UPDATE notifications SET state = 'completed', event_id = 9 WHERE id <> {}", ids[1]),
    );
    let newest = |event, limit| {
        let (records, left_out) = store.list_newest_notifications(event, limit).unwrap();
        (records.iter().map(|record| record.notification.id).collect::<Vec<_>>(), left_out)
    };
    assert_eq!(newest(None, 1), (vec![ids[1], ids[4]], 3), "the one that is running is always there");
    assert_eq!(newest(None, 4), (ids[1..].to_vec(), 1));
    assert_eq!(newest(None, 5), (ids.clone(), 0));
    assert_eq!(newest(None, u32::MAX), (ids.clone(), 0));
    assert_eq!(newest(Some(EventId::Number(9)), 2), (ids[3..].to_vec(), 2));
    assert_eq!(newest(Some(EVENT), 2), (vec![ids[1]], 0));
    assert_eq!(newest(Some(OTHER_EVENT), 2), (vec![], 0));
}
