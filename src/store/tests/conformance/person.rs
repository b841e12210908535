//! What is kept about a person: finding it, and erasing it.

use chrono::TimeDelta;

use super::*;
use crate::domain::address_hash::normalized;
use crate::domain::audience::Listing;
use crate::domain::message::recipient::GivenRecipient;
use crate::domain::written_address::WrittenAddress;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::recipients::row::NewRecipients;
use crate::store::ledger::retention::Purged;
use crate::store::person::erasures::Erased;
use crate::store::person::mentions::MentionTable;
use crate::store::person::{FormerKeys, Person, Place, START};
use crate::store::tests::conformance::notices::{address, notice, open_notice, user};
use crate::store::tests::conformance::text_keys::{key_type, quoted};
use crate::store::tests::conformance::users::make_users;
use crate::store::tests::consumer::{Consumer, NEW};

mod erasing;

pub use erasing::*;

/// Makes a test of each function of this file, as `names` does with those of the others.
macro_rules! person_tests {
    ($fresh:path) => {
        crate::store::tests::conformance::conformance_tests!($fresh:
            a_person_is_found_by_every_spelling_and_by_keys
            a_participant_is_found_by_the_key_alone
            erasing_leaves_numbers_that_add_up_and_nothing_of_the_person
            a_dry_run_counts_what_an_erasure_changes
            texts_of_others_lose_the_address_alone
            a_message_that_comes_again_after_an_erasure_is_known
            what_waits_is_skipped_and_what_a_worker_sends_is_left
            keys_of_a_list_that_is_not_complete_are_left
            an_erasure_that_was_interrupted_is_continued_in_its_row_of_the_log
            a_purge_keeps_suppressions_and_the_log_for_three_years
        );
    };
}
pub(in crate::store::tests) use person_tests;

pub(super) const ADA: &str = "ada@b\u{fc}cher.example";

pub(super) fn find(store: &Store, keys: &[&str]) -> Person {
    let participants = keys.iter().map(|key| (*key).to_owned()).collect();
    find_with(store, FormerKeys { participants, ..FormerKeys::default() })
}

fn find_with(store: &Store, keys: FormerKeys) -> Person {
    let normalized = normalized(ADA).unwrap();
    let hash = store.address_key().unwrap().hash_normalized(&normalized);
    store.find_person(WrittenAddress::new(&normalized), hash, keys).unwrap()
}

pub(super) fn places(store: &Store, keys: &[&str]) -> Vec<(i64, i64)> {
    let own = store.find_places(&find(store, keys)).unwrap().own;
    own.into_iter().map(|place| (place.notification_id.0, place.participant_id.0)).collect()
}

pub(super) fn erase(store: &Store, dry_run: bool) -> Erased {
    let person = find(store, &[]);
    let (run, mut erased) = store.begin_erasure(&person, Some("me"), dry_run).unwrap();
    let found = store.find_places(&person).unwrap();
    erased += store.erase_outbox_rows(run, &person, 0).unwrap().0;
    for table in MentionTable::ALL {
        let is_own = |place: &Place| found.own.contains(place);
        erased += store.erase_mentions(run, &person, table, START, is_own).unwrap().0;
    }
    let others: Vec<Place> = found.others.into_iter().collect();
    erased += store.erase_in_others(run, &person, &others).unwrap();
    let own: Vec<Place> = found.own.into_iter().collect();
    erased += store.erase_places(run, &own).unwrap();
    if erased.left == 0 {
        store.end_erasure(run).unwrap();
    }
    erased
}

pub(super) fn open_given(
    me: &mut Consumer<'_>,
    text: &str,
    people: Vec<GivenRecipient>,
) -> (Notification, Lease) {
    let opened = open_notice(me, NEW, notice(text, people));
    let Opened::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
    (notification, lease)
}

pub(super) fn ada() -> GivenRecipient {
    GivenRecipient { name: Some("Ada".to_owned()), ..address("ADA@B\u{dc}CHER.example") }
}

pub(super) fn decide(store: &Store, lease: Lease, notification: &Notification, id: i64, status: Status) {
    let outcome = Outcome { lease, ..outcome(notification, id, status) };
    store.record_outcomes(&[outcome]).unwrap();
}

pub(super) fn count(store: &Store, condition: &str) -> i64 {
    let query = format!("SELECT COUNT(*) FROM {condition}");
    let count = |connection: &mut _| {
        diesel::RunQueryDsl::get_result(diesel::dsl::sql::<diesel::sql_types::BigInt>(&query), connection)
    };
    store.run("count", count).unwrap()
}

pub(super) fn end_leases(store: &Store) {
    execute(store, "UPDATE notifications SET lease_owner = NULL, lease_until = NULL");
}

pub fn a_person_is_found_by_every_spelling_and_by_keys(store: &Store) {
    add_people(store, EVENT, 4);
    execute(store, "UPDATE participants SET email = ' Ada@xn--bcher-kva.EXAMPLE ' WHERE id = 2");
    execute(store, "UPDATE participants SET email = 'joada@b\u{fc}cher.example' WHERE id = 3");
    make_users(store, "BIGINT", &["7", "8"]);
    execute(store, "UPDATE users SET email = 'Ada <ada@B\u{fc}cher.example>' WHERE id = 8");
    let of_event = open(store);
    record(store, &of_event, Status::Sent, [1, 2]);
    record(store, &of_event, Status::Failed, [4]);
    let mut me = Consumer::begin(store, "me", 1);
    let (to_address, _) = open_given(&mut me, "a", vec![address("bob@example.com"), ada()]);
    let (to_user, _) = open_given(&mut me, "b", vec![user("8"), user("7"), user("4")]);
    let person = find(store, &[]);
    let keys = |rows: &[crate::store::person::AppRow]| -> Vec<String> {
        rows.iter().map(|row| row.key.clone()).collect()
    };
    assert_eq!(
        (keys(&person.participants), keys(&person.users)),
        (vec!["2".to_owned()], vec!["8".to_owned()])
    );
    let found = vec![(of_event.id.0, 2), (to_address.id.0, 2), (to_user.id.0, 1)];
    assert_eq!(places(store, &[]), found);
    let found_now = store.find_places(&person).unwrap().own;
    // Of a row that the application has deleted.
    let with_key = vec![(of_event.id.0, 2), (of_event.id.0, 4), (to_address.id.0, 2), (to_user.id.0, 1)];
    assert_eq!(places(store, &["4"]), with_key, "the user 4 is somebody else");
    let former = FormerKeys { users: vec!["4".to_owned()], ..FormerKeys::default() };
    let with_user_key: Vec<Place> =
        store.find_places(&find_with(store, former)).unwrap().own.difference(&found_now).copied().collect();
    let user = Place { notification_id: to_user.id, participant_id: ParticipantId(3) };
    assert_eq!(with_user_key, [user], "the participant 4 is somebody else");
    execute(store, "DROP TABLE users");
    execute(store, "CREATE TABLE users (id INTEGER, login VARCHAR(9))");
    assert_eq!(find(store, &[]).users.len(), 0, "a table of another kind");
    execute(store, "DROP TABLE users");
    key_type(store, "VARCHAR(99)", &quoted(&["a", "b"]));
    execute(store, "UPDATE participants SET email = 'ada@b\u{fc}cher.example' WHERE id = 'b'");
    let listed = open(store);
    let lease = first_lease(listed.id);
    let new = NewRecipients {
        lease,
        after: ParticipantId(0),
        keys: &["a", "b"],
        listing: Some(Listing::Frozen(2)),
    };
    store.append_recipients(&new).unwrap();
    assert!(places(store, &[]).contains(&(listed.id.0, 2)));
}

pub fn keys_of_a_list_that_is_not_complete_are_left(store: &Store) {
    key_type(store, "VARCHAR(99)", &quoted(&["a", "b"]));
    execute(store, "UPDATE participants SET email = 'ada@b\u{fc}cher.example' WHERE id = 'a'");
    let notification = open(store);
    let lease = first_lease(notification.id);
    let new = NewRecipients { lease, after: ParticipantId(0), keys: &["a"], listing: None };
    store.append_recipients(&new).unwrap();
    end_leases(store);
    assert_eq!(erase(store, false).left, 1, "the next page begins behind this key");
    execute(store, "UPDATE notifications SET max_participant_id = 1");
    assert_eq!(erase(store, false).left, 0);
    assert_eq!(count(store, "recipients WHERE user_key IS NULL"), 1);
    assert!(store.find_participants(&notification, &[ParticipantId(1)]).unwrap().is_empty());
}

pub fn an_erasure_that_was_interrupted_is_continued_in_its_row_of_the_log(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    for _ in 0..3 {
        let (given, lease) = open_given(&mut me, "a", vec![ada()]);
        decide(store, lease, &given, 1, Status::Sent);
    }
    let person = find(store, &[]);
    let (run, _) = store.begin_erasure(&person, Some("first"), false).unwrap();
    let own: Vec<Place> = store.find_places(&person).unwrap().own.into_iter().collect();
    store.erase_places(run, &own[..1]).unwrap();
    assert_eq!(erase(store, false).rows.recipients, 2);
    let log = store.list_erasures(None, 9).unwrap();
    assert_eq!((log.len(), log[0].rows.recipients, log[0].run_by.as_deref()), (1, 3, Some("first")));
    assert!(log[0].ended_at.is_some());
    crate::store::tests::consumer::pass(store, TimeDelta::milliseconds(2));
    erase(store, false);
    assert_eq!(store.list_erasures(Some(&person.hash), 9).unwrap().len(), 2, "a new one");
}

pub fn a_purge_keeps_suppressions_and_the_log_for_three_years(store: &Store) {
    erase(store, false);
    let hash = find(store, &[]).hash;
    execute(
        store,
        "INSERT INTO soft_bounces (address_hash, notification_id, participant_id, reported_at)
            SELECT address_hash, 1, 1, '2026-01-01 10:00:00' FROM suppressions;
         INSERT INTO soft_bounces (address_hash, notification_id, participant_id, reported_at)
            SELECT address_hash, 1, 2, '2037-01-01 10:00:00' FROM suppressions;
         INSERT INTO erasures (address_hash, begun_at, outcomes, recipients, notifications, suppressions, outbox_rows)
            SELECT address_hash, '2020-01-01 10:00:00', 0, 0, 0, 0, 0 FROM suppressions",
    );
    let mut purge = store.purge(TimeDelta::hours(1)).unwrap();
    let plan = purge.plan().unwrap();
    assert_eq!((plan.soft_bounces, plan.erasures), (1, 1));
    let expected = Purged { soft_bounces: 1, erasures: 1, ..Purged::default() };
    assert_eq!((purge.step().unwrap(), purge.step().unwrap()), (Some(expected), None));
    assert_eq!(store.list_erasures(Some(&hash), 9).unwrap().len(), 1);
    assert_eq!((count(store, "suppressions"), count(store, "soft_bounces")), (1, 1));
}

pub fn a_participant_is_found_by_the_key_alone(store: &Store) {
    let found = |event: Option<EventId>, key: &str| {
        let rows = store.find_participants_with_key(event, key).unwrap();
        let places = store.find_places_of_key(event, key).unwrap();
        let places: Vec<_> =
            places.iter().map(|place| (place.notification_id.0, place.participant_id.0)).collect();
        (rows.into_iter().map(|row| (row.event_id, row.key, row.email)).collect::<Vec<_>>(), places)
    };
    add_people(store, EVENT, 3);
    let first = open(store);
    record(store, &first, Status::Sent, [2]);
    let row = (Some(EVENT), "2".to_owned(), "p2@example.com".to_owned());
    let both = (vec![row], vec![(first.id.0, 2)]);
    let (rows, places) = found(Some(EVENT), "2");
    assert_eq!((rows.len(), &rows[0].1, &places), (1, &both.0[0].1, &both.1));
    assert_eq!(found(None, "2"), (rows, places));
    assert_eq!(found(Some(OTHER_EVENT), "2"), (vec![], vec![]));
    assert_eq!(found(None, "two"), (vec![], vec![]));

    key_type(store, "VARCHAR(99)", &quoted(&["a", "b b", "C"]));
    let listed = open(store);
    let new = NewRecipients {
        lease: first_lease(listed.id),
        after: ParticipantId(0),
        keys: &["C", "b b"],
        listing: None,
    };
    store.append_recipients(&new).unwrap();
    let (rows, places) = found(None, "b b");
    assert_eq!((rows.len(), rows[0].1.as_str(), places), (1, "b b", vec![(listed.id.0, 2)]));
    assert_eq!(found(Some(EVENT), "a").1, [], "not listed");
    assert_eq!(found(Some(EVENT), "B B"), (vec![], vec![]), "another key");
}
