//! Messages without an id that come again: rule 3 of `identity`.

use std::time::Instant;

use chrono::TimeDelta;

use super::*;
use crate::store::ledger::opening::{Arrival, Opened};
use crate::store::ledger::sessions::EndOfSession;
use crate::store::tests::consumer::*;

pub fn a_redelivered_message_finds_the_notification_that_lost_it(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (waiting, _) = before.receive_new();
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    let opened = me.receive(AGAIN);
    assert!(matches!(opened, Opened::Ours { resumed: false, started: false, .. }), "{opened:?}");
    assert_eq!(id_of(&opened), waiting.id);
    assert_eq!(look(store, waiting.id).broker_session.as_deref(), Some("me/2"));
    // Its message is here now, so the next one is another one.
    assert_ne!(id_of(&me.receive(AGAIN)), waiting.id);
}

pub fn each_redelivered_message_has_a_notification_of_its_own(store: &Store) {
    add_people(store, EVENT, 1);
    let mut before = Consumer::begin(store, "me", 1);
    let lost: Vec<NotificationId> = (0..3).map(|_| before.receive_new().0.id).collect();
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    let mut arrivals: Vec<Arrival> = [AGAIN, NEW, AGAIN, AGAIN, AGAIN].map(|what| me.arrival(what)).into();
    arrivals[2].starts_at_once = true;
    let opened = me.open(&arrivals);
    let ids: Vec<NotificationId> = opened.iter().map(id_of).collect();
    assert_eq!([ids[0], ids[2], ids[3]], lost[..], "the oldest first");
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 5, "{opened:?}");
    assert!(matches!(opened[2], Opened::Ours { resumed: false, started: true, .. }), "{opened:?}");
    let states = [lost[0], lost[1]].map(|id| look(store, id).state);
    assert_eq!(states, [NotificationState::Waiting, NotificationState::Running]);
}

pub fn only_an_equal_notification_is_found(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    before.receive((Some("a"), false));
    for (kind, event_id) in [(Kind::Cancelled, EVENT), (Kind::Updated, OTHER_EVENT)] {
        let mut arrival = before.arrival(NEW);
        arrival.message = Message::new(kind, event_id);
        before.open_one(&arrival);
    }
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    me.receive(AGAIN);
    assert_eq!(store.list_notifications(None).unwrap().len(), 4, "it is new");
}

pub fn unfinished_notifications_come_before_ended_ones(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (ended, open): (Vec<_>, Vec<_>) =
        ((0..3).map(|_| before.receive_new()).collect(), (0..2).map(|_| before.receive_new()).collect());
    for (_, lease) in &ended[..2] {
        before.complete(*lease);
    }
    assert!(store.abandon_notification(ended[2].1, "the event is gone").unwrap());
    store.start_notification(open[1].1).unwrap().unwrap();
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    let opened: Vec<Opened> = (0..6).map(|_| me.receive(AGAIN)).collect();
    let wanted = [open[0].0.id, open[1].0.id, ended[2].0.id, ended[1].0.id, ended[0].0.id];
    assert_eq!(opened[..5].iter().map(id_of).collect::<Vec<_>>(), wanted);
    assert!(matches!(opened[0], Opened::Ours { resumed: false, .. }), "{opened:?}");
    assert!(matches!(opened[1], Opened::Ours { resumed: true, .. }), "{opened:?}");
    // It was abandoned and never acked: it is tried again.
    assert!(matches!(opened[2], Opened::Ours { resumed: true, .. }), "{opened:?}");
    assert_eq!(opened[3..5], [Opened::Completed(ended[1].0), Opened::Completed(ended[0].0)]);
    assert!(!wanted.contains(&id_of(&opened[5])), "a new one");
}

pub fn a_fan_out_that_outlives_its_session_is_held(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (notification, lease) = before.receive_new();
    store.start_notification(lease).unwrap().unwrap();
    before.end(EndOfSession::Lost { alive_at: None });
    let mut me = Consumer::begin(store, "me", 2);
    assert_eq!(me.receive(AGAIN), Opened::Held { notification, lease });
    let record = look(store, notification.id);
    assert_eq!(
        (record.epoch, record.broker_session.as_deref()),
        (lease.epoch, Some("me/2")),
        "the lease is as it was"
    );
    // Another process sees who works on it, although the message is in its hands.
    me.end(EndOfSession::Lost { alive_at: None });
    let mut other = Consumer::begin(store, "they", 1);
    assert_eq!(other.receive(AGAIN), Opened::Elsewhere(notification));
    me.complete(lease);
    other.ack(notification.id, 1);
    assert_eq!(store.find_acked(&[notification.id]).unwrap(), [notification.id]);
}

pub fn what_another_worker_may_hold_is_undetermined(store: &Store) {
    let mut other = Consumer::begin(store, "they", 1);
    let (theirs, _) = other.receive_new();
    let mut me = Consumer::begin(store, "me", 1);
    let mut arrival = me.arrival(AGAIN);
    let opened = me.open_one(&arrival);
    let (asked_at, candidate) = held(opened);
    assert_eq!((candidate.notification, candidate.broker_session.as_deref()), (theirs, Some("they/1")));
    arrival.asked_at = Some(asked_at);
    assert!(matches!(me.open_one(&arrival), Opened::Undetermined { asked_at: same, .. } if same == asked_at));
    // A call that failed left no time.
    let in_vain = Arrival { asked_at: Some(Arrival::ASKED_IN_VAIN), ..arrival.clone() };
    assert!(matches!(me.open_one(&in_vain), Opened::Undetermined { asked_at: now, .. } if now >= asked_at));

    // An answer to a call that began before proves nothing.
    store.report_session(&other.session, before_now(Duration::from_secs(60)), None).unwrap();
    assert!(matches!(me.open_one(&arrival), Opened::Undetermined { .. }));
    other.report();
    let opened = me.open_one(&arrival);
    assert!(matches!(opened, Opened::Ours { resumed: false, .. }), "{opened:?}");
    assert_ne!(id_of(&opened), theirs.id, "its message is in their hands, this is another one");
    // An older answer that comes late takes nothing back.
    store.report_session(&other.session, before_now(Duration::from_secs(60)), None).unwrap();
    let next = Arrival { asked_at: Some(asked_at), ..me.arrival(AGAIN) };
    assert!(matches!(me.open_one(&next), Opened::Ours { resumed: false, .. }));
}

/// A report that comes late lets it live again.
pub fn an_earlier_session_of_the_same_worker_has_ended(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (lost, _) = before.receive_new();
    release_all(store, "me");
    let mut me = Consumer::begin(store, "me", 2);
    before.report();
    assert_eq!(id_of(&me.receive(AGAIN)), lost.id);
}

pub fn a_broken_connection_ends_no_session_of_another_worker(store: &Store) {
    let mut other = Consumer::begin(store, "they", 1);
    let (theirs, _) = other.receive_new();
    let before = Consumer::begin(store, "me", 1);
    pass(store, TimeDelta::minutes(4));
    before.report();
    before.lose();
    let opened = Consumer::begin(store, "me", 2).receive(AGAIN);
    assert_eq!(held(opened).1.notification, theirs);
}

pub fn what_a_lost_session_held_is_free(store: &Store) {
    for (number, crashes) in [(1, false), (2, true)] {
        let mut other = Consumer::begin(store, "they", number);
        let (theirs, _) = other.receive_new();
        let mut me = Consumer::begin(store, "me", number);
        let mut arrival = me.arrival(AGAIN);
        let Opened::Undetermined { asked_at, .. } = me.open_one(&arrival) else { panic!() };
        if crashes {
            other.crash();
        } else {
            other.lose();
        }
        arrival.asked_at = Some(asked_at);
        assert_eq!(id_of(&me.open_one(&arrival)), theirs.id, "crashed: {crashes}");
        execute(store, "DELETE FROM notifications");
    }
}

pub fn what_a_closed_or_unknown_session_held_is_free(store: &Store) {
    let mut other = Consumer::begin(store, "they", 1);
    let (theirs, _) = other.receive_new();
    release_all(store, "they");
    other.end(EndOfSession::Closed);
    let mut me = Consumer::begin(store, "me", 1);
    assert_eq!(id_of(&me.receive(AGAIN)), theirs.id);
    release_all(store, "me");
    // An older copy of the database was restored.
    execute(store, "DELETE FROM broker_sessions");
    let mut others = Consumer::begin(store, "others", 1);
    assert_eq!(id_of(&others.receive(AGAIN)), theirs.id);
}

pub fn unfinished_work_of_another_worker_comes_before_ended_work_of_ours(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (ended, lease) = before.receive_new();
    before.complete(lease);
    before.lose();
    let mut other = Consumer::begin(store, "they", 1);
    let (theirs, _) = other.receive_new();
    let mut me = Consumer::begin(store, "me", 2);
    let mut arrival = me.arrival(AGAIN);
    let opened = me.open_one(&arrival);
    let (asked_at, candidate) = held(opened);
    assert_eq!(candidate.notification.id, theirs.id, "else its people may be left out");
    other.report();
    arrival.asked_at = Some(asked_at);
    assert_eq!(me.open_one(&arrival), Opened::Completed(ended));
}

pub fn a_restart_of_the_broker_ends_all_sessions_before_it(store: &Store) {
    let mut other = Consumer::begin(store, "they", 1);
    let (theirs, _) = other.receive_new();
    release_all(store, "they");
    let before = Consumer::begin(store, "me", 1);
    pass(store, TimeDelta::minutes(4));
    before.report();
    before.lose();
    // They reconnect first, with a session of their own, which is alive.
    let mut reconnected = Consumer::begin_after_restart(store, "others", 1);
    let (alive, _) = reconnected.receive_new();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert_eq!(id_of(&me.receive(AGAIN)), theirs.id, "that session has ended for certain");
    let opened = me.receive(AGAIN);
    assert_eq!(held(opened).1.notification, alive);
    // A later session follows the same restart, and theirs began after that.
    me.report();
    me.lose();
    let mut later = Consumer::begin_after_restart(store, "me", 3);
    assert_eq!(id_of(&later.receive(AGAIN)), theirs.id);
    let opened = later.receive(AGAIN);
    assert_eq!(held(opened).1.notification, alive);
}

pub fn two_workers_take_different_notifications(store: &Store) {
    let mut before = Consumer::begin(store, "before", 1);
    let lost: HashSet<NotificationId> = (0..8).map(|_| before.receive_new().0.id).collect();
    before.lose();
    let taken: Vec<NotificationId> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|number| {
                scope.spawn(move || {
                    let mut worker = Consumer::begin(store, &format!("worker-{number}"), 1);
                    let arrivals = [worker.arrival(AGAIN), worker.arrival(AGAIN)];
                    worker.open(&arrivals).iter().map(id_of).collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert_eq!(taken.iter().copied().collect::<HashSet<_>>(), lost, "{taken:?}");
}

pub fn old_sessions_are_forgotten(store: &Store) {
    let count = || -> i64 {
        use diesel::prelude::*;
        let count = |connection: &mut crate::store::backend::any::AnyConnection| {
            crate::store::schema::broker_sessions::table.count().get_result(connection)
        };
        store.run("count the sessions", count).unwrap()
    };
    for (number, end) in
        [(1, Some(EndOfSession::Lost { alive_at: None })), (2, Some(EndOfSession::Closed)), (3, None)]
    {
        let session = Consumer::begin(store, &format!("worker-{number}"), 1);
        if let Some(end) = end {
            session.end(end);
        }
    }
    let alive = Consumer::begin(store, "alive", 1);
    assert_eq!(count(), 4);
    pass(store, TimeDelta::hours(23));
    alive.report();
    pass(store, TimeDelta::hours(2));
    let mut me = Consumer::begin(store, "me", 1);
    assert_eq!(count(), 2, "that of the other worker and ours");
    store.begin_session(&me.session, None).unwrap();
    assert_eq!(count(), 2, "a repeated call changes nothing");
    me.session.number = 2;
    store.report_session(&me.session, Instant::now(), None).unwrap();
    assert_eq!(count(), 3, "it was missing: a restored copy");
}
