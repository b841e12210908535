//! A message without an id is new only when no other session can still open it: rule 5 of `identity`.

use std::time::Instant;

use chrono::TimeDelta;

use super::*;
use crate::domain::session::{AckWriting, BrokerSession};
use crate::store::backend::dispatch::clock;
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::opening::{Opened, Unknown};
use crate::store::ledger::sessions::{ClockReading, EndOfSession};
use crate::store::tests::consumer::*;

pub fn a_redelivered_message_is_new_once_no_other_session_can_open_it(store: &Store) {
    let [alive, lost] = ["alive", "lost"].map(|worker| Consumer::begin(store, worker, 1));
    Consumer::begin(store, "closed", 1).end(EndOfSession::Closed);
    Consumer::begin(store, "me", 1).lose();
    let mut me = Consumer::begin(store, "me", 2);
    let mut arrival = me.arrival(AGAIN);
    let mut waits_for = |wanted: Unknown| {
        let opened = me.open_one(&arrival);
        let Opened::Undetermined { asked_at, unknown } = opened else { panic!("{opened:?}") };
        assert_eq!(unknown, wanted);
        arrival.asked_at = Some(asked_at);
    };
    waits_for(Unknown::OtherSession("alive/1".to_owned()));
    store.report_session(&alive.session, before_now(Duration::from_secs(60)), None).unwrap();
    waits_for(Unknown::OtherSession("alive/1".to_owned()));
    alive.report();
    waits_for(Unknown::OtherSession("lost/1".to_owned()));
    lost.crash();
    let opened = me.open_one(&arrival);
    assert!(matches!(opened, Opened::Ours { resumed: false, .. }), "{opened:?}");
}

pub fn what_a_frozen_worker_has_received_it_does_not_open_after_another_one(store: &Store) {
    let mut frozen = Consumer::begin(store, "frozen", 1);
    let kept = [NEW, AGAIN, (Some("a"), false)].map(|what| frozen.arrival(what));
    let answered_at = Instant::now();
    let mut me = Consumer::begin(store, "me", 1);
    frozen.crash();
    let opened = me.receive(AGAIN);
    assert!(matches!(opened, Opened::Ours { resumed: false, .. }), "{opened:?}");
    let refused =
        |opened: &Opened| matches!(opened, Opened::Undetermined { unknown: Unknown::OwnSession, .. });
    assert!(frozen.open(&kept).iter().all(refused));
    // What the broker said before proves nothing.
    let six_seconds_old = answered_at.checked_sub(Duration::from_secs(6)).unwrap();
    pass(store, TimeDelta::minutes(1));
    store.report_session(&frozen.session, six_seconds_old, None).unwrap();
    assert!(frozen.open(&kept).iter().all(refused));
    assert_eq!(store.list_notifications(None).unwrap().len(), 1);
    // It was taken for lost by mistake.
    frozen.report();
    assert!(!frozen.open(&kept).iter().any(refused));
}

/// It may have received what another worker opens as new.
pub fn a_restart_ends_the_session_of_a_frozen_worker(store: &Store) {
    let mut frozen = Consumer::begin(store, "frozen", 1);
    let kept = frozen.arrival(NEW);
    let before = Consumer::begin(store, "me", 1);
    pass(store, TimeDelta::minutes(5));
    before.report();
    let answered_at = Instant::now();
    // The database's clock rounds to milliseconds.
    wait_for_next_millisecond(store);
    before.lose();
    let mut me = Consumer::begin_after_restart(store, "me", 2);
    assert!(matches!(me.receive(AGAIN), Opened::Ours { resumed: false, .. }));
    let mut is_refused = || {
        let opened = frozen.open_one(&kept);
        matches!(opened, Opened::Undetermined { unknown: Unknown::OwnSession, .. })
    };
    assert!(is_refused());
    // An answer from before the restart, however young, does not show that the session has outlived it.
    store.report_session(&me_of("frozen"), answered_at, None).unwrap();
    assert!(is_refused());
    report_since(store, &me_of("frozen"), None);
    assert!(!is_refused(), "it was another broker that was restarted");
}

fn me_of(worker: &str) -> BrokerSession {
    BrokerSession {
        worker: worker.to_owned(),
        number: 1,
        queue: "events".to_owned(),
        follows_restart: false,
        ack_writing: AckWriting::Soon,
    }
}

pub fn a_session_that_was_seen_meanwhile_is_not_taken_for_lost(store: &Store) {
    let mut other = Consumer::begin(store, "other", 1);
    let asked_at = store.run("clock", clock).unwrap();
    other.report();
    assert!(!store.mark_session_lost(&other.session.name(), asked_at).unwrap());
    assert!(matches!(other.receive(NEW), Opened::Ours { .. }));
}

/// The machine of the worker was suspended between two reports. An `Instant` does not count that time, so the older answer looks
/// as if it were new.
pub fn an_answer_from_before_a_suspension_proves_nothing(store: &Store) {
    let other = Consumer::begin(store, "other", 1);
    let earlier = store.report_session(&other.session, Instant::now(), None).unwrap();
    let mut me = Consumer::begin(store, "me", 1);
    let mut arrival = me.arrival(AGAIN);
    let mut is_undetermined = |me: &mut Consumer<'_>| match me.open_one(&arrival) {
        Opened::Undetermined { asked_at, .. } => {
            arrival.asked_at = Some(asked_at);
            true
        }
        _ => false,
    };
    assert!(is_undetermined(&mut me));
    wait_for_next_millisecond(store);
    let suspended = ClockReading { clock: earlier.clock - TimeDelta::minutes(3), ..earlier };
    let after = store.report_session(&other.session, Instant::now(), Some(&suspended)).unwrap();
    assert!(is_undetermined(&mut me));
    report_since(store, &other.session, Some(&after));
    assert!(!is_undetermined(&mut me));
}

pub fn a_time_that_is_still_to_come_proves_nothing(store: &Store) {
    let other = Consumer::begin(store, "other", 1);
    execute(store, "UPDATE broker_sessions SET seen_at = '2037-01-01 00:00:00'");
    let mut me = Consumer::begin(store, "me", 1);
    assert!(matches!(me.receive(AGAIN), Opened::Undetermined { .. }), "the database's clock was set back");
    let mut arrival = me.arrival(AGAIN);
    arrival.asked_at = Some(store.run("clock", clock).unwrap());
    other.report();
    assert!(matches!(me.open_one(&arrival), Opened::Ours { .. }));
}

/// The worker that has outlived the copy has an earlier session in it that has not ended.
pub fn a_restored_copy_does_not_keep_an_earlier_session_alive(store: &Store) {
    let mut earlier = Consumer::begin(store, "other", 1);
    let (notification, _) = earlier.receive_new();
    let mut me = Consumer::begin(store, "me", 1);
    let mut arrival = me.arrival(AGAIN);
    let (asked_at, candidate) = held(me.open_one(&arrival));
    assert_eq!(candidate.notification, notification);
    arrival.asked_at = Some(asked_at);
    store.report_session(&BrokerSession { number: 3, ..earlier.session }, Instant::now(), None).unwrap();
    assert_eq!(id_of(&me.open_one(&arrival)), notification.id);
}

pub fn an_ack_is_recorded_before_its_session_ends(store: &Store) {
    let mut other = Consumer::begin(store, "other", 1);
    let (notification, lease) = other.receive_new();
    other.complete(lease);
    let session = other.session.name();
    let acked =
        AckedMessage { notification_id: notification.id, session, tag: other.tag, sent_at: Instant::now() };
    store.end_session(&other.session, EndOfSession::Lost { alive_at: None }, &[acked]).unwrap();
    assert_ne!(id_of(&Consumer::begin(store, "me", 1).receive(AGAIN)), notification.id);
}

pub fn after_a_restart_messages_that_were_never_delivered_do_not_wait(store: &Store) {
    let other = Consumer::begin(store, "they", 1);
    let mut me = Consumer::begin_after_restart(store, "me", 1);
    assert!(matches!(me.receive(AGAIN), Opened::Ours { .. }));
    assert!(matches!(me.receive(NEW), Opened::Ours { .. }), "the queue has caught up");
    let unknown = Unknown::OtherSession(other.session.name());
    let opened = me.receive(AGAIN);
    assert!(
        matches!(&opened, Opened::Undetermined { unknown: found, .. } if *found == unknown),
        "{opened:?}"
    );
}
