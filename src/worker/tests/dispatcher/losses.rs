//! What a lost session leaves behind: in the dispatcher, in the opener, and in the ledger.

use super::sessions::{completed_with_a_stale_receipt, exchange_markers};
use std::time::Duration;

use super::*;
use crate::store::ledger::row::NotificationState;
use crate::worker::recorder::batch::batch_queue;
use crate::worker::tests::support::wait_until;

fn rows(worker: &TestWorker) -> i64 {
    worker.count("notifications")
}

#[test]
fn the_next_one_of_the_event_does_not_wait_for_a_message_with_an_id() {
    let (worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    wait_until("its fan-out runs", || worker.relay.tries() == 1);
    broker.deliver(receipt(2, 1), named("m2"), &updated(EVENT));
    wait_until("the second row", || rows(&worker) == 2);
    drop(open_gate);
    assert_eq!(broker.settlement(), acked(2, 1));
    assert_eq!(broker.close(), []);
    assert_eq!(worker.relay.accepted().len(), 10);
}

#[test]
fn the_wait_for_a_message_ends_when_those_behind_it_hold_all_places() {
    let (worker, broker) = completed_with_a_stale_receipt();
    for tag in 2..=4 {
        broker.deliver(receipt(2, tag), named(&format!("m{tag}")), &updated(EVENT));
    }
    assert_eq!(broker.settlement(), acked(2, 1), "PREFETCH is 4, so no further message can come");
    assert_eq!(broker.close(), []);
    assert_eq!(worker.relay.accepted().len(), 10);
}

#[test]
fn an_ack_that_the_broker_has_before_the_loss_is_recorded() {
    let worker = TestWorker::new(1, 1);
    let broker = Broker::start(&worker);
    for session in 1..=20 {
        broker.deliver(receipt(session, 1), without_message_id(false), &updated(EVENT));
        assert_eq!(broker.settlement(), acked(session, 1));
        broker.confirm([receipt(session, 1)]);
        broker.lose_session();
        worker.wait_until_acked(i64::try_from(session).unwrap());
    }
    assert_eq!(broker.close(), []);
}

/// The database is away as the connection is lost. If the ledger heard of the loss first, the notification would count as one whose
/// message comes again, and swallow an equal one.
#[test]
fn an_ack_that_is_not_recorded_yet_is_recorded_with_the_loss() {
    let worker = TestWorker::new(1, 1);
    let (batch_sender, held_up) = batch_queue(Duration::from_secs(3600));
    let broker = Broker::start_with(&worker, batch_sender);
    broker.deliver(receipt(1, 1), without_message_id(false), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.confirm([receipt(1, 1)]);
    let batch = held_up.next_batch();
    assert_eq!(worker.count("notifications WHERE acked_at IS NOT NULL"), 0);
    broker.lose_session();
    worker.wait_until_acked(1);
    drop(batch);
    assert_eq!(broker.close(), []);
}

#[test]
fn a_dead_letter_of_a_lost_session_is_settled_when_its_message_comes_again() {
    let (worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    wait_until("a mail in flight", || worker.relay.tries() == 1);
    broker.deliver(receipt(2, 1), named("marker"), "marker");
    assert_eq!(broker.dead_letter().0, receipt(2, 1));
    // The fan-out loses its lease, takes it again, and finds no event.
    worker.execute("DELETE FROM events; UPDATE notifications SET epoch = epoch + 1");
    drop(open_gate);
    wait_until("its end", || record(&worker, 1).state == NotificationState::Abandoned);
    // None of them is a dead letter of the lost session.
    exchange_markers(&broker, 2);
    broker.deliver(receipt(2, 2), Identity { redelivered: true, ..named("m1") }, &updated(EVENT));
    assert_eq!(broker.dead_letter().0, receipt(2, 2));
    assert_eq!(broker.close(), []);
}

#[test]
fn a_message_that_is_not_opened_when_its_session_is_lost_is_not_opened_later() {
    let worker = TestWorker::new(1, 1);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    worker.execute("ALTER TABLE notifications RENAME TO notifications_away");
    broker.deliver(receipt(1, 2), without_message_id(false), &updated(EVENT));
    wait_until("the problem is known", || worker.problems().contains("could not open messages"));
    // The broker gives it to another worker.
    exchange_markers(&broker, 2);
    worker.execute("ALTER TABLE notifications_away RENAME TO notifications");
    broker.deliver(receipt(2, 2), named("m2"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(2, 2));
    assert_eq!(broker.close(), []);
    assert_eq!(rows(&worker), 2, "m1 and m2");
}

#[test]
fn a_session_that_ends_with_an_ack_in_flight_is_lost() {
    let worker = TestWorker::new(1, 1);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    assert_eq!(broker.close(), []);
    assert_eq!(worker.count("broker_sessions WHERE lost_at IS NOT NULL AND closed_at IS NULL"), 1);
}

#[test]
fn a_session_is_closed_after_its_last_ack_is_recorded() {
    let worker = TestWorker::new(1, 1);
    // The test plays the recorder, a slow one.
    let (batch_sender, slow_recorder) = batch_queue(TIMEOUT);
    let broker = Broker::start_with(&worker, batch_sender);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.confirm([receipt(1, 1)]);
    let Some(LedgerWrite::Acked { message, receipt, recorded }) = slow_recorder.next_batch().pop() else {
        panic!()
    };
    let closing = thread::spawn(move || broker.close());
    for _ in 0..20 {
        assert_eq!(worker.count("broker_sessions WHERE lost_at IS NULL AND closed_at IS NULL"), 1);
    }
    worker.store.record_acks(&[message]).unwrap();
    recorded.send(receipt).unwrap();
    assert_eq!(closing.join().unwrap(), []);
    assert_eq!(worker.count("broker_sessions WHERE closed_at IS NOT NULL"), 1);
}
