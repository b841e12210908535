//! What every database must do, as functions over a `Store` that is migrated and empty. A further system calls
//! `conformance_tests!` with a function that opens one.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::domain::outcome::Tally;
use crate::store::ledger::row::NotificationState;
use crate::store::source::new_rows::NewEvent;

mod backlog;
mod batches;
mod coalescing;
mod completion;
mod deferral_order;
mod deferrals;
mod failures;
mod forgotten_acks;
mod forgotten_acks_of_others;
mod identity;
mod importing;
mod keys;
mod leasing;
mod made_due;
mod message_details;
mod names;
mod no_address;
mod notices;
mod opening;
mod other_sessions;
mod outbox;
mod person;
mod queue_order;
mod recipients;
mod redelivery;
mod reminders;
mod retention;
mod retention_of_deferrals;
mod returned;
mod routed;
mod same_address;
mod sample;
mod several_queues;
mod snapshots;
mod starting;
mod superseding;
mod suppressions;
mod tallies;
mod text_keys;
mod unreadable;
mod unrecorded_acks;
mod users;
mod values;
mod without_message;
mod words;

pub use backlog::*;
pub use batches::*;
pub use coalescing::*;
pub use completion::*;
pub use deferral_order::*;
pub use deferrals::*;
pub use failures::*;
pub use forgotten_acks::*;
pub use forgotten_acks_of_others::*;
pub use identity::*;
pub use importing::*;
pub use keys::*;
pub use leasing::*;
pub use opening::*;
pub use other_sessions::*;
pub use outbox::*;
pub use person::*;
pub use queue_order::*;
pub use recipients::*;
pub use redelivery::*;
pub use reminders::*;
pub use retention::*;
pub(super) use retention_of_deferrals::retention_of_deferrals_tests;
pub use retention_of_deferrals::*;
pub use returned::*;
pub use routed::*;
pub use same_address::*;
pub use sample::*;
pub use several_queues::*;
pub use snapshots::*;
pub use starting::*;
pub use superseding::*;
pub use suppressions::*;
pub use tallies::*;
pub use text_keys::*;
pub use unreadable::*;
pub use unrecorded_acks::*;
pub use users::*;
pub use values::*;
pub use without_message::*;
pub use words::*;
pub(super) use {
    coalescing::coalescing_tests, failures::failure_tests, made_due::made_due_tests,
    names::conformance_tests, person::person_tests, returned::returned_tests,
};
pub use {made_due::*, message_details::*, no_address::*, notices::*};

pub fn migrating_again_changes_nothing(store: &Store) {
    let notification = open(store);
    assert_eq!(store.migrate().unwrap(), Vec::<String>::new());
    store.check_schema().unwrap();
    assert!(store.find_notification(notification.id).unwrap().is_some());
}

pub fn pages_follow_the_keys_and_end_at_the_bound(store: &Store) {
    let ids = |after, up_to, limit| -> Vec<i64> {
        page(store, after, up_to, limit).into_iter().map(|person| person.id.0).collect()
    };
    assert_eq!(last_participant_id(store, EVENT), i64::MIN);
    assert!(ids(0, 0, 100).is_empty());
    add_people(store, EVENT, 3);
    add_people(store, OTHER_EVENT, 2);
    add_people(store, EVENT, 2);
    assert_eq!(last_participant_id(store, EVENT), 7);
    assert_eq!(ids(0, 7, 2), [1, 2]);
    assert_eq!(ids(2, 7, 2), [3, 6]);
    assert_eq!(ids(6, 7, 2), [7]);
    assert!(ids(7, 7, 2).is_empty());
    assert_eq!(ids(0, 6, 100), [1, 2, 3, 6]);
    assert_eq!(ids(-5, 7, 5), [1, 2, 3, 6, 7]);
    assert_eq!(ids(0, i64::MAX, 4), [1, 2, 3, 6]);
}

pub fn absent_values_of_participants_are_filled_in(store: &Store) {
    execute(
        store,
        "INSERT INTO participants (id, event_id, email, name, locale) VALUES
            (1, 7, ' jo@example.com ', ' Jo ', 'de-CH'), (2, 7, NULL, '', NULL), (3, 7, '  ', ' ', ' ')",
    );
    let people = page(store, 0, 10, 10);
    assert_eq!(people[0].email.as_deref(), Some("jo@example.com"));
    assert_eq!((people[0].name.as_str(), people[0].locale.as_deref()), ("Jo", Some("de-CH")));
    for person in &people[1..] {
        assert_eq!((&person.email, person.name.as_str(), &person.locale), (&None, "", &None));
    }
}

pub fn absent_values_of_events_are_filled_in(store: &Store) {
    execute(store, "INSERT INTO events (id, title, timezone, location) VALUES (7, ' ', '', '  ')");
    let event = store.find_event(EVENT).unwrap().unwrap();
    assert_eq!((event.title.as_str(), event.timezone.as_str()), ("(untitled)", "UTC"));
    assert_eq!((event.location, event.starts_at), (None, None));
    assert_eq!(store.find_event(OTHER_EVENT).unwrap(), None);
}

pub fn an_event_is_added_once(store: &Store) {
    let at = |text: &str| text.parse::<chrono::NaiveDateTime>().unwrap();
    let event = |title: &str| NewEvent {
        id: EVENT.number().unwrap(),
        title: title.to_owned(),
        description: Some("Zoë \u{1f389}".to_owned()),
        location: Some("Straße 6–8".to_owned()),
        starts_at: Some(at("2026-11-21T19:00:00")),
        ends_at: Some(at("2026-11-21T22:00:00.500")),
        timezone: "Europe/Berlin".to_owned(),
        url: Some("https://example.com/events/7".to_owned()),
        updated_at: Some(at("2026-10-25T00:30:00")),
    };
    assert!(store.add_event(&event("Ball")).unwrap());
    assert!(!store.add_event(&event("Another")).unwrap());
    let found = store.find_event(EVENT).unwrap().unwrap();
    assert_eq!((found.title.as_str(), found.description.as_deref()), ("Ball", Some("Zoë \u{1f389}")));
    let times = [found.starts_at, found.ends_at, found.updated_at].map(|time| shown(time).unwrap());
    assert_eq!(
        times,
        ["2026-11-21T19:00:00+00:00", "2026-11-21T22:00:00.500+00:00", "2026-10-25T00:30:00+00:00"]
    );
}

pub fn decided_between_is_a_half_open_range_of_one_notification(store: &Store) {
    let (notification, other) = (open(store), open(store));
    record(store, &notification, Status::Sent, [2, 3, 5, 9]);
    record(store, &other, Status::Sent, [4]);
    let between = |after, up_to| decided(store, notification.id, after, up_to);
    assert_eq!(between(2, 5), HashSet::from([3, 5]));
    assert_eq!(between(0, i64::MAX), HashSet::from([2, 3, 5, 9]));
    assert_eq!(between(5, 8), HashSet::new());
}

pub fn an_outcome_is_recorded_once_and_stays(store: &Store) {
    add_people(store, EVENT, 2);
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    record(store, &notification, Status::Failed, [1, 1, 2]);
    let tally = store.tally(&notification).unwrap();
    assert_eq!((tally.sent, tally.failed), (1, 1));
}

pub fn outcomes_are_recorded_in_any_number(store: &Store) {
    let notification = open(store);
    assert!(store.record_outcomes(&[]).unwrap().is_empty());
    record(store, &notification, Status::Sent, 1..=5000);
    assert_eq!(decided(store, notification.id, 0, 5000).len(), 5000);
}

pub fn completing_keeps_the_first_time(store: &Store) {
    let id = open(store).id;
    let entry = store.find_notification(id).unwrap().unwrap();
    assert_eq!(
        (entry.state, entry.completed_at, entry.message_key),
        (NotificationState::Running, None, None)
    );
    complete(store, id);
    execute(store, "UPDATE notifications SET completed_at = '2026-01-01 00:00:00'");
    complete(store, id);
    let entry = store.find_notification(id).unwrap().unwrap();
    assert_eq!(entry.state, NotificationState::Completed);
    assert_eq!(entry.completed_at.unwrap().to_string(), "2026-01-01 00:00:00");
    assert_eq!(store.find_notification(NotificationId(id.0 + 1)).unwrap(), None);
}

pub fn reopening_makes_failed_participants_undecided(store: &Store) {
    add_people(store, EVENT, 3);
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    record(store, &notification, Status::Failed, [2, 3]);
    complete(store, notification.id);
    assert_eq!(store.reopen_failed(first_lease(notification.id), false).unwrap(), Some(2));
    let entry = store.find_notification(notification.id).unwrap().unwrap();
    assert_eq!(entry.state, NotificationState::Completed, "a message of it is still only acked");
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1]));
    assert_eq!(store.reopen_failed(first_lease(notification.id), false).unwrap(), Some(0));
}

pub fn reopening_spares_permanent_failures_unless_asked(store: &Store) {
    let notification = open(store);
    let mut outcomes = [1, 2].map(|id| outcome(&notification, id, Status::Failed));
    outcomes[0].verdict = failed(Permanence::Permanent);
    assert!(store.record_outcomes(&outcomes).unwrap().is_empty());
    assert_eq!(store.reopen_failed(first_lease(notification.id), false).unwrap(), Some(1));
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1]));
    assert_eq!(store.reopen_failed(first_lease(notification.id), true).unwrap(), Some(1));
    assert!(decided(store, notification.id, 0, 9).is_empty());
}

pub fn outcomes_of_dry_run_mode_are_told_apart_and_reopened_alone(store: &Store) {
    add_people(store, EVENT, 5);
    let notification = open(store);
    record(store, &notification, Status::Sent, [1]);
    record(store, &notification, Status::Failed, [4]);
    let dry =
        [2, 3, 5].map(|id| Outcome { verdict: Verdict::DryRun, ..outcome(&notification, id, Status::Sent) });
    assert!(store.record_outcomes(&dry).unwrap().is_empty());
    // A relay that says the same has a reply code.
    let words = Verdict::DRY_RUN;
    execute(
        store,
        &format!("UPDATE deliveries SET smtp_code = 250, detail = '{words}' WHERE participant_id = 5"),
    );
    let tally = Tally { participants: 5, sent: 4, dry_run: 2, failed: 1, ..Tally::default() };
    assert_eq!(store.tally(&notification).unwrap(), tally);
    assert!(tally.adds_up());

    let lease = first_lease(notification.id);
    let stale = Lease { epoch: lease.epoch.next(), ..lease };
    assert_eq!(store.reopen_dry_run(stale).unwrap(), None);
    assert_eq!(store.reopen_failed(lease, true).unwrap(), Some(1), "the others are sent");
    assert_eq!(store.reopen_dry_run(lease).unwrap(), Some(2));
    assert_eq!(store.reopen_dry_run(lease).unwrap(), Some(0));
    assert_eq!(decided(store, notification.id, 0, 9), HashSet::from([1, 5]));
}

pub fn a_listing_can_be_of_one_event(store: &Store) {
    let first = open(store);
    let elsewhere = Message::new(Kind::Created, OTHER_EVENT);
    ask(store, &named("a", false), elsewhere);
    let all = store.list_notifications(None).unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].notification, first);
    let one = store.list_notifications(Some(OTHER_EVENT)).unwrap();
    assert_eq!(one, all[1..]);
    assert_eq!(one[0].message_key.as_deref(), Some("a"));
    assert_eq!(one[0].notification.kind, Kind::Created);
}

pub fn the_clock_is_utc_and_to_the_millisecond(store: &Store) {
    use chrono::{Timelike, Utc};
    let clock = store.run("read the clock", crate::store::backend::dispatch::clock).unwrap();
    let distance = (Utc::now().naive_utc() - clock).abs();
    assert!(distance < chrono::TimeDelta::seconds(60), "{clock}");
    assert_eq!(clock.nanosecond() % 1_000_000, 0, "{clock}");
}

pub fn notifications_are_locked_in_key_order(store: &Store) {
    let ids = [open(store).id, open(store).id];
    execute(store, &format!("UPDATE notifications SET epoch = 3 WHERE id = {}", ids[1]));
    let lock = |ids: &[NotificationId]| {
        store
            .write("lock", |connection| crate::store::backend::dispatch::lock_notifications(connection, ids))
            .unwrap()
    };
    assert_eq!(lock(&[ids[1], NotificationId(999_999), ids[0]]), [lease(ids[0], 1), lease(ids[1], 3)]);
    assert_eq!(lock(&[]), []);
}
