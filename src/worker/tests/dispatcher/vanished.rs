//! The row of a notification vanishes, and its message has come again, or is in the hands of another worker.

use super::sessions::{OtherWorker, exchange_markers};
use super::*;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::row::NotificationState;
use crate::store::ledger::sessions::EndOfSession;
use crate::worker::tests::support::{REQUEST, wait_until};

const DELETE: &str = "DELETE FROM deliveries; DELETE FROM notifications";

fn rows(worker: &TestWorker) -> Vec<NotificationRecord> {
    (1..10).filter_map(|id| worker.store.find_notification(NotificationId(id)).unwrap()).collect()
}

#[test]
fn a_row_that_vanishes_after_its_message_has_come_again_is_opened_anew_and_the_ack_is_recorded() {
    for identity in [named("m1"), without_message_id(true)] {
        let (worker, open_gate) = gated_worker(5);
        let broker = Broker::start(&worker);
        broker.deliver(receipt(1, 1), Identity { redelivered: false, ..identity.clone() }, &updated(EVENT));
        wait_until("a mail in flight", || worker.relay.tries() == 1);
        broker.deliver(receipt(2, 1), Identity { redelivered: true, ..identity }, &updated(EVENT));
        let has_come_again =
            || rows(&worker)[0].broker_session.as_ref().is_some_and(|session| session.ends_with("/2"));
        wait_until("the new receipt", has_come_again);
        exchange_markers(&broker, 2);
        worker.execute(DELETE);
        drop(open_gate);
        assert_eq!(broker.settlement(), acked(2, 1));
        broker.confirm([receipt(2, 1)]);
        wait_until("the ack", || rows(&worker)[0].acked_at.is_some());
        assert_eq!(broker.close(), []);
        assert_eq!(worker.relay.accepted().len(), 1 + 5, "the mail that was in flight, and everyone");
        assert_eq!(rows(&worker).len(), 1);
    }
}

#[test]
fn a_row_that_vanishes_while_another_worker_may_have_its_message_is_left_to_that_one() {
    for identity in [named("m1"), without_message_id(false)] {
        let (worker, open_gate) = gated_worker(5);
        let broker = Broker::start(&worker);
        broker.deliver(receipt(1, 1), identity.clone(), &updated(EVENT));
        wait_until("a mail in flight", || worker.relay.tries() == 1);
        broker.deliver(receipt(2, 1), named("marker"), "marker");
        assert_eq!(broker.dead_letter().0, receipt(2, 1));
        worker.execute(DELETE);
        drop(open_gate);
        wait_until("the refusal", || worker.refused_outcomes() == 1);
        // The next message of the event.
        broker.deliver(receipt(2, 2), named("m2"), &updated(EVENT));
        assert_eq!(broker.settlement(), acked(2, 2));
        assert_eq!(broker.close(), []);
        let [row] = <[NotificationRecord; 1]>::try_from(rows(&worker)).unwrap();
        assert_eq!((row.state, row.message_key.as_deref()), (NotificationState::Completed, Some("m2")));
        assert_eq!(worker.relay.accepted().len(), 1 + 5, "the mail that was in flight, and the next message");
    }
}

#[test]
fn a_row_that_vanishes_is_not_opened_anew_by_a_worker_that_stops() {
    let (worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    broker.deliver(receipt(1, 2), named("m2"), &updated(EVENT));
    let is_waiting =
        |row: &NotificationRecord| row.state == NotificationState::Waiting && row.holder.is_some();
    wait_until("a message that waits", || rows(&worker).iter().any(is_waiting));
    wait_until("a mail in flight", || worker.relay.tries() == 1);
    let Broker { incoming, settlements, acked, dispatcher, .. } = broker;
    drop(incoming);
    wait_until("its lease is released", || !rows(&worker).iter().any(is_waiting));
    worker.execute(DELETE);
    drop(open_gate);
    assert_eq!(settlements.iter().count(), 0, "the message goes back to the queue");
    drop(acked);
    dispatcher.unwrap().join().unwrap().unwrap();
    assert_eq!((rows(&worker), worker.relay.accepted().len()), (vec![], 1));
}

/// A message without an id that is redelivered may belong to one that is there. This one had a row of its own.
#[test]
fn a_row_that_vanishes_is_not_taken_for_an_equal_one_of_a_restored_copy() {
    let (worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), without_message_id(true), &updated(EVENT));
    wait_until("a mail in flight", || worker.relay.tries() == 1);
    worker.execute(DELETE);
    let mut other = OtherWorker::new(&worker, "elsewhere:7");
    let opened = other.open(REQUEST, without_message_id(false));
    assert!(matches!(opened, Opened::Ours { .. }), "{opened:?}");
    worker.execute(
        "UPDATE notifications SET state = 'completed', completed_at = received_at
         WHERE broker_session LIKE 'elsewhere%'",
    );
    worker.store.end_session(&other.session, EndOfSession::Closed, &[]).unwrap();
    drop(open_gate);
    assert_eq!(broker.settlement(), acked(1, 1));
    assert_eq!(broker.close(), []);
    assert_eq!(worker.relay.accepted().len(), 1 + 5, "the mail that was in flight, and everyone");
}
