//! A message without an id is new only when no other session can still open it: rule 5 of `identity`.

use std::time::Instant;

use chrono::TimeDelta;

use super::*;
use crate::store::ledger::opening::{Opened, Unknown};
use crate::store::ledger::sessions::EndOfSession;
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
        std::thread::sleep(Duration::from_millis(5));
    };
    waits_for(Unknown::OtherSession("alive/1".to_owned()));
    store.report_session(&alive.session, before_now(Duration::from_secs(60))).unwrap();
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
    store.report_session(&frozen.session, six_seconds_old).unwrap();
    assert!(frozen.open(&kept).iter().all(refused));
    assert_eq!(store.list_notifications(None).unwrap().len(), 1);
    // It was taken for lost by mistake.
    frozen.report();
    assert!(!frozen.open(&kept).iter().any(refused));
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
