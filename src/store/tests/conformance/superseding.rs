//! Notifications that a newer one of their event supersedes: which those are, and how they are closed.

use super::*;
use crate::domain::message::details::MessageDetails;
use crate::store::ledger::superseding::Closing;
use crate::store::tests::consumer::{look, take_over};

/// Makes a test of each function of this file, as `names` does with those of the others.
macro_rules! superseding_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            the_newest_notification_that_supersedes_one_is_found
            older_notifications_of_which_people_may_get_a_mail_are_superseded
            a_superseded_notification_that_has_not_begun_is_for_no_one
            the_undecided_people_of_a_notification_are_read_in_pages_with_the_deferred
            what_a_dry_run_has_recorded_are_no_mails
            the_newest_cancellation_of_an_event_is_found
        );
    };
}
pub(in crate::store::tests) use superseding_tests;

const HOUR: Duration = Duration::from_secs(3600);

/// Opens a notification of the event of most tests, which no process works on. Its epoch is 1.
fn open_of(store: &Store, message: Message) -> Notification {
    let opened = ask(store, &without_message_id(false), message);
    let Opened::Ours { notification, .. } = opened else { panic!("{opened:?}") };
    execute(store, &format!("UPDATE notifications SET epoch = 1 WHERE id = {}", notification.id));
    store.release_lease(first_lease(notification.id)).unwrap();
    notification
}

fn with_note(kind: Kind) -> Message {
    let details = MessageDetails { note: Some("Bring a coat.".to_owned()), ..MessageDetails::default() };
    Message { details: details.to_json(), ..message(kind) }
}

fn newer_of(store: &Store, notification: &Notification) -> Option<i64> {
    let details = look(store, notification.id).details;
    store.find_related(notification, details.as_ref()).unwrap().newer.map(|id| id.0)
}

fn superseded(store: &Store, newer: &Notification) -> Vec<i64> {
    store.list_superseded(newer).unwrap().iter().map(|record| record.notification.id.0).collect()
}

pub fn the_newest_notification_that_supersedes_one_is_found(store: &Store) {
    let created = open_of(store, message(Kind::Created));
    let updated = open_of(store, message(Kind::Updated));
    let noted = open_of(store, with_note(Kind::Updated));
    open_of(store, Message::new(Kind::Cancelled, OTHER_EVENT));
    assert_eq!([&created, &updated, &noted].map(|one| newer_of(store, one)), [None, Some(3), None]);
    let second = open_of(store, message(Kind::Updated));
    assert_eq!([&created, &updated, &noted].map(|one| newer_of(store, one)), [None, Some(5), None]);
    assert!(store.abandon_notification(first_lease(second.id), "its event is gone").unwrap());
    assert_eq!(newer_of(store, &updated), Some(3), "an abandoned one is not sent");
    let cancelled = open_of(store, message(Kind::Cancelled));
    let late = open_of(store, message(Kind::Updated));
    assert_eq!(
        [&created, &updated, &noted, &cancelled, &late].map(|one| newer_of(store, one)),
        [Some(6), Some(7), Some(6), None, None]
    );
    assert!(store.abandon_notification(first_lease(cancelled.id), "its event is gone").unwrap());
    assert_eq!(newer_of(store, &noted), Some(6), "the event does not take place all the same");
    assert_eq!(newer_of(store, &Notification { event_id: None, ..updated }), None);
}

pub fn older_notifications_of_which_people_may_get_a_mail_are_superseded(store: &Store) {
    add_people(store, EVENT, 2);
    let ended = open_of(store, message(Kind::Updated));
    complete(store, ended.id);
    let open = open_of(store, message(Kind::Created));
    let with_deferrals = open_of(store, message(Kind::Updated));
    let verdict = Verdict::deferred(HOUR, Some(450), "4.2.0 greylisted");
    let deferred = Outcome { verdict, ..outcome(&with_deferrals, 1, Status::Failed) };
    assert!(store.record_outcomes(&[deferred]).unwrap().is_empty());
    complete(store, with_deferrals.id);
    let aside = open_of(store, message(Kind::Reminder));
    assert!(store.set_aside(first_lease(aside.id), "a row cannot be read").unwrap().is_some());
    let swept = open_of(store, message(Kind::Updated));
    complete(store, swept.id);
    take_over(store, &look(store, swept.id), "sweep").unwrap();
    let abandoned = open_of(store, message(Kind::Updated));
    assert!(store.abandon_notification(first_lease(abandoned.id), "its event is gone").unwrap());
    let cancelled = open_of(store, message(Kind::Cancelled));
    let later = open_of(store, message(Kind::Updated));
    assert_eq!(superseded(store, &cancelled), [2, 3, 4, 5]);
    assert_eq!(superseded(store, &later), [3, 5], "neither a CREATED nor a REMINDER nor the CANCELLED");
    assert_eq!(superseded(store, &Notification { event_id: None, ..cancelled }), [0; 0]);

    let all = [open.id, with_deferrals.id, later.id];
    assert!(store.find_superseded(&all).unwrap().is_empty());
    store.mark_superseded(&all[..2], cancelled.id).unwrap();
    store.mark_superseded(&[open.id], NotificationId(1)).unwrap();
    let marked = store.find_superseded(&all).unwrap();
    assert_eq!((marked.len(), marked[&open.id], marked[&with_deferrals.id]), (2, cancelled.id, cancelled.id));
    assert!(store.find_superseded(&[]).unwrap().is_empty());
}

pub fn a_superseded_notification_that_has_not_begun_is_for_no_one(store: &Store) {
    add_people(store, EVENT, 3);
    let older = open_of(store, message(Kind::Updated));
    let newer = open_of(store, message(Kind::Updated));
    let late = Lease { epoch: first_lease(older.id).epoch.next(), ..first_lease(older.id) };
    assert_eq!(store.close_untouched(late, newer.id).unwrap(), Closing::LeaseLost);
    for _ in 0..2 {
        assert_eq!(store.close_untouched(first_lease(older.id), newer.id).unwrap(), Closing::Closed);
    }
    let record = look(store, older.id);
    assert_eq!((record.state, record.superseded_by), (NotificationState::Completed, Some(newer.id)));
    assert!(record.completed_at.is_some() && record.holder.is_none());
    assert_eq!(store.tally(&record.notification).unwrap(), Tally::default());
    assert_eq!(newer_of(store, &newer), None);
}

pub fn the_undecided_people_of_a_notification_are_read_in_pages_with_the_deferred(store: &Store) {
    add_people(store, EVENT, 7);
    let older = open_of(store, message(Kind::Updated));
    let newer = open_of(store, message(Kind::Cancelled));
    record(store, &older, Status::Sent, [1, 4]);
    let deferred = |id| Outcome {
        verdict: Verdict::deferred(HOUR, Some(450), "4.2.0 greylisted"),
        ..outcome(&older, id, Status::Failed)
    };
    assert!(store.record_outcomes(&[deferred(2), deferred(6), deferred(7)]).unwrap().is_empty());
    execute(store, "DELETE FROM participants WHERE id IN (6, 7)");
    let page = |after: Option<i64>, limit| {
        let page = store.read_undecided(&older, after.map(ParticipantId), limit).unwrap();
        let undecided: Vec<i64> = page.undecided.iter().map(|id| id.0).collect();
        let deferred: Vec<i64> = page.deferred.iter().map(|one| one.participant_id.0).collect();
        (undecided, deferred, page.next_behind.map(|id| id.0))
    };
    assert_eq!(page(None, 2), (vec![], vec![2], Some(2)));
    assert_eq!(page(Some(2), 2), (vec![3], vec![], Some(4)));
    assert_eq!(page(Some(4), 2), (vec![5], vec![6, 7], None), "those who have left are deferred still");
    assert_eq!(page(None, 100), (vec![3, 5], vec![2, 6, 7], None));

    let lease = first_lease(older.id);
    assert_eq!(store.close_untouched(lease, newer.id).unwrap(), Closing::Begun);
    assert_eq!(look(store, older.id).superseded_by, None);
    let skipped = |id, deferrals| Outcome {
        deferrals,
        verdict: Verdict::superseded_by(newer.id),
        ..outcome(&older, id, Status::Skipped)
    };
    let rest = [skipped(3, 0), skipped(5, 0), skipped(2, 1), skipped(6, 1), skipped(7, 1)];
    assert!(store.record_outcomes(&rest).unwrap().is_empty());
    assert_eq!(page(None, 100), (vec![], vec![], None));
    for _ in 0..2 {
        assert_eq!(store.close_superseded(lease, newer.id).unwrap(), Closing::Closed);
    }
    let closed = look(store, older.id);
    assert_eq!((closed.state, closed.superseded_by), (NotificationState::Completed, Some(newer.id)));
    let tally = store.tally(&closed.notification).unwrap();
    assert!(tally.adds_up(), "{tally:?}");
    assert_eq!((tally.participants, tally.sent, tally.skipped, tally.deferred), (7, 2, 5, 0));
}

pub fn what_a_dry_run_has_recorded_are_no_mails(store: &Store) {
    add_people(store, EVENT, 3);
    let older = open_of(store, message(Kind::Updated));
    let newer = open_of(store, message(Kind::Cancelled));
    let asked = || [&older, &newer].map(|one| store.has_asked_relay(one.id).unwrap());
    let dry = |id| Outcome { verdict: Verdict::DryRun, ..outcome(&newer, id, Status::Sent) };
    assert!(store.record_outcomes(&[dry(2), dry(3)]).unwrap().is_empty());
    record(store, &newer, Status::Skipped, [1]);
    assert_eq!((asked(), newer_of(store, &older)), ([false, false], None));
    assert_eq!(store.forget_dry_run(first_lease(newer.id)).unwrap(), Some(2));
    assert_eq!(newer_of(store, &older), Some(newer.id.0), "a worker that sends begins it");

    record(store, &older, Status::Sent, [1]);
    assert_eq!(store.forget_dry_run(first_lease(older.id)).unwrap(), Some(0));
    assert_eq!(asked(), [true, false]);
    assert!(store.leave_to_senders(first_lease(older.id)).unwrap());
    let left = store.list_set_aside(9).unwrap();
    assert_eq!((left.len(), left[0].due_in), (1, Duration::ZERO));
}

pub fn the_newest_cancellation_of_an_event_is_found(store: &Store) {
    add_people(store, EVENT, 1);
    open_of(store, message(Kind::Updated));
    open_of(store, Message::new(Kind::Cancelled, OTHER_EVENT));
    let found = || store.find_cancellation(EVENT).unwrap().map(|found| found.id.0);
    assert_eq!(found(), None);
    let first = open_of(store, message(Kind::Cancelled));
    open_of(store, message(Kind::Updated));
    assert_eq!(found(), Some(first.id.0));
    let received_at = look(store, first.id).received_at;
    assert_eq!(store.find_cancellation(EVENT).unwrap().unwrap().received_at, received_at);
    let of_dry_run = open_of(store, message(Kind::Cancelled));
    assert_eq!(found(), Some(of_dry_run.id.0), "it has not begun");
    let dry = Outcome { verdict: Verdict::DryRun, ..outcome(&of_dry_run, 1, Status::Sent) };
    assert!(store.record_outcomes(&[dry]).unwrap().is_empty());
    assert_eq!(found(), Some(first.id.0), "nobody was told");
}
