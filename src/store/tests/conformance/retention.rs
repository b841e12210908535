//! What a purge deletes, what it keeps, and what it looks like in the middle.

use chrono::{Days, TimeDelta, Utc};

use super::*;
use crate::domain::ids::{Epoch, NotificationId};
use crate::domain::priority::Priority;
use crate::store::ledger::retention::{Purge, Purged};

const AGE: TimeDelta = TimeDelta::days(90);

/// Old enough to be purged, and not so.
const OLD: u64 = 100;
const NEW: u64 = 80;

/// What becomes a row of `notifications`, for the event of most tests.
struct Row {
    key: Option<&'static str>,
    completed_days_ago: Option<u64>,
    acked: bool,
}

/// One without a `message_id`.
fn row_without_message_id(completed_days_ago: u64, acked: bool) -> Row {
    Row { key: None, completed_days_ago: Some(completed_days_ago), acked }
}

/// One that is over in every way.
fn done(key: &'static str, completed_days_ago: u64) -> Row {
    Row { key: Some(key), completed_days_ago: Some(completed_days_ago), acked: true }
}

/// Adds a notification with outcomes for participants 1 to `outcomes`.
fn add(store: &Store, row: &Row, outcomes: u32) -> NotificationId {
    let time = row.completed_days_ago.map_or("NULL".to_owned(), |days| {
        let then = Utc::now().naive_utc() - Days::new(days);
        format!("'{}'", then.format("%F %T"))
    });
    let key = row.key.map_or("NULL".to_owned(), |key| format!("'{key}'"));
    let state = if row.completed_days_ago.is_some() { "completed" } else { "running" };
    let acked_at = if row.acked { &time } else { "NULL" };
    execute(
        store,
        &format!(
            "INSERT INTO notifications (message_key, kind, event_id, audience, max_participant_id, state,
                received_at, completed_at, acked_at)
             VALUES ({key}, 'UPDATED', {EVENT}, 'event', {outcomes}, '{state}', '2020-01-01 00:00:00', {time}, {acked_at})"
        ),
    );
    let id = ids(store).pop().unwrap();
    add_outcomes(store, id, outcomes);
    id
}

fn add_outcomes(store: &Store, notification_id: NotificationId, count: u32) {
    let rows: Vec<String> = (1..=count)
        .map(|id| format!("({notification_id}, {id}, 'sent', 1, FALSE, '2020-01-01 00:00:00')"))
        .collect();
    for rows in rows.chunks(500) {
        execute(
            store,
            &format!(
                "INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, decided_at)
                 VALUES {}",
                rows.join(", ")
            ),
        );
    }
}

/// The notifications that there are.
fn ids(store: &Store) -> Vec<NotificationId> {
    store.list_notifications(None).unwrap().iter().map(|entry| entry.notification.id).collect()
}

fn outcomes(store: &Store, notification_id: NotificationId) -> usize {
    decided(store, notification_id, i64::MIN, i64::MAX).len()
}

fn finish(mut purge: Purge<'_>) -> Purged {
    let mut all = Purged::default();
    while let Some(some) = purge.step().unwrap() {
        all.notifications += some.notifications;
        all.outcomes += some.outcomes;
    }
    all
}

fn purged(notifications: u64, outcomes: u64) -> Purged {
    Purged { notifications, outcomes, ..Purged::default() }
}

pub fn a_purge_deletes_only_old_notifications(store: &Store) {
    let first = add(store, &done("first", OLD + 7), 3);
    let recent = add(store, &done("recent", NEW), 4);
    let running = add(store, &Row { key: Some("running"), completed_days_ago: None, acked: false }, 5);
    let not_acked = Row { acked: false, ..done("not-acked", OLD) };
    let not_acked = add(store, &not_acked, 6);
    let last = add(store, &done("last", OLD), 0);
    let completed_at = |id| store.find_notification(id).unwrap().unwrap().completed_at;
    let (oldest, newest) = (completed_at(first), completed_at(last));

    let plan = store.purge(AGE).unwrap().plan().unwrap();
    assert_eq!((plan.notifications, plan.outcomes), (2, 3));
    assert_eq!((plan.oldest, plan.newest), (oldest, newest));
    assert_eq!(plan.not_acked, [not_acked]);
    assert_eq!(plan.leased, Vec::<NotificationId>::new());
    assert_eq!(ids(store).len(), 5, "a plan deletes nothing");

    assert_eq!(finish(store.purge(AGE).unwrap()), purged(2, 3));
    assert_eq!(ids(store), [recent, running, not_acked]);
    assert_eq!([recent, running, not_acked].map(|id| outcomes(store, id)), [4, 5, 6]);
    assert_eq!(finish(store.purge(AGE).unwrap()), purged(0, 0));
    let plan = store.purge(AGE).unwrap().plan().unwrap();
    assert_eq!((plan.notifications, plan.outcomes, plan.oldest), (0, 0, None));
}

pub fn a_purge_deletes_any_number_of_outcomes(store: &Store) {
    for count in [0, 1, 998, 999, 1000, 1001, 2500] {
        add(store, &row_without_message_id(OLD, true), count);
    }
    let bystander = add(store, &done("bystander", NEW), 10);
    let mut purge = store.purge(AGE).unwrap();
    let mut all = Purged::default();
    while let Some(some) = purge.step().unwrap() {
        assert!(some.notifications + some.outcomes <= 1000, "{some:?} is no small transaction");
        all = purged(all.notifications + some.notifications, all.outcomes + some.outcomes);
    }
    assert_eq!(all, purged(7, 6499));
    assert_eq!((ids(store), outcomes(store, bystander)), (vec![bystander], 10));
}

pub fn a_purge_that_ends_in_the_middle_is_finished_by_the_next(store: &Store) {
    add_people(store, EVENT, 5);
    let old = add(store, &done("a", OLD), 2500);
    let mut purge = store.purge(AGE).unwrap();
    assert_eq!(purge.step().unwrap(), Some(purged(1, 999)));
    drop(purge);

    // Half of it is not visible: it is not listed, and its message is a new notification, for everyone.
    assert_eq!(ids(store), Vec::<NotificationId>::new());
    let Opened::Ours { notification: new, resumed: false, .. } =
        ask(store, &named("a", true), message(Kind::Updated))
    else {
        panic!("what was purged is still known");
    };
    assert_ne!(new.id, old);
    assert_eq!(store.tally(&new).unwrap().pending, 5);
    add_outcomes(store, new.id, 2);

    let purge = store.purge(AGE).unwrap();
    let plan = purge.plan().unwrap();
    assert_eq!((plan.notifications, plan.outcomes), (0, 1501));
    assert_eq!(finish(purge), purged(0, 1501));
    assert_eq!((outcomes(store, old), outcomes(store, new.id)), (0, 2));
}

pub fn outcomes_without_a_notification_are_found_in_every_gap(store: &Store) {
    let kept: Vec<NotificationId> =
        (0..6).map(|_| add(store, &row_without_message_id(NEW, true), 2)).collect();
    for gone in [kept[0], kept[2], kept[3], kept[5]] {
        execute(store, &format!("DELETE FROM notifications WHERE id = {gone}"));
    }
    assert_eq!(finish(store.purge(AGE).unwrap()), purged(0, 8));
    let left: Vec<usize> = kept.iter().map(|id| outcomes(store, *id)).collect();
    assert_eq!(left, [0, 2, 0, 0, 2, 0]);
}

pub fn a_notification_that_is_leased_is_kept(store: &Store) {
    let [leased, expired] = ["leased", "expired"].map(|key| add(store, &done(key, OLD), 2));
    let lease = |id: NotificationId, until: &str| {
        execute(store, &format!("UPDATE notifications SET lease_until = '{until}' WHERE id = {id}"));
    };
    lease(leased, "2037-01-01 00:00:00");
    lease(expired, "2026-01-01 00:00:00");
    let plan = store.purge(AGE).unwrap().plan().unwrap();
    assert_eq!((plan.notifications, plan.outcomes), (1, 2));
    assert_eq!(plan.leased, [leased]);
    assert_eq!(finish(store.purge(AGE).unwrap()), purged(1, 2));
    assert_eq!((ids(store), outcomes(store, leased)), (vec![leased], 2));
}

pub fn a_notification_that_is_leased_meanwhile_is_kept(store: &Store) {
    let first = add(store, &done("first", OLD), 1500);
    let later = add(store, &done("later", OLD), 1500);
    let mut purge = store.purge(AGE).unwrap();
    assert_eq!(purge.step().unwrap(), Some(purged(1, 999)));
    execute(
        store,
        &format!("UPDATE notifications SET lease_until = '2037-01-01 00:00:00' WHERE id = {later}"),
    );
    assert_eq!(finish(purge), purged(0, 501));
    assert_eq!((ids(store), outcomes(store, first), outcomes(store, later)), (vec![later], 0, 1500));
}

pub fn a_lease_on_a_purged_notification_cannot_write(store: &Store) {
    let old = add(store, &done("old", OLD), 2);
    let seen = Lease { notification_id: old, epoch: Epoch(0) };
    let lease = store.take_over(seen, None, seen.epoch.next(), &lease_request("me")).unwrap().unwrap();
    assert_eq!(finish(store.purge(AGE).unwrap()), purged(0, 0), "it is leased");
    execute(store, &format!("UPDATE notifications SET lease_until = '2026-01-01 00:00:00' WHERE id = {old}"));
    assert_eq!(finish(store.purge(AGE).unwrap()), purged(1, 2));

    let (audience, priority) = (participants_up_to(2), Priority::default());
    let notification =
        Notification { id: old, kind: Kind::Updated, event_id: Some(EVENT), audience, priority };
    let late = Outcome { lease, ..outcome(&notification, 1, Status::Sent) };
    assert_eq!(store.record_outcomes(&[late]).unwrap(), BTreeSet::from([lease]));
    assert_eq!(store.renew_leases(&[lease], &lease_request("me")).unwrap(), [lease]);
    assert_eq!(store.take_over(lease, None, lease.epoch.next(), &lease_request("me")).unwrap(), None);
    assert_eq!((ids(store), outcomes(store, old)), (vec![], 0));
}

/// A worker died between the ack of `in_question` and its note. While a later notification of its kind and event is
/// there, a message of some later day is not taken for it; a purge must leave that one.
pub fn a_purge_does_not_make_a_message_look_like_an_old_one(store: &Store) {
    use crate::store::tests::consumer::{AGAIN, Consumer, id_of, pass};
    let in_question = add(store, &row_without_message_id(OLD + 2, false), 1);
    let between = add(store, &row_without_message_id(OLD + 1, true), 1);
    let abandoned = add(store, &row_without_message_id(OLD, true), 1);
    execute(store, &format!("UPDATE notifications SET state = 'abandoned' WHERE id = {abandoned}"));
    let plan = store.purge(AGE).unwrap().plan().unwrap();
    assert_eq!((plan.notifications, plan.not_acked), (2, vec![in_question]));
    assert_eq!(finish(store.purge(AGE).unwrap()), purged(2, 2));
    assert_eq!((ids(store), outcomes(store, between)), (vec![in_question], 0));
    let mut me = Consumer::begin(store, "me", 1);
    pass(store, TimeDelta::minutes(11));
    assert_ne!(id_of(&me.receive(AGAIN)), in_question);

    // An operator confirms that its message is gone.
    execute(store, &format!("UPDATE notifications SET acked_at = completed_at WHERE id = {in_question}"));
    assert_eq!(finish(store.purge(AGE).unwrap()), purged(1, 1));
}

pub fn a_purge_deletes_abandoned_notifications_of_the_same_age(store: &Store) {
    let abandon = |id: NotificationId| {
        execute(
            store,
            &format!("UPDATE notifications SET state = 'abandoned', reason = 'no event' WHERE id = {id}"),
        );
        id
    };
    let completed = add(store, &done("completed", OLD), 1);
    let old = abandon(add(store, &done("old", OLD), 2));
    let leased = abandon(add(store, &done("leased", OLD), 3));
    let not_acked = abandon(add(store, &Row { acked: false, ..done("not-acked", OLD) }, 4));
    let recent = abandon(add(store, &done("recent", NEW), 5));
    let seen =
        Lease { notification_id: leased, epoch: store.find_notification(leased).unwrap().unwrap().epoch };
    store.take_over(seen, None, seen.epoch.next(), &lease_request("retry")).unwrap().unwrap();
    let plan = store.purge(AGE).unwrap().plan().unwrap();
    assert_eq!((plan.notifications, plan.outcomes, plan.abandoned), (2, 3, vec![old]));
    assert_eq!((plan.leased, plan.not_acked), (vec![leased], vec![not_acked]));
    assert_eq!(finish(store.purge(AGE).unwrap()), purged(2, 3));
    assert_eq!(ids(store), [leased, not_acked, recent]);
    assert_eq!([completed, old, leased].map(|id| outcomes(store, id)), [0, 0, 3]);
}

pub fn purges_may_run_side_by_side(store: &Store) {
    for _ in 0..40 {
        add(store, &row_without_message_id(OLD, true), 120);
    }
    let all: Vec<Purged> = std::thread::scope(|scope| {
        let purges: Vec<_> = (0..3).map(|_| scope.spawn(|| finish(store.purge(AGE).unwrap()))).collect();
        purges.into_iter().map(|purge| purge.join().unwrap()).collect()
    });
    let sum = |count: fn(&Purged) -> u64| all.iter().map(count).sum::<u64>();
    assert_eq!((sum(|all| all.notifications), sum(|all| all.outcomes)), (40, 4800));
    assert!(ids(store).is_empty());
}

pub fn a_purge_deletes_any_number_of_small_notifications(store: &Store) {
    // Three rows each: a transaction of 1000 rows ends right after the row of a notification.
    for _ in 0..340 {
        add(store, &row_without_message_id(OLD, true), 2);
    }
    let mut purge = store.purge(AGE).unwrap();
    let mut all = Purged::default();
    while let Some(some) = purge.step().unwrap() {
        all = purged(all.notifications + some.notifications, all.outcomes + some.outcomes);
    }
    assert_eq!(all, purged(340, 680));
}
