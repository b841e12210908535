//! Acks that a broker forgot as it crashed: rule 4 of `identity`.

use std::time::Duration;

use chrono::TimeDelta;

use super::*;
use crate::store::backend::dispatch::clock;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::ledger::sessions::EndOfSession;
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

/// Both wait, and the one in front is decided first.
pub fn what_came_before_a_message_that_waits_is_told_by_it_later(store: &Store) {
    let mut other = Consumer::begin(store, "other", 1);
    let first = other.receive_and_finish();
    let mut arrival = other.arrival(NEW);
    arrival.message.kind = Kind::Created;
    let Opened::Ours { notification: second, lease, .. } = other.open_one(&arrival) else { panic!() };
    other.complete(lease);
    other.ack(second.id, other.tag);
    let mut me = Consumer::begin_after_restart(store, "me", 1);
    let mut in_front = me.arrival(AGAIN);
    in_front.message.kind = Kind::Created;
    let mut waiting = me.arrival(AGAIN);
    for arrival in [&mut in_front, &mut waiting] {
        arrival.asked_at = Some(held(me.open_one(arrival)).0);
    }
    other.lose();
    assert_eq!(id_of(&me.open_one(&in_front)), second.id);
    // The queue has come further than the first one.
    assert_ne!(id_of(&me.open_one(&waiting)), first);
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

/// It uses no pause of some seconds to write them.
pub fn a_broker_that_writes_acks_late_has_forgotten_more_of_them(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let written = before.receive_and_finish();
    pass(store, TimeDelta::seconds(31));
    let mut unwritten = Vec::new();
    for _ in 0..2 {
        unwritten.push(before.receive_and_finish());
        pass(store, TimeDelta::seconds(3));
    }
    before.lose();
    let mut me = Consumer::begin_after_crash_of_late_one(store, "me", 2, Duration::ZERO);
    let ids = [(); 3].map(|()| id_of(&me.receive(AGAIN)));
    assert_eq!(ids[..2], unwritten);
    assert_ne!(ids[2], written);
}

/// The last session is only one part of the row of acks that the crash has ended.
pub fn acks_of_a_session_before_a_long_one_may_be_forgotten(store: &Store) {
    let mut first = Consumer::begin(store, "me", 1);
    let mut unwritten = vec![first.receive_and_finish()];
    first.lose();
    let mut long = Consumer::begin(store, "me", 2);
    for _ in 0..9 {
        pass(store, TimeDelta::seconds(20));
        unwritten.push(long.receive_and_finish());
    }
    long.lose();
    let mut me = Consumer::begin_after_crash_of_late_one(store, "me", 3, Duration::ZERO);
    assert_eq!([id_of(&me.receive(AGAIN)), id_of(&me.receive(AGAIN))], unwritten[..2]);
}

/// It follows the restart before, and the broker has crashed again since.
pub fn acks_of_a_session_before_one_that_has_caught_up_may_be_forgotten(store: &Store) {
    Consumer::begin(store, "me", 1).lose();
    let mut unwritten = Vec::new();
    for number in 2..=3 {
        let mut session =
            Consumer::begin_after_crash_of_late_one(store, "me", number, Duration::from_secs(number));
        unwritten.push(session.receive_and_finish());
        session.lose();
        pass(store, TimeDelta::seconds(10));
    }
    let mut me = Consumer::begin_after_crash_of_late_one(store, "me", 4, Duration::from_secs(10));
    assert_eq!([id_of(&me.receive(AGAIN)), id_of(&me.receive(AGAIN))], unwritten[..]);
}

/// The queue had no pause between the two crashes.
pub fn acks_that_a_crash_has_not_shown_forgotten_are_written(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let acked = [(); 2].map(|()| before.receive_and_finish());
    before.lose();
    let mut between = Consumer::begin_after_crash_of_late_one(store, "me", 2, Duration::ZERO);
    assert_eq!(id_of(&between.receive(AGAIN)), acked[0]);
    between.ack(acked[0], between.tag);
    for _ in 0..7 {
        pass(store, TimeDelta::seconds(20));
        between.receive_and_finish();
    }
    between.lose();
    let mut me = Consumer::begin_after_crash_of_late_one(store, "me", 3, Duration::ZERO);
    let ids = [(); 9].map(|()| id_of(&me.receive(AGAIN)));
    assert!(ids.contains(&acked[0]) && !ids.contains(&acked[1]), "{ids:?}");
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

/// A worker that was away between two crashes begins first after the second one.
pub fn a_worker_that_was_away_knows_the_last_crash(store: &Store) {
    let [mut mine, theirs] = ["me", "other"].map(|worker| Consumer::begin(store, worker, 1));
    mine.lose();
    theirs.lose();
    mine = Consumer::begin_after_crash(store, "me", 2, Duration::ZERO);
    let written = mine.receive_and_finish();
    pass(store, TimeDelta::seconds(5));
    let unwritten = mine.receive_and_finish();
    mine.lose();
    let mut again = Consumer::begin_after_crash(store, "other", 2, Duration::from_secs(30));
    let ids = [id_of(&again.receive(AGAIN)), id_of(&again.receive(AGAIN))];
    assert_eq!(ids[0], unwritten);
    assert_ne!(ids[1], written);
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
