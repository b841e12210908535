//! How far the queue has come: which forgotten acks a message of the current session shows to come no more.

use std::time::Instant;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::prelude::*;

use super::*;
use crate::domain::session::BrokerSession;
use crate::store::ledger::opening::{Arrival, Opened, Place};
use crate::store::schema::notifications;
use crate::store::tests::consumer::*;

/// Three equal messages: one is acked, one is running, one was never delivered; all of them fit the first two. That the message
/// of a later notification came, which nothing else fits, shows that the one that was acked comes no more.
pub fn a_message_that_was_never_delivered_is_not_absorbed(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked = before.receive_and_finish();
    let mut later = before.arrival(NEW);
    later.message.kind = Kind::Cancelled;
    let running = id_of(&before.open_one(&later));
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    let mut again = me.arrival(AGAIN);
    again.message.kind = Kind::Cancelled;
    assert_eq!(id_of(&me.open_one(&again)), running);
    let opened = me.receive(AGAIN);
    assert!(matches!(opened, Opened::Ours { resumed: false, .. }) && id_of(&opened) != acked, "{opened:?}");
}

pub fn a_queue_brings_older_messages_first(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let older = before.receive_and_finish();
    let other = receive_and_finish_cancelled(&mut before);
    let newer = before.receive_and_finish();
    before.lose();
    for repeated in [false, true] {
        let mut me = Consumer::begin_after_restart(store, "me", 2);
        // The broker had written the first ack to its disk.
        let arrival = cancelled(&mut me, AGAIN);
        assert_eq!(id_of(&me.open_one(&arrival)), other);
        let arrival = me.arrival(AGAIN);
        let opened = me.open_one(&arrival);
        assert_eq!(id_of(&opened), newer, "repeated: {repeated}");
        assert_ne!(id_of(&me.receive(AGAIN)), older);
        // Next, all of it again, without what this session has learned.
        me.ack(other, 1);
        me.ack(newer, arrival.receipt.tag);
        execute(store, "DELETE FROM notifications WHERE state <> 'completed'");
        execute(store, "UPDATE notifications SET broker_session = 'me/1'");
    }
}

pub fn what_comes_behind_a_message_says_nothing_about_it(store: &Store) {
    let mut other = Consumer::begin(store, "other", 1);
    let first = other.receive_and_finish();
    let mut arrival = other.arrival(NEW);
    arrival.message.kind = Kind::Created;
    let Opened::Ours { notification: second, lease, .. } = other.open_one(&arrival) else { panic!() };
    other.complete(lease);
    other.ack(second.id, other.tag);
    let mut me = Consumer::begin_after_restart(store, "me", 1);
    let mut waiting = me.arrival(AGAIN);
    let (asked_at, candidate) = held(me.open_one(&waiting));
    assert_eq!(candidate.notification.id, first);
    waiting.asked_at = Some(asked_at);
    other.lose();
    let mut behind = me.arrival(AGAIN);
    behind.message.kind = Kind::Created;
    assert_eq!(id_of(&me.open_one(&behind)), second.id);
    assert!(matches!(me.receive((Some("never delivered"), false)), Opened::Ours { .. }));
    assert_eq!(id_of(&me.open_one(&waiting)), first);
    assert_ne!(id_of(&me.receive(AGAIN)), first);
}

pub fn a_repeated_call_remembers_how_far_the_queue_has_come(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let older = before.receive_and_finish();
    let mut other = before.arrival(NEW);
    other.message.kind = Kind::Cancelled;
    let Opened::Ours { notification: newer, lease, .. } = before.open_one(&other) else { panic!() };
    before.complete(lease);
    before.ack(newer.id, before.tag);
    before.lose();
    let place = place_of(store, newer.id);
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    let mut cancelled = me.arrival(AGAIN);
    cancelled.message.kind = Kind::Cancelled;
    // The reply to the commit is lost.
    let mut lost = me.watermarks.clone();
    let request = lease_request("me");
    store.open_messages(&me.session, std::slice::from_ref(&cancelled), &request, &mut lost).unwrap();
    let mut failed = crate::store::ledger::opening::Watermarks::new();
    failed.raise(cancelled.receipt, place);
    me.watermarks.update(failed, std::slice::from_ref(&cancelled), true);
    cancelled.asked_at = Some(Arrival::ASKED_IN_VAIN);
    assert_eq!(me.open_one(&cancelled), Opened::Completed(newer));
    assert_ne!(id_of(&me.receive(AGAIN)), older, "its message would have come before");
}

/// Three messages, twice forgotten. Equal ones may change their notifications, and then keys are not in the order of the queue.
pub fn equal_messages_may_come_with_each_others_notifications(store: &Store) {
    let mut first = Consumer::begin(store, "me", 1);
    let acked = first.receive_and_finish();
    let other = receive_and_finish_cancelled(&mut first);
    let (open, _) = first.receive_new();
    first.lose();
    let mut second = Consumer::begin_after_restart(store, "me", 2);
    let Opened::Ours { notification, lease, .. } = second.receive(AGAIN) else { panic!() };
    assert_eq!(notification.id, open.id, "what is unfinished comes first");
    let arrival = cancelled(&mut second, AGAIN);
    assert_eq!(id_of(&second.open_one(&arrival)), other);
    assert_eq!(id_of(&second.receive(AGAIN)), acked);
    second.complete(lease);
    for (id, tag) in [(open.id, 1), (other, 2), (acked, 3)] {
        second.ack(id, tag);
    }
    second.lose();
    let mut third = Consumer::begin_after_restart(store, "me", 3);
    let come = [third.arrival(AGAIN), cancelled(&mut third, AGAIN), third.arrival(AGAIN)];
    let ids = come.map(|arrival| id_of(&third.open_one(&arrival)));
    assert_eq!(ids, [open.id, other, acked], "all three come again, in the order of the queue");
}

/// Either of two equal ones may have come: the messages between them may be still to come.
pub fn one_of_two_equal_messages_does_not_show_how_far_the_queue_has_come(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (_, lease) = before.receive_new();
    before.complete(lease);
    let acked = receive_and_finish_cancelled(&mut before);
    let (newest, lease) = before.receive_new();
    before.complete(lease);
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!(me.receive(AGAIN), Opened::Completed(newest));
    let arrival = cancelled(&mut me, AGAIN);
    assert_eq!(id_of(&me.open_one(&arrival)), acked);
}

/// The acked one of this worker and the unfinished one of the other: which of them a message belongs to, nothing tells.
pub fn equal_messages_of_two_workers_may_be_exchanged(store: &Store) {
    let [mut mine, mut theirs] = ["me", "other"].map(|worker| Consumer::begin(store, worker, 1));
    let acked = mine.receive_and_finish();
    let other = receive_and_finish_cancelled(&mut mine);
    let (open, _) = theirs.receive_new();
    mine.lose();
    theirs.lose();
    let mut again = Consumer::begin_after_restart(store, "me", 2);
    let come = [again.arrival(AGAIN), cancelled(&mut again, AGAIN), again.arrival(AGAIN)];
    let ids = come.map(|arrival| id_of(&again.open_one(&arrival)));
    assert_eq!(ids, [open.id, other, acked]);
}

/// Two workers get them again at the same time, and both give an older notification the place of an unfinished one.
pub fn each_of_many_equal_messages_has_a_notification_of_its_own(store: &Store) {
    let mut before = ["me", "other"].map(|worker| Consumer::begin(store, worker, 1));
    let mut known = HashSet::new();
    for _ in 0..15 {
        known.extend(before.each_mut().map(Consumer::receive_and_finish));
    }
    for _ in 0..8 {
        known.extend(before.each_mut().map(|consumer| consumer.receive_new().0.id));
    }
    before.iter().for_each(Consumer::lose);
    let again = ["me", "other"].map(|worker| Consumer::begin_after_restart(store, worker, 2));
    let sessions = again.each_ref().map(|consumer| consumer.session.clone());
    let found: Vec<NotificationId> = std::thread::scope(|scope| {
        let sessions = &sessions;
        let receive = |mut consumer| {
            scope.spawn(move || (0..23).map(|_| receive_again(&mut consumer, sessions)).collect())
        };
        let threads: [std::thread::ScopedJoinHandle<'_, Vec<_>>; 2] = again.map(receive);
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let distinct: HashSet<NotificationId> = found.iter().copied().collect();
    let differences: Vec<_> =
        distinct.symmetric_difference(&known).map(|id| store.find_notification(*id)).collect();
    assert_eq!((found.len(), distinct), (known.len(), known), "{differences:#?}");
}

/// Asks until it is known that the other worker does not hold it. Both are alive.
fn receive_again(consumer: &mut Consumer<'_>, sessions: &[BrokerSession]) -> NotificationId {
    let mut arrival = consumer.arrival(AGAIN);
    loop {
        for session in sessions {
            consumer.store.report_session(session, Instant::now(), None).unwrap();
        }
        match consumer.open_one(&arrival) {
            Opened::Undetermined { asked_at, .. } => arrival.asked_at = Some(asked_at),
            opened => return id_of(&opened),
        }
    }
}

/// Two workers got equal messages at the same time, and the ledger has them in the wrong order.
pub fn equal_messages_of_two_workers_come_in_either_order(store: &Store) {
    let [mut mine, mut theirs] = ["me", "other"].map(|worker| Consumer::begin(store, worker, 1));
    let second = theirs.receive_and_finish();
    let first = mine.receive_and_finish();
    let between = receive_and_finish_cancelled(&mut mine);
    leave_no_time_between(store, &[second, first, between]);
    mine.lose();
    theirs.lose();
    let mut again = Consumer::begin_after_restart(store, "me", 2);
    let come = [again.arrival(AGAIN), cancelled(&mut again, AGAIN), again.arrival(AGAIN)];
    let ids = come.map(|arrival| id_of(&again.open_one(&arrival)));
    assert_eq!(ids, [second, between, first]);
}

/// It is behind all messages whose acks may have been forgotten.
pub fn a_message_that_was_never_delivered_shows_that_no_forgotten_one_comes(store: &Store) {
    for (number, never_delivered) in [(1, (Some("a"), true)), (3, NEW), (5, (Some("a"), false))] {
        let mut before = Consumer::begin(store, "me", number);
        let acked: Vec<NotificationId> = (0..2).map(|_| before.receive_and_finish()).collect();
        before.lose();
        let mut me = Consumer::begin_after_restart(store, "me", number + 1);
        assert_eq!(id_of(&me.receive(AGAIN)), acked[0]);
        me.receive(never_delivered);
        let opened = me.receive(AGAIN);
        assert!(matches!(opened, Opened::Ours { resumed: false, .. }), "{opened:?}");
        me.lose();
        execute(store, "DELETE FROM notifications WHERE message_key IS NULL");
    }
}

/// Also not in the session of another worker that begins later.
pub fn a_session_that_begins_later_knows_that_no_forgotten_one_comes(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked = before.receive_and_finish();
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    me.receive((Some("a"), true));
    pass(store, TimeDelta::seconds(1));
    let mut other = Consumer::begin_after_restart(store, "other", 1);
    assert_ne!(id_of(&other.receive(AGAIN)), acked);
    // The broker crashes once more.
    me.lose();
    other.lose();
    let mut again = Consumer::begin_after_restart(store, "me", 3);
    let ids = [id_of(&again.receive(AGAIN)), id_of(&again.receive(AGAIN))];
    assert!(!ids.contains(&acked), "{ids:?}");
}

/// Its ack is known, so it shows what comes no more. The second time it is only a copy, and tells nothing.
pub fn a_message_id_shows_how_far_the_queue_has_come(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let older = before.receive_and_finish();
    let Opened::Ours { notification: named, lease, .. } = before.receive((Some("a"), false)) else {
        panic!()
    };
    before.complete(lease);
    before.ack(named.id, before.tag);
    let newer = before.receive_and_finish();
    assert_eq!(before.receive((Some("a"), false)), Opened::Completed(named), "a copy");
    before.ack(named.id, before.tag);
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!(me.receive((Some("a"), true)), Opened::Completed(named));
    assert_eq!(look(store, named.id).acked_at, None, "the broker has forgotten it");
    assert_eq!(id_of(&me.receive(AGAIN)), newer);
    assert_ne!(id_of(&me.receive(AGAIN)), older);
}

/// A published copy with the same id comes later and gives the notification its tag. It says nothing about what came before.
pub fn a_message_that_is_published_twice_does_not_show_how_far_the_queue_has_come(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let Opened::Ours { notification: named, lease, .. } = before.receive((Some("a"), false)) else {
        panic!()
    };
    before.complete(lease);
    let acked = before.receive_and_finish();
    assert_eq!(before.receive((Some("a"), false)), Opened::Completed(named));
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    let ids = [(Some("a"), true), AGAIN].map(|what| id_of(&me.receive(what)));
    assert_eq!(ids, [named.id, acked]);
}

fn cancelled(consumer: &mut Consumer<'_>, what: (Option<&str>, bool)) -> Arrival {
    let mut arrival = consumer.arrival(what);
    arrival.message.kind = Kind::Cancelled;
    arrival
}

fn receive_and_finish_cancelled(consumer: &mut Consumer<'_>) -> NotificationId {
    let arrival = cancelled(consumer, NEW);
    let Opened::Ours { notification, lease, .. } = consumer.open_one(&arrival) else { panic!() };
    consumer.complete(lease);
    consumer.ack(notification.id, consumer.tag);
    notification.id
}

fn place_of(store: &Store, id: NotificationId) -> Place {
    let place = (notifications::broker_session, notifications::delivery_tag, notifications::delivered_at);
    let row = notifications::table.find(id).select(place);
    let read =
        |connection: &mut _| row.first::<(Option<String>, Option<i64>, Option<NaiveDateTime>)>(connection);
    let (session, tag, delivered_at) = store.run("read a place", read).unwrap();
    Place { session: session.unwrap(), tag: tag.unwrap(), delivered_at: delivered_at.unwrap() }
}
