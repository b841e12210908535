//! Acks that a broker forgot as it crashed: rule 4 of `identity`.

use std::time::Duration;

use chrono::TimeDelta;
use diesel::prelude::*;

use super::*;
use crate::store::backend::dispatch::clock;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::ledger::sessions::EndOfSession;
use crate::store::schema::notifications;
use crate::store::tests::consumer::*;

pub fn after_a_crash_each_forgotten_ack_absorbs_one_message(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked: Vec<NotificationId> = (0..3).map(|_| before.receive_and_finish()).collect();
    let (open, _) = before.receive_new();
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    let arrivals: Vec<Arrival> = (0..3).map(|_| me.arrival(AGAIN)).collect();
    let mut opened = me.open(&arrivals);
    opened.extend((0..2).map(|_| me.receive(AGAIN)));
    let ids: Vec<NotificationId> = opened.iter().map(id_of).collect();
    // What is unfinished comes first, and the oldest one stands for its message. Then the oldest.
    assert_eq!(ids[..4], [open.id, acked[1], acked[2], acked[0]]);
    assert!(opened[1..4].iter().all(|opened| matches!(opened, Opened::Completed(_))), "{opened:?}");
    assert!(
        matches!(opened[4], Opened::Ours { resumed: false, .. }) && !ids[..4].contains(&ids[4]),
        "{opened:?}"
    );
    let record = look(store, acked[1]);
    assert_eq!((record.acked_at, record.broker_session.as_deref()), (None, Some("me/2")));
    me.ack(acked[1], 2);
    assert_eq!(store.find_acked(&acked).unwrap(), [acked[1]]);
    assert!(!acked.contains(&id_of(&me.receive(AGAIN))), "it does not absorb a second one");
    // But it does after another crash.
    me.lose();
    let mut next = Consumer::begin_after_restart(store, "me", 3);
    let absorbed: HashSet<NotificationId> = (0..6).map(|_| id_of(&next.receive(AGAIN))).collect();
    assert!(acked.iter().all(|id| absorbed.contains(id)), "{absorbed:?}");
}

pub fn an_ack_is_only_forgotten_by_a_broker_that_crashed(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked = before.receive_and_finish();
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    assert_ne!(id_of(&me.receive(AGAIN)), acked, "the network was cut");
    // Neither is one forgotten whose message is new, or has an id.
    me.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 3);
    assert_ne!(id_of(&me.receive(NEW)), acked);
    assert_ne!(id_of(&me.receive((Some("a"), true))), acked);
    let mut other = me.arrival(AGAIN);
    other.message.kind = Kind::Cancelled;
    assert_ne!(id_of(&me.open_one(&other)), acked);
}

pub fn an_ack_is_only_forgotten_until_the_broker_has_a_pause(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let written = before.receive_and_finish();
    pass(store, TimeDelta::seconds(20));
    let unwritten = before.receive_and_finish();
    before.lose();
    leave_no_pause(store);
    // The broker is started again much later.
    pass(store, TimeDelta::hours(5));
    let mut me = Consumer::begin_after_crash(store, "me", 2, Duration::from_secs(5 * 3600));
    assert_eq!(id_of(&me.receive(AGAIN)), unwritten);
    assert_ne!(id_of(&me.receive(AGAIN)), written);
}

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

pub fn forgotten_acks_come_back_soon(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked: Vec<NotificationId> = (0..3).map(|_| before.receive_and_finish()).collect();
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    let mut early = me.arrival(AGAIN);
    early.asked_at = Some(store.run("clock", clock).unwrap());
    pass(store, TimeDelta::seconds(121));
    assert!(!acked.contains(&id_of(&me.receive(AGAIN))), "it came too late");
    // The database was away meanwhile.
    early.asked_at = early.asked_at.map(|at| at - TimeDelta::seconds(121));
    assert_eq!(id_of(&me.open_one(&early)), acked[0]);
    me.lose();
    // A session has lasted since: what it did not bring was acked.
    let mut next = Consumer::begin_after_restart(store, "me", 3);
    let ids: Vec<NotificationId> = (0..4).map(|_| id_of(&next.receive(AGAIN))).collect();
    assert!(!ids.contains(&acked[1]) && !ids.contains(&acked[2]), "{ids:?}");
}

pub fn acks_of_a_session_before_a_short_one_may_be_forgotten(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked: Vec<NotificationId> = (0..2).map(|_| before.receive_and_finish()).collect();
    before.lose();
    let mut short = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!(id_of(&short.receive(AGAIN)), acked[0]);
    pass(store, TimeDelta::seconds(30));
    short.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 3);
    assert_eq!([id_of(&me.receive(AGAIN)), id_of(&me.receive(AGAIN))], acked[..]);
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

pub fn a_repeated_call_remembers_how_far_the_queue_has_come(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let older = before.receive_and_finish();
    let mut other = before.arrival(NEW);
    other.message.kind = Kind::Cancelled;
    let Opened::Ours { notification: newer, lease, .. } = before.open_one(&other) else { panic!() };
    before.complete(lease);
    before.ack(newer.id, before.tag);
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    let mut cancelled = me.arrival(AGAIN);
    cancelled.message.kind = Kind::Cancelled;
    // The reply to the commit is lost.
    let mut lost = me.watermarks.clone();
    let request = lease_request("me");
    store.open_messages(&me.session, std::slice::from_ref(&cancelled), &request, &mut lost).unwrap();
    let mut failed = crate::store::ledger::opening::Watermarks::new();
    failed.raise(cancelled.receipt, "me/1", tag_of(store, newer.id));
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

fn tag_of(store: &Store, id: NotificationId) -> i64 {
    let row = notifications::table.find(id).select(notifications::delivery_tag);
    store.run("read a tag", |connection| row.first::<Option<i64>>(connection)).unwrap().unwrap()
}

pub fn an_abandoned_notification_that_was_acked_absorbs_one_message(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (abandoned, lease) = before.receive_new();
    assert!(store.abandon_notification(lease, "the event is gone").unwrap());
    before.ack(abandoned.id, before.tag);
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!(me.receive(AGAIN), Opened::Completed(abandoned));
    assert_eq!(look(store, abandoned.id).state, NotificationState::Abandoned);
    assert_ne!(id_of(&me.receive(AGAIN)), abandoned.id);
}

pub fn a_session_that_is_not_in_the_table_forgets_nothing(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked = before.receive_and_finish();
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    execute(store, "DELETE FROM broker_sessions WHERE name = 'me/2'");
    assert_ne!(id_of(&me.receive(AGAIN)), acked);
    me.report();
    assert_ne!(id_of(&me.receive(AGAIN)), acked, "its age is not known");
    me.end(EndOfSession::Closed);
}
