//! The list of recipients: who is on it, who may write to it, and what is completed, added up, tried again and purged by it.

use chrono::TimeDelta;

use super::*;
use crate::domain::audience::Listing;
use crate::domain::outcome::Tally;
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::decided::DecidedPage;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::tests::consumer::*;

/// Participants with these keys.
fn with_keys(store: &Store, keys: &[&str]) {
    key_type(store, "VARCHAR(99)", &quoted(keys));
}

fn append(store: &Store, lease: Lease, after: i64, keys: &[&str], listing: Option<Listing>) -> Appended {
    let new = NewRecipients { lease, after: ParticipantId(after), keys, listing };
    store.append_recipients(&new).unwrap()
}

fn listed(store: &Store, notification: &Notification, after: i64) -> Vec<(i64, String)> {
    let rows = store.read_recipients(notification.id, ParticipantId(after), 3).unwrap();
    rows.into_iter().map(|(id, key)| (id.0, key)).collect()
}

fn start(me: &mut Consumer<'_>) -> (Notification, Lease) {
    let (opened, lease) = me.receive_new();
    let started = me.store.start_notification(lease).unwrap().unwrap();
    assert_eq!(started, opened, "nothing is frozen yet");
    (started, lease)
}

fn complete(store: &Store, lease: Lease, after: Option<i64>) -> Completion {
    let after = after.map(ParticipantId);
    let completing = Completing { lease, after, listed: true };
    store.complete_notifications(&[completing]).unwrap()[0]
}

fn record_under(store: &Store, notification: &Notification, lease: Lease, ids: &[i64]) {
    let outcomes: Vec<Outcome> =
        ids.iter().map(|id| Outcome { lease, ..outcome(notification, *id, Status::Sent) }).collect();
    assert_eq!(store.record_outcomes(&outcomes).unwrap(), BTreeSet::new());
}

fn defer(store: &Store, notification: &Notification, lease: Lease, id: i64) {
    let verdict = Verdict::Deferred { pause: Duration::ZERO, code: Some(450), detail: String::new() };
    let deferred = Outcome { lease, verdict, ..outcome(notification, id, Status::Sent) };
    assert_eq!(store.record_outcomes(&[deferred]).unwrap(), BTreeSet::new());
}

pub fn a_list_numbers_its_keys(store: &Store) {
    with_keys(store, &["a", "b", "c", "d"]);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    let (other, other_lease) = start(&mut me);
    assert_eq!(store.find_listing(notification.id).unwrap(), Some(Listing::Reading));
    assert_eq!(append(store, lease, 0, &["a", "b"], None), Appended::Done);
    assert_eq!(append(store, other_lease, 0, &["b"], Some(Listing::Frozen(1))), Appended::Done);
    assert_eq!(store.find_listing(notification.id).unwrap(), Some(Listing::Reading));
    assert_eq!(append(store, lease, 2, &["'c'", "🎉"], Some(Listing::ReadOnce)), Appended::Done);
    assert_eq!(store.find_listing(notification.id).unwrap(), Some(Listing::ReadOnce));
    assert_eq!(append(store, lease, 4, &[], Some(Listing::Frozen(4))), Appended::Done);
    assert_eq!(store.find_listing(notification.id).unwrap(), Some(Listing::Frozen(4)));
    let keys = |first| [(1, "a"), (2, "b"), (3, "'c'"), (4, "🎉")][first..].iter();
    let expected = |first, count| -> Vec<(i64, String)> {
        keys(first).take(count).map(|(id, key)| (*id, (*key).to_owned())).collect()
    };
    assert_eq!(listed(store, &notification, 0), expected(0, 3));
    assert_eq!(listed(store, &notification, 3), expected(3, 1));
    assert_eq!(listed(store, &notification, 4), []);
    assert_eq!(listed(store, &other, 0), [(1, "b".to_owned())]);
    assert_eq!(append(store, lease, 4, &["e"], None), Appended::Moved, "the list is complete");
    assert_eq!(listed(store, &notification, 3), expected(3, 1));
    assert_eq!(store.find_listing(NotificationId(999_999)).unwrap(), None);
}

pub fn only_the_holder_of_the_lease_writes_a_list(store: &Store) {
    with_keys(store, &["a", "b"]);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    let stale = Lease { epoch: Epoch(lease.epoch.0 - 1), ..lease };
    assert_eq!(append(store, stale, 0, &["a"], Some(Listing::Frozen(1))), Appended::LeaseLost);
    let gone = lease_of(NotificationId(notification.id.0 + 99), lease);
    assert_eq!(append(store, gone, 0, &["a"], None), Appended::LeaseLost);
    assert_eq!(listed(store, &notification, 0), []);
    assert_eq!(store.find_listing(notification.id).unwrap(), Some(Listing::Reading));
    assert_eq!(append(store, lease, 0, &["a"], None), Appended::Done);
    // An earlier call that comes late, or is repeated because its reply was lost.
    let late = NewRecipients { lease, after: ParticipantId(0), keys: &["b", "c"], listing: None };
    assert_eq!(store.append_recipients(&late).unwrap(), Appended::Moved);
    assert_eq!(listed(store, &notification, 0), [(1, "a".to_owned())], "all or none");
}

fn lease_of(notification_id: NotificationId, lease: Lease) -> Lease {
    Lease { notification_id, ..lease }
}

pub fn a_long_list_is_written_at_once(store: &Store) {
    with_keys(store, &["a"]);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    let keys: Vec<String> = (0..2500).map(|n| format!("key {n}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    assert_eq!(append(store, lease, 0, &keys, Some(Listing::Frozen(2500))), Appended::Done);
    assert_eq!(listed(store, &notification, 2499), [(2500, "key 2499".to_owned())]);
    let key = store.text_key(EVENT).unwrap();
    assert_eq!(store.find_unlisted_keys(key, notification.id, EVENT, 9).unwrap().keys, ["a"]);
}

pub fn a_notification_waits_for_everyone_on_its_list(store: &Store) {
    with_keys(store, &["a", "b", "c"]);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    let page = |after: i64| store.find_decided_end(&notification, ParticipantId(after), 2).unwrap();
    assert_eq!(complete(store, lease, None), Completion::Undecided, "the list is not complete");
    assert_eq!(page(0), DecidedPage::Undecided);
    append(store, lease, 0, &["a", "b", "c"], Some(Listing::ReadOnce));
    record_under(store, &notification, lease, &[1, 2]);
    assert_eq!((complete(store, lease, None), page(0)), (Completion::Undecided, DecidedPage::Undecided));
    append(store, lease, 3, &[], Some(Listing::Frozen(3)));
    assert_eq!(complete(store, lease, None), Completion::Undecided);
    assert_eq!((page(0), page(2)), (DecidedPage::UpTo(ParticipantId(2)), DecidedPage::Undecided));
    defer(store, &notification, lease, 3);
    assert_eq!((page(2), page(3)), (DecidedPage::Last, DecidedPage::Last));
    join(store, &quoted(&["0"]));
    assert_eq!(complete(store, lease, None), Completion::Completed, "who joins later is not part of it");
    assert_eq!(complete(store, lease, None), Completion::Completed, "the reply was lost");
}

pub fn many_notifications_wait_for_everyone_on_their_lists(store: &Store) {
    with_keys(store, &["a", "b"]);
    let mut me = Consumer::begin(store, "me", 1);
    let started: Vec<(Notification, Lease)> = (0..6).map(|_| start(&mut me)).collect();
    for (number, (notification, lease)) in started.iter().enumerate() {
        append(store, *lease, 0, &["a", "b"], Some(Listing::Frozen(2)));
        record_under(store, notification, *lease, if number % 2 == 0 { &[1, 2] } else { &[1] });
    }
    let completing = |(_, lease): &(_, Lease)| Completing { lease: *lease, after: None, listed: true };
    let completions =
        store.complete_notifications(&started.iter().map(completing).collect::<Vec<_>>()).unwrap();
    let expected = [Completion::Completed, Completion::Undecided];
    assert_eq!(completions, [expected, expected, expected].concat());
}

pub fn the_tally_of_a_list_adds_up_at_every_stage(store: &Store) {
    with_keys(store, &["a", "b", "b", "c", "d"]);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    let tally = || store.tally(&notification).unwrap();
    let pending = |participants, pending| Tally { participants, pending, ..Tally::default() };
    assert_eq!(tally(), pending(4, 4));
    assert_eq!(store.count_audience(&notification).unwrap(), Some(5), "one has two rows");
    append(store, lease, 0, &["a", "b"], None);
    assert_eq!(tally(), pending(4, 4));
    record_under(store, &notification, lease, &[1]);
    assert_eq!(tally(), Tally { sent: 1, ..pending(4, 3) });
    execute(store, "DELETE FROM participants WHERE id = 'a'");
    assert_eq!(tally(), Tally { sent: 1, ..pending(4, 3) }, "who has left had the mail");
    append(store, lease, 2, &["c", "d"], Some(Listing::ReadOnce));
    join(store, &quoted(&["0"]));
    assert_eq!(tally(), Tally { sent: 1, ..pending(5, 4) });
    append(store, lease, 4, &["0"], Some(Listing::Frozen(5)));
    join(store, &quoted(&["1"]));
    defer(store, &notification, lease, 3);
    let tally = tally();
    assert_eq!(tally, Tally { sent: 1, deferred: 1, ..pending(5, 3) });
    assert!(tally.adds_up());
}

pub fn deferred_people_on_a_list_are_found_by_their_keys(store: &Store) {
    with_keys(store, &["a", "A", "b"]);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    append(store, lease, 0, &["A", "b", "a"], Some(Listing::Frozen(3)));
    for id in 1..=3 {
        defer(store, &notification, lease, id);
    }
    assert_eq!(complete(store, lease, None), Completion::Completed);
    execute(store, "UPDATE participants SET email = 'capital@example.com' WHERE email = 'p1@example.com'");
    execute(store, "DELETE FROM participants WHERE id = 'b'");
    let due = due_people(store, &notification, None, 9);
    let found: Vec<_> = due
        .iter()
        .map(|(deferral, participant)| {
            (deferral.participant_id.0, participant.as_ref().map(|one| (one.id.0, one.email.clone())))
        })
        .collect();
    let person = |id, email: &str| Some((id, Some(email.to_owned())));
    assert_eq!(found, [(1, person(1, "capital@example.com")), (2, None), (3, person(3, "p0@example.com"))]);
}

pub fn who_joined_late_is_found_once_however_many(store: &Store) {
    with_keys(store, &["b", "d"]);
    let mut me = Consumer::begin(store, "me", 1);
    let (notification, lease) = start(&mut me);
    append(store, lease, 0, &["b", "d"], Some(Listing::ReadOnce));
    let key = store.text_key(EVENT).unwrap();
    let late = |limit| {
        let mut unlisted = store.find_unlisted_keys(key, notification.id, EVENT, limit).unwrap();
        assert_eq!(unlisted.are_all, unlisted.keys.len() < limit as usize);
        assert_eq!((unlisted.unlistable, unlisted.why), (0, None));
        unlisted.keys.sort_unstable();
        unlisted.keys
    };
    assert_eq!(late(9), [""; 0]);
    join(store, &quoted(&["a", "B", "c", "c", "b ", "d"]));
    assert_eq!(late(9), ["B", "a", "b ", "c"]);
    assert_eq!(late(2).len(), 2);
}

pub fn a_purge_deletes_lists_of_any_length(store: &Store) {
    with_keys(store, &["a"]);
    let mut me = Consumer::begin(store, "me", 1);
    let keys: Vec<String> = (0..2100).map(|n| n.to_string()).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut kept = None;
    for is_old in [true, false] {
        let (notification, lease) = start(&mut me);
        append(store, lease, 0, &keys, Some(Listing::Frozen(2100)));
        assert_eq!(complete(store, lease, Some(i64::MAX)), Completion::Completed);
        me.ack(notification.id, me.tag);
        if is_old {
            execute(store, "UPDATE notifications SET completed_at = '2020-01-01 00:00:00'");
        }
        kept = Some(notification);
    }
    let mut purge = store.purge(TimeDelta::days(30)).unwrap();
    let mut deleted = 0;
    while let Some(step) = purge.step().unwrap() {
        deleted += step.notifications;
    }
    assert_eq!(deleted, 1);
    let kept = kept.unwrap();
    assert_eq!(store.read_recipients(kept.id, ParticipantId(0), 5000).unwrap().len(), 2100);
    let old = NotificationId(kept.id.0 - 1);
    assert_eq!(store.read_recipients(old, ParticipantId(0), 5000).unwrap(), []);
}
