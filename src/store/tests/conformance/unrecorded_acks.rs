//! Acks that no worker has recorded, because it was killed right after them: rule 3 of `identity`, and what a session records
//! as it begins.

use chrono::TimeDelta;

use super::*;
use crate::store::backend::dispatch::clock;
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::sessions::EndOfSession;
use crate::store::tests::consumer::*;

/// A notification whose mails are sent, by a worker that is killed before the ack is recorded.
fn complete_and_die(store: &Store, worker: &str) -> Notification {
    let mut killed = Consumer::begin(store, worker, 1);
    let (ended, lease) = killed.receive_new();
    killed.complete(lease);
    ended
}

/// A session that lasts so long, and ends.
fn last(store: &Store, worker: &str, minutes: i64) {
    let session = Consumer::begin(store, worker, 1);
    pass(store, TimeDelta::minutes(minutes));
    session.report();
    session.end(EndOfSession::Closed);
}

pub fn an_ack_that_was_never_recorded_swallows_no_later_message(store: &Store) {
    let mut before = Consumer::begin(store, "me", 1);
    let (ended, lease) = before.receive_new();
    before.complete(lease);
    before.lose();
    let mut me = Consumer::begin(store, "me", 2);
    pass(store, TimeDelta::minutes(11));
    let late = me.receive(AGAIN);
    assert_ne!(id_of(&late), ended.id, "{late:?}");
    release_all(store, "me");
    me.end(EndOfSession::Closed);
    // The next session is young, but that one has lasted.
    let mut next = Consumer::begin(store, "me", 3);
    for _ in 0..3 {
        assert_ne!(id_of(&next.receive(AGAIN)), ended.id);
    }
}

/// The sessions that show that it was acked are old, and are deleted.
pub fn an_ack_that_was_never_recorded_swallows_no_message_of_a_later_week(store: &Store) {
    let ended = complete_and_die(store, "killed");
    last(store, "long", 11);
    pass(store, TimeDelta::days(7));
    let mut me = Consumer::begin(store, "me", 1);
    let opened = me.receive(AGAIN);
    assert!(matches!(opened, Opened::Ours { resumed: false, .. }), "{opened:?}");
    let record = look(store, ended.id);
    assert_eq!(record.acked_at, record.completed_at, "about then");
}

/// The same when its own session is deleted first.
pub fn a_deleted_session_does_not_hide_that_a_message_was_acked(store: &Store) {
    let ended = complete_and_die(store, "killed");
    pass(store, TimeDelta::days(2));
    last(store, "long", 11);
    pass(store, TimeDelta::days(2));
    let mut me = Consumer::begin(store, "me", 1);
    assert_ne!(id_of(&me.receive(AGAIN)), ended.id);
}

pub fn a_message_that_waited_for_a_worker_for_days_is_found(store: &Store) {
    let ended = complete_and_die(store, "killed");
    // Too short for the broker to deliver everything.
    last(store, "short", 9);
    pass(store, TimeDelta::days(3));
    let mut me = Consumer::begin(store, "me", 1);
    assert_eq!(me.receive(AGAIN), Opened::Completed(ended));
}

/// A session that began before that one was lost shows nothing.
pub fn a_message_that_comes_again_at_once_is_found_beside_a_long_session(store: &Store) {
    let long = Consumer::begin(store, "long", 1);
    pass(store, TimeDelta::minutes(11));
    let ended = complete_and_die(store, "killed");
    long.report();
    mark_lost(store, "killed/1");
    assert_eq!(Consumer::begin(store, "me", 1).receive(AGAIN), Opened::Completed(ended));
}

/// Only of ended notifications without a `message_id` whose sessions are over.
pub fn no_other_ack_is_recorded_when_old_sessions_are_deleted(store: &Store) {
    let mut killed = Consumer::begin(store, "killed", 1);
    let (waiting, _) = killed.receive_new();
    let Opened::Ours { notification: named, lease, .. } = killed.receive((Some("a"), false)) else {
        panic!()
    };
    killed.complete(lease);
    let mut alive = Consumer::begin(store, "alive", 1);
    let (theirs, lease) = alive.receive_new();
    alive.complete(lease);
    last(store, "long", 11);
    pass(store, TimeDelta::days(2));
    alive.report();
    // Not known to have ended, although it was not seen for a while.
    let silent = complete_and_die(store, "silent");
    last(store, "long too", 11);
    pass(store, TimeDelta::hours(12));
    Consumer::begin(store, "me", 1);
    let ids = [waiting.id, named.id, theirs.id, silent.id];
    assert_eq!(store.find_acked(&ids).unwrap(), []);
    assert_eq!(look(store, waiting.id).state, NotificationState::Waiting);
}

/// The crash of a broker makes it forget the acks since the last pause between them.
pub fn an_ack_has_the_time_when_it_was_sent(store: &Store) {
    let mut me = Consumer::begin(store, "me", 1);
    let opened: Vec<Notification> = (0..12).map(|_| me.receive_new().0).collect();
    let sent_at = |n: u64| before_now(Duration::from_secs(100 * (n + 1)));
    let acked: Vec<AckedMessage> = (opened.iter().zip(0..))
        .map(|(notification, n)| AckedMessage {
            notification_id: notification.id,
            session: me.session.name(),
            tag: n + 1,
            sent_at: sent_at(n / 2),
        })
        .collect();
    // One alone, some, and many.
    for acked in [&acked[..1], &acked[1..3], &acked[3..]] {
        store.record_acks(acked).unwrap();
    }
    let now = store.run("clock", clock).unwrap();
    for (notification, n) in opened.iter().zip(0..) {
        let ago = (now - look(store, notification.id).acked_at.unwrap()).num_seconds();
        let earliest = 100 * (n / 2 + 1);
        assert!((earliest - 1..earliest + 90).contains(&ago), "{n}: {ago} s ago");
    }
}
