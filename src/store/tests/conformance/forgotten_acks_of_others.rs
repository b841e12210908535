//! Acks that a broker forgot as it crashed, of sessions of several workers: rule 4 of `identity`.

use std::time::Instant;

use chrono::TimeDelta;
use diesel::prelude::*;

use super::*;
use crate::store::backend::dispatch::clock;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::sessions::EndOfSession;
use crate::store::schema::notifications;
use crate::store::tests::consumer::*;

/// The queue had no pause between the acks of two workers.
pub fn acks_of_two_workers_are_one_row(store: &Store) {
    let mut workers = ["me", "other"].map(|worker| Consumer::begin(store, worker, 1));
    let acked: Vec<NotificationId> =
        [0, 1, 0, 1].map(|number: usize| workers[number].receive_and_finish()).into();
    let (clock, read_at) = (store.run("clock", clock).unwrap(), Instant::now());
    for (id, age) in acked.iter().zip([450, 300, 150, 0]) {
        let acked_at = notifications::acked_at.eq(clock - TimeDelta::milliseconds(age));
        let set = diesel::update(notifications::table.find(id)).set(acked_at);
        store.run("move an ack", |connection| set.execute(connection)).unwrap();
    }
    workers.iter().for_each(Consumer::lose);
    let mut again = Consumer::begin_after_crash(store, "me", 2, read_at.elapsed());
    let ids: HashSet<NotificationId> = acked.iter().map(|_| id_of(&again.receive(AGAIN))).collect();
    assert_eq!(ids, acked.into_iter().collect());
}

/// A message that came again is delivered later than its notification was received.
pub fn each_delivery_and_each_ack_is_work_of_the_queue(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked = [before.receive_and_finish(), before.receive_and_finish()];
    let (clock, read_at) = (store.run("clock", clock).unwrap(), Instant::now());
    let ago = |age| Some(clock - TimeDelta::milliseconds(age));
    for (id, ages) in acked.iter().zip([[1000, 1000, 720, 700], [1000, 550, 400, 380]]) {
        let set = diesel::update(notifications::table.find(id)).set((
            notifications::received_at.eq(clock - TimeDelta::milliseconds(ages[0])),
            notifications::delivered_at.eq(ago(ages[1])),
            notifications::completed_at.eq(ago(ages[2])),
            notifications::acked_at.eq(ago(ages[3])),
        ));
        store.run("move a notification", |connection| set.execute(connection)).unwrap();
    }
    before.lose();
    execute(
        store,
        &format!("UPDATE broker_sessions SET lost_at = '{}'", clock - TimeDelta::milliseconds(200)),
    );
    let mut again =
        Consumer::begin_after_crash(store, "me", 2, read_at.elapsed() + Duration::from_millis(200));
    assert_eq!([id_of(&again.receive(AGAIN)), id_of(&again.receive(AGAIN))], acked);
}

/// Its copy comes to another worker before the ack of the first is recorded, and says nothing about what came before the copy.
pub fn a_copy_that_another_worker_gets_does_not_show_how_far_the_queue_has_come(store: &Store) {
    let [mut mine, mut other] = ["me", "they"].map(|worker| Consumer::begin(store, worker, 1));
    let Opened::Ours { notification: named, lease, .. } = other.receive((Some("a"), false)) else { panic!() };
    other.complete(lease);
    let acked = mine.receive_and_finish();
    pass(store, TimeDelta::seconds(1));
    assert_eq!(mine.receive((Some("a"), false)), Opened::Completed(named));
    other.ack(named.id, 1);
    mine.ack(named.id, 2);
    assert_eq!(store.find_acked(&[named.id]).unwrap(), [named.id]);
    mine.lose();
    other.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!([(Some("a"), true), AGAIN].map(|what| id_of(&me.receive(what))), [named.id, acked]);
}

/// The same when both come in one call.
pub fn a_copy_that_comes_at_once_does_not_show_how_far_the_queue_has_come(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let arrivals = [(Some("a"), false), NEW, (Some("a"), false)].map(|what| before.arrival(what));
    let opened = before.open(&arrivals);
    for (opened, tag) in opened.iter().zip(1..=2) {
        let Opened::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
        before.complete(*lease);
        before.ack(notification.id, tag);
    }
    before.ack(id_of(&opened[2]), 3);
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    let ids = [(Some("a"), true), AGAIN].map(|what| id_of(&me.receive(what)));
    assert_eq!(ids, [id_of(&opened[0]), id_of(&opened[1])]);
}

pub fn an_ack_of_a_session_that_may_be_alive_is_undetermined(store: &Store) {
    let mut other = Consumer::begin(store, "they", 1);
    let acked = other.receive_and_finish();
    let mut me = Consumer::begin_after_restart(store, "me", 1);
    let mut arrival = me.arrival(AGAIN);
    let opened = me.open_one(&arrival);
    let (asked_at, candidate) = held(opened);
    assert_eq!(candidate.notification.id, acked);
    arrival.asked_at = Some(asked_at);
    let mut second = me.arrival(AGAIN);
    second.asked_at = Some(asked_at);
    other.lose();
    assert_eq!(id_of(&me.open_one(&arrival)), acked);
    assert_ne!(id_of(&me.open_one(&second)), acked);
}

pub fn a_session_that_is_alive_has_forgotten_nothing(store: &Store) {
    let mut other = Consumer::begin(store, "they", 1);
    let acked = other.receive_and_finish();
    let mut me = Consumer::begin_after_restart(store, "me", 1);
    let mut arrival = me.arrival(AGAIN);
    let Opened::Undetermined { asked_at, .. } = me.open_one(&arrival) else { panic!() };
    other.report();
    arrival.asked_at = Some(asked_at);
    let opened = me.open_one(&arrival);
    assert!(matches!(opened, Opened::Ours { .. }) && id_of(&opened) != acked, "{opened:?}");
}

/// Acks of the time after the crash do not hide those that were forgotten.
pub fn a_worker_that_reconnects_later_finds_forgotten_acks_too(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked = [(); 2].map(|()| before.receive_and_finish());
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!(id_of(&me.receive(AGAIN)), acked[0]);
    pass(store, TimeDelta::seconds(20));
    me.ack(acked[0], me.tag);
    let mut other = Consumer::begin_after_crash(store, "they", 1, Duration::from_secs(21));
    assert_eq!(id_of(&other.receive(AGAIN)), acked[1]);
}

/// Its worker was stopped, and another one kept the queue busy until the broker crashed.
pub fn acks_of_a_session_that_was_closed_may_be_forgotten(store: &Store) {
    let [mut mine, mut other] = ["me", "they"].map(|worker| Consumer::begin(store, worker, 1));
    let theirs = other.receive_and_finish();
    other.end(EndOfSession::Closed);
    let ours = mine.receive_and_finish();
    mine.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!([id_of(&me.receive(AGAIN)), id_of(&me.receive(AGAIN))], [theirs, ours]);
}

/// With no other session, the broker had time to write them.
pub fn acks_of_the_only_session_that_was_closed_are_not_forgotten(store: &Store) {
    let mut other = Consumer::begin(store, "they", 1);
    let theirs = other.receive_and_finish();
    other.end(EndOfSession::Closed);
    let mut me = Consumer::begin_after_restart(store, "me", 1);
    assert_ne!(id_of(&me.receive(AGAIN)), theirs);
}

/// They are of the time after the crash.
pub fn acks_of_a_session_that_the_crash_has_not_ended_are_not_forgotten(store: &Store) {
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    let mut other = Consumer::begin_after_crash(store, "they", 1, Duration::from_secs(1));
    let theirs = other.receive_and_finish();
    other.lose();
    assert_ne!(id_of(&me.receive(AGAIN)), theirs);
}
