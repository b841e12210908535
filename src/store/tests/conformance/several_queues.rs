//! Workers take messages from several queues: what one queue shows says nothing about another one.

use chrono::TimeDelta;

use super::*;
use crate::domain::session::{AckWriting, BrokerSession};
use crate::store::ledger::opening::Watermarks;
use crate::store::tests::consumer::{
    AGAIN, Consumer, NEW, crash_while_busy, id_of, leave_no_pause, look, pass,
};

/// The same worker has a session of each queue.
fn begin<'a>(store: &'a Store, worker: &str, queue: &str, number: u64) -> Consumer<'a> {
    connect(store, worker, queue, number, false)
}

/// The same, after the broker was seen not running.
fn begin_after_crash<'a>(store: &'a Store, worker: &str, queue: &str, number: u64) -> Consumer<'a> {
    connect(store, worker, queue, number, true)
}

fn connect<'a>(
    store: &'a Store,
    worker: &str,
    queue: &str,
    number: u64,
    follows_restart: bool,
) -> Consumer<'a> {
    pass(store, TimeDelta::milliseconds(2));
    let (worker, queue) = (worker.to_owned(), queue.to_owned());
    let session = BrokerSession { worker, number, queue, follows_restart, ack_writing: AckWriting::Soon };
    store.begin_session(&session, None).unwrap();
    Consumer { store, session, watermarks: Watermarks::new(), tag: 0 }
}

pub fn the_sessions_of_one_worker_last_side_by_side(store: &Store) {
    let mut mails = begin(store, "me", "mails", 1);
    let (kept, _) = mails.receive_new();
    let mut others = begin(store, "me", "others", 2);
    assert!(matches!(mails.receive(NEW), Opened::Ours { .. }), "it has not ended");
    assert!(matches!(others.receive(NEW), Opened::Ours { .. }));
    // In an older copy of the database.
    execute(store, "DELETE FROM broker_sessions WHERE queue = 'others'");
    others.report();
    assert!(matches!(mails.receive(NEW), Opened::Ours { .. }));
    let next = begin(store, "me", "mails", 3);
    assert!(matches!(mails.receive(NEW), Opened::Undetermined { .. }), "this has ended it");
    drop(next);
    assert_eq!(look(store, kept.id).broker_session.as_deref(), Some("me/1"));
}

/// A message that comes again belongs to a notification whose message was in its queue.
pub fn a_message_takes_no_notification_of_another_queue(store: &Store) {
    let mut mails = begin(store, "they", "mails", 1);
    let (lost, _) = mails.receive_new();
    mails.crash();
    let mut others = begin(store, "me", "others", 1);
    let again = others.receive(AGAIN);
    assert!(matches!(again, Opened::Ours { resumed: false, .. }), "{again:?}");
    assert_ne!(id_of(&again), lost.id);
    let mut mails = begin(store, "me", "mails", 2);
    assert_eq!(id_of(&mails.receive(AGAIN)), lost.id);
}

/// A live worker of another queue cannot have it.
pub fn a_message_waits_for_no_worker_of_another_queue(store: &Store) {
    let mut they = begin(store, "they", "others", 1);
    they.receive_new();
    let again = begin(store, "me", "mails", 1).receive(AGAIN);
    assert!(matches!(again, Opened::Ours { resumed: false, .. }), "{again:?}");
    let again = begin(store, "me", "others", 2).receive(AGAIN);
    assert!(matches!(again, Opened::Undetermined { .. }), "{again:?}");
}

/// The worker was killed between the ack and the record of it, or before the ack: only its own queue shows which.
pub fn a_long_session_of_another_queue_proves_no_ack(store: &Store) {
    let mut mails = begin(store, "they", "mails", 1);
    let (done, lease) = mails.receive_new();
    mails.complete(lease);
    mails.crash();
    let others = begin(store, "me", "others", 1);
    pass(store, TimeDelta::minutes(11));
    others.report();
    // Old sessions are deleted when one begins.
    pass(store, TimeDelta::hours(25));
    begin(store, "me", "others", 2);
    let mut mails = begin(store, "me", "mails", 3);
    let again = mails.receive(AGAIN);
    assert!(matches!(again, Opened::Completed(_)) && id_of(&again) == done.id, "{again:?}");
}

/// The other queue was busy until the crash, and this one had a pause, in which the broker has written its acks.
pub fn the_pause_of_a_queue_is_its_own(store: &Store) {
    let mut mails = begin(store, "me", "mails", 1);
    let written = mails.receive_and_finish();
    let forgotten = begin(store, "me", "others", 2).receive_and_finish();
    crash_while_busy(store, written, forgotten);
    let mut mails = begin_after_crash(store, "me", "mails", 3);
    let mut others = begin_after_crash(store, "me", "others", 4);
    assert_eq!(id_of(&others.receive(AGAIN)), forgotten);
    let never_delivered = mails.receive(AGAIN);
    assert!(matches!(never_delivered, Opened::Ours { resumed: false, .. }), "{never_delivered:?}");
    assert_ne!(id_of(&never_delivered), written);
}

/// One queue has caught up after the crash, and the other one has not.
pub fn a_queue_catches_up_by_itself(store: &Store) {
    let mut mails = begin(store, "me", "mails", 1);
    let mut others = begin(store, "me", "others", 2);
    let forgotten = [mails.receive_and_finish(), others.receive_and_finish()];
    leave_no_pause(store);
    mails.lose();
    others.lose();
    let mut mails = begin_after_crash(store, "me", "mails", 3);
    let mut others = begin_after_crash(store, "me", "others", 4);
    assert!(matches!(mails.receive(NEW), Opened::Ours { resumed: false, .. }));
    assert!(matches!(mails.receive(AGAIN), Opened::Ours { resumed: false, .. }), "it has caught up");
    assert_eq!(id_of(&others.receive(AGAIN)), forgotten[1]);
}

/// A publisher's one message may be routed to both.
pub fn a_copy_in_another_queue_changes_nothing(store: &Store) {
    let mut mails = begin(store, "me", "mails", 1);
    let Opened::Ours { notification, lease, .. } = mails.receive((Some("both"), false)) else { panic!() };
    mails.complete(lease);
    mails.ack(notification.id, mails.tag);
    mails.lose();
    let mut others = begin(store, "me", "others", 2);
    for redelivered in [false, true] {
        let copy = others.receive((Some("both"), redelivered));
        assert!(matches!(copy, Opened::Completed(_)) && id_of(&copy) == notification.id, "{copy:?}");
    }
    let record = look(store, notification.id);
    assert!(record.acked_at.is_some() && record.broker_session.as_deref() == Some("me/1"), "{record:?}");
}

/// It was begun by a version that recorded no queue.
pub fn a_session_without_a_queue_may_be_of_any(store: &Store) {
    let mut they = begin(store, "they", "mails", 1);
    let (kept, _) = they.receive_new();
    execute(store, "UPDATE broker_sessions SET queue = NULL");
    let mut me = begin(store, "me", "mails", 1);
    assert!(matches!(me.receive(AGAIN), Opened::Undetermined { .. }));
    they.crash();
    assert_eq!(id_of(&me.receive(AGAIN)), kept.id);
}
