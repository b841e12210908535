//! Reminders, from the look at the events to the mails.

use chrono::{DateTime, TimeDelta, Utc};

use super::*;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::reminder::{Reminder, ReminderOffset};
use crate::observe::health::Health;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::without_message::{Audiences, Wanted};
use crate::store::ledger::row::NotificationState;
use crate::worker::reminders::Reminders;
use crate::worker::tests::support::wait_until;

const HOUR: i64 = 3600;

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

/// Looks for reminders an hour and a day before the start.
fn reminders(worker: &TestWorker) -> Reminders {
    let offsets = [24 * HOUR, HOUR].map(|seconds| ReminderOffset::from_seconds(seconds).unwrap());
    Reminders::new(&worker.context, &Health::default(), offsets.to_vec())
}

/// The event starts in so long a time, in whole seconds.
fn starts_in(worker: &TestWorker, from_now: TimeDelta) -> DateTime<Utc> {
    let starts_at = DateTime::from_timestamp((Utc::now() + from_now).timestamp(), 0).unwrap();
    worker.execute(&format!("UPDATE events SET starts_at = '{}'", starts_at.format("%F %T")));
    starts_at
}

/// The last look was so long ago.
fn looked(worker: &TestWorker, ago: TimeDelta) {
    worker.store.end_reminder_look(Utc::now() - ago).unwrap();
}

fn state(worker: &TestWorker, id: i64) -> (NotificationState, Option<String>) {
    let record = record(worker, id);
    (record.state, record.reason)
}

fn wait_until_completed(worker: &TestWorker, id: i64) {
    wait_until("the end", || {
        worker.count("notifications") >= id && record(worker, id).state == NotificationState::Completed
    });
}

#[test]
fn an_event_is_reminded_of_once_and_anew_when_it_was_moved() {
    let worker = TestWorker::new(3, 1);
    let broker = Broker::start(&worker);
    let mut reminders = reminders(&worker);
    let starts_at = starts_in(&worker, minutes(59));
    reminders.look().unwrap();
    wait_until_completed(&worker, 1);
    let first = record(&worker, 1);
    let offset = ReminderOffset::from_seconds(HOUR).unwrap();
    let reminder = Reminder { event_id: EVENT, offset, starts_at };
    assert_eq!((first.notification.kind, first.message_key), (Kind::Reminder, Some(reminder.key())));
    assert!(first.acked_at.is_some());
    reminders.look().unwrap();
    // One that has just started knows of it from the ledger.
    self::reminders(&worker).look().unwrap();
    assert_eq!((worker.count("notifications"), worker.relay.accepted().len()), (1, 3));

    starts_in(&worker, minutes(57));
    reminders.look().unwrap();
    wait_until_completed(&worker, 2);
    starts_in(&worker, minutes(24 * 60 - 90));
    reminders.look().unwrap();
    wait_until_completed(&worker, 3);
    assert_eq!(worker.relay.accepted().len(), 9);
    assert!(record(&worker, 3).message_key.unwrap().contains(":24h:"));
    assert_eq!(broker.close(), []);
}

#[test]
fn the_next_look_comes_when_the_next_one_is_due() {
    let worker = TestWorker::new(1, 1);
    let mut reminders = reminders(&worker);
    starts_in(&worker, minutes(60) + TimeDelta::seconds(20));
    let pause = reminders.look().unwrap();
    assert!(pause <= Duration::from_secs(20), "{pause:?}");
    starts_in(&worker, minutes(70));
    assert_eq!(reminders.look().unwrap(), Duration::from_secs(60));
    assert_eq!(worker.count("notifications"), 0);
}

#[test]
fn what_was_due_while_no_worker_looked_is_missed_and_told_once() {
    let worker = TestWorker::new(3, 1);
    looked(&worker, minutes(120));
    // The reminder of an hour before was due an hour ago, and that of a day before was due before the last look.
    let starts_at = starts_in(&worker, TimeDelta::zero());
    reminders(&worker).look().unwrap();
    let (state, reason) = state(&worker, 1);
    let due_at = (starts_at - minutes(60)).format("%F %TZ");
    assert_eq!(state, NotificationState::Abandoned);
    assert_eq!(reason.unwrap(), format!("missed: due at {due_at}, and more than a tenth of 1h late"));
    assert_eq!((worker.tally(1).participants, worker.count("notifications")), (0, 1));
    looked(&worker, TimeDelta::zero());
    reminders(&worker).look().unwrap();
    assert_eq!((worker.count("notifications"), worker.relay.tries()), (1, 0));
}

#[test]
fn an_event_that_was_made_later_than_its_reminder_was_due_is_no_alarm() {
    let worker = TestWorker::new(3, 1);
    let mut reminders = reminders(&worker);
    starts_in(&worker, minutes(30));
    reminders.look().unwrap();
    looked(&worker, minutes(1));
    reminders.look().unwrap();
    assert_eq!(worker.count("notifications"), 0);
}

#[test]
fn a_cancelled_event_is_not_reminded_of() {
    let worker = TestWorker::new(3, 1);
    let cancel =
        Wanted { message: Message::new(Kind::Cancelled, EVENT), key: "c".to_owned(), starts_at_once: true };
    let request = LeaseRequest { owner: "other".to_owned(), term: Duration::from_secs(30) };
    worker.store.open_wanted(&[cancel], Audiences::Read, &request).unwrap();
    let mut reminders = reminders(&worker);
    starts_in(&worker, minutes(59));
    reminders.look().unwrap();
    looked(&worker, minutes(120));
    starts_in(&worker, minutes(0));
    reminders.look().unwrap();
    assert_eq!(worker.count("notifications"), 1);
}

#[test]
fn one_that_waits_for_its_turn_is_left_out_if_it_is_wrong_by_then() {
    for change in [
        "UPDATE events SET starts_at = datetime(starts_at, '+1 day')",
        "UPDATE events SET starts_at = NULL",
        "INSERT INTO notifications (kind, channel, event_id, audience, max_participant_id, sequence, priority, state, received_at,
            completed_at, acked_at, epoch) SELECT 'CANCELLED', channel, event_id, audience, max_participant_id, sequence, priority,
            'completed', received_at, received_at, received_at, 1 FROM notifications",
    ] {
        let worker = TestWorker::new(3, 1);
        starts_in(&worker, minutes(59));
        reminders(&worker).look().unwrap();
        worker.execute(change);
        let broker = Broker::start(&worker);
        wait_until("its end", || state(&worker, 1).0 == NotificationState::Abandoned);
        let reason = state(&worker, 1).1.unwrap();
        let expected = ["the event starts at 20", "the event has no start", "the event is cancelled"];
        assert!(expected.iter().any(|expected| reason.starts_with(expected)), "{change}: {reason}");
        assert_eq!((worker.relay.tries(), worker.tally(1).pending), (0, 0), "{change}");
        assert_eq!(broker.close(), []);
    }
}

#[test]
fn starts_that_cannot_be_compared_are_told() {
    let worker = TestWorker::new(1, 1);
    worker.execute("UPDATE events SET starts_at = 'Sat, 21 Nov 2026 09:00:00 GMT'");
    let health = Health::default();
    let offsets = vec![ReminderOffset::from_seconds(HOUR).unwrap()];
    Reminders::new(&worker.context, &health, offsets).look().unwrap();
    assert_eq!(
        health.notes(),
        "note: reminders: 1 event is not reminded of, because its starts_at does not begin with a date such as 2026-11-21, for \
         example event 123; store UTC in a form such as 2026-11-21 09:00:00\n"
    );
}

/// The starts of the events that this condition is true of cannot be read.
fn make_unreadable(worker: &TestWorker, condition: &str) {
    worker.execute(&format!(
        "ALTER TABLE events RENAME TO meetings;
         CREATE VIEW events AS SELECT id, title, description, location,
            CASE WHEN {condition} THEN abs(-9223372036854775807 - 1) ELSE starts_at END AS starts_at, ends_at, timezone, url,
            updated_at FROM meetings"
    ));
}

#[test]
fn an_event_that_cannot_be_read_is_told_and_the_others_are_reminded_of() {
    let worker = TestWorker::new(3, 1);
    worker.store.add_event(&event(EventId::Number(7))).unwrap();
    starts_in(&worker, minutes(59));
    make_unreadable(&worker, "id = 7");
    let broker = Broker::start(&worker);
    let health = Health::default();
    let offset = ReminderOffset::from_seconds(HOUR).unwrap();
    let mut reminders = Reminders::new(&worker.context, &health, vec![offset]);
    reminders.look().unwrap();
    wait_until_completed(&worker, 1);
    assert_eq!((worker.relay.accepted().len(), health.problems().as_str()), (3, ""));
    assert_eq!(
        health.notes(),
        "note: reminders: whether each event is found by its start is not known: integer overflow; no reminder is sent for 1 event that \
         cannot be read: event 7 (integer overflow)\n"
    );
    worker.execute("DROP VIEW events; ALTER TABLE meetings RENAME TO events");
    reminders.look().unwrap();
    assert_eq!((health.notes().contains("event 7"), worker.count("notifications")), (false, 2));
    assert_eq!(broker.close(), []);
}

#[test]
fn as_many_events_as_are_looked_for_one_by_one_hold_up_no_further_offset() {
    let worker = TestWorker::new(3, 1);
    for id in 1..=20 {
        worker.store.add_event(&event(EventId::Number(id))).unwrap();
    }
    starts_in(&worker, minutes(59));
    make_unreadable(&worker, "id <= 20");
    let broker = Broker::start(&worker);
    reminders(&worker).look().unwrap();
    wait_until_completed(&worker, 1);
    assert_eq!(worker.relay.accepted().len(), 3);
    assert_eq!(broker.close(), []);
}
