//! What every database must do, as functions over a `Store` that is migrated and empty. A further system calls
//! `conformance_tests!` with a function that opens one.

use std::collections::HashSet;

use super::*;
use crate::store::ledger::row::NotificationState;
use crate::store::source::seed_rows::NewEvent;

mod completion;
mod deferral_order;
mod deferrals;
mod forgotten_acks;
mod identity;
mod leasing;
mod opening;
mod redelivery;
mod retention;
mod retention_of_deferrals;
mod tallies;
mod words;

pub use completion::*;
pub use deferral_order::*;
pub use deferrals::*;
pub use forgotten_acks::*;
pub use identity::*;
pub use leasing::*;
pub use opening::*;
pub use redelivery::*;
pub use retention::*;
pub use retention_of_deferrals::*;
pub use tallies::*;
pub use words::*;

/// Makes a test of each function of this file; `$fresh` returns a guard and a migrated, empty `Store`.
macro_rules! conformance_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            migrating_again_changes_nothing
            a_message_id_decides_for_ever
            an_empty_message_id_is_none
            message_ids_differ_in_any_character
            a_message_id_that_asks_for_something_else_is_a_conflict
            without_a_message_id_each_message_is_new
            opening_again_after_a_lost_reply_opens_no_second_notification
            a_redelivered_message_attaches_to_the_newest_that_is_not_acked
            a_redelivered_message_attaches_only_to_the_same_kind_and_event
            a_reopened_notification_that_was_acked_is_not_attached_to
            an_ack_that_was_never_recorded_does_not_swallow_a_later_message
            one_message_id_opened_at_once_gives_one_notification
            participants_who_join_later_are_not_part_of_a_notification
            pages_follow_the_keys_and_end_at_the_bound
            absent_values_of_participants_are_filled_in
            absent_values_of_events_are_filled_in
            an_event_is_added_once
            decided_between_is_a_half_open_range_of_one_notification
            an_outcome_is_recorded_once_and_stays
            outcomes_are_recorded_in_any_number
            completing_keeps_the_first_time
            reopening_makes_failed_participants_undecided
            reopening_spares_permanent_failures_unless_asked
            a_tally_adds_up_at_every_stage
            a_tally_counts_permanent_failures_apart
            a_tally_counts_participants_who_left_after_their_outcome
            a_tally_leaves_out_participants_who_left_before_their_outcome
            a_tally_shows_an_outcome_of_a_participant_who_was_never_part_of_it
            a_tally_shows_a_late_commit_with_a_lower_key
            a_listing_can_be_of_one_event
            a_listing_can_be_of_the_newest
            a_purge_deletes_only_old_notifications
            a_purge_deletes_any_number_of_outcomes
            a_purge_deletes_any_number_of_small_notifications
            a_purge_that_ends_in_the_middle_is_finished_by_the_next
            outcomes_without_a_notification_are_found_in_every_gap
            a_notification_that_is_leased_is_kept
            a_notification_that_is_leased_meanwhile_is_kept
            a_lease_on_a_purged_notification_cannot_write
            a_purge_does_not_make_a_message_look_like_an_old_one
            a_purge_deletes_abandoned_notifications_of_the_same_age
            purges_may_run_side_by_side
            what_arrives_together_is_opened_together
            any_number_of_messages_is_opened
            starting_freezes_an_audience_that_was_empty
            a_message_id_names_one_notification_for_ever
            twins_in_one_call_are_one_notification
            a_repeated_call_opens_nothing_twice
            one_message_id_received_at_once_is_one_notification
            a_notification_that_vanished_is_opened_anew
            a_restored_copy_has_the_message_id
            a_lease_fits_no_row_that_got_its_key_later
            a_notification_is_completed_when_everyone_is_decided
            who_is_deferred_or_joined_later_does_not_hold_up_completion
            a_late_commit_with_a_lower_key_holds_up_completion
            many_notifications_are_completed_at_once
            pages_show_how_far_everyone_is_decided
            an_abandoned_notification_has_a_reason
            an_abandoned_notification_is_opened_again_unless_it_was_acked
            a_redelivered_message_finds_the_notification_that_lost_it
            each_redelivered_message_has_a_notification_of_its_own
            only_an_equal_notification_is_found
            unfinished_notifications_come_before_ended_ones
            a_fan_out_that_outlives_its_session_is_held
            what_another_worker_may_hold_is_undetermined
            what_a_lost_session_held_is_free
            what_a_closed_or_unknown_session_held_is_free
            unfinished_work_of_another_worker_comes_before_ended_work_of_ours
            a_restart_of_the_broker_ends_all_sessions_before_it
            two_workers_take_different_notifications
            an_ack_that_was_never_recorded_swallows_no_later_message
            a_message_that_waited_for_a_worker_for_days_is_found
            old_sessions_are_forgotten
            after_a_crash_each_forgotten_ack_absorbs_one_message
            an_ack_is_only_forgotten_by_a_broker_that_crashed
            an_ack_is_only_forgotten_until_the_broker_has_a_pause
            acks_after_the_last_report_may_be_forgotten
            a_message_that_was_never_delivered_is_not_absorbed
            forgotten_acks_come_back_soon
            acks_of_a_session_before_a_short_one_may_be_forgotten
            a_queue_brings_older_messages_first
            a_repeated_call_remembers_how_far_the_queue_has_come
            an_ack_of_a_session_that_may_be_alive_is_undetermined
            an_abandoned_notification_that_was_acked_absorbs_one_message
            a_session_that_is_not_in_the_table_forgets_nothing
            opening_a_notification_leases_it
            a_lease_of_another_worker_is_respected_until_it_is_released
            a_lease_is_taken_over_only_as_it_was_seen
            only_one_of_many_workers_takes_over
            a_lease_ends_by_the_clock_of_the_database_unless_it_is_renewed
            writes_of_a_lost_lease_are_refused
            refused_outcomes_do_not_hold_up_the_others
            a_completed_notification_has_no_lease
            a_lost_lease_reopens_nothing
            workers_come_and_go
            the_clock_is_utc_and_to_the_millisecond
            notifications_are_locked_in_key_order
            every_word_of_the_ledger_is_read_as_it_is_written
            an_unknown_word_is_an_error_that_names_its_row
            a_notification_without_an_event_is_listed_and_adds_up
            a_notification_without_an_event_is_purged
            a_message_id_is_looked_for_on_its_channel
            an_installation_has_one_tag
            a_deferred_mail_has_a_row_until_it_is_decided
            a_deferral_keeps_what_the_next_attempt_needs
            recording_deferrals_again_after_a_lost_reply_changes_nothing
            a_decided_participant_gets_no_deferral
            deferrals_of_a_lost_lease_are_refused
            deferrals_are_recorded_in_any_number
            due_deferrals_are_read_in_pages
            a_deferral_beside_a_delivery_is_not_read
            notifications_with_due_deferrals_are_listed
            the_time_to_the_next_deferral_is_that_of_the_database
            a_later_cancellation_of_the_event_is_found
            of_very_many_due_deferrals_all_are_found
            a_completed_notification_with_deferrals_is_leased_by_one_worker
            reopening_failures_leaves_deferrals_as_they_are
            deferrals_and_outcomes_add_up_in_any_order
            a_tally_counts_deferred_participants_who_left
            a_tally_shows_a_deferral_of_a_participant_who_was_never_part_of_it
            a_notification_with_deferrals_is_kept
            a_notification_whose_mail_is_deferred_meanwhile_is_kept
            deferrals_without_a_notification_are_deleted
        );
    };
    ($fresh:path: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let (_guard, store) = $fresh();
                crate::store::tests::conformance::$name(&store);
            }
        )*
    };
}
pub(super) use conformance_tests;

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
    assert_eq!(last_participant_id(store, EVENT), 0);
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
        id: EVENT,
        title: title.to_owned(),
        description: "Zoë \u{1f389}".to_owned(),
        location: "Straße 6–8".to_owned(),
        starts_at: at("2026-11-21T19:00:00"),
        ends_at: at("2026-11-21T22:00:00.500"),
        timezone: "Europe/Berlin".to_owned(),
        url: "https://example.com/events/7".to_owned(),
        updated_at: at("2026-10-25T00:30:00"),
    };
    assert!(store.add_event(&event("Ball")).unwrap());
    assert!(!store.add_event(&event("Another")).unwrap());
    let found = store.find_event(EVENT).unwrap().unwrap();
    assert_eq!((found.title.as_str(), found.description.as_deref()), ("Ball", Some("Zoë \u{1f389}")));
    let times = [found.starts_at, found.ends_at, found.updated_at].map(|time| time.unwrap().to_rfc3339());
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

pub fn a_listing_can_be_of_one_event(store: &Store) {
    let first = open(store);
    let elsewhere = Message { kind: Kind::Created, event_id: OTHER_EVENT };
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
