//! The dispatcher between a broker that the test plays and real fan-outs.

use std::cell::Cell;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use self::broker::Broker;
use super::support::{EVENT, TestWorker, event, named};
use crate::broker::incoming::{Acked, Inbox, Incoming, SessionEvent, Settlement};
use crate::broker::last_answer::LastAnswer;
use crate::broker::live_session::LiveSession;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::message::identity::Identity;
use crate::domain::session::{AckWriting, Receipt};
use crate::store::ledger::row::NotificationRecord;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::recorder::batch::{BatchSender, batch_queue};
use crate::worker::recorder::entry::LedgerWrite;

mod answering;
mod broker;
mod coalescing;
mod losses;
mod opening;
mod outbox;
mod priorities;
mod refused_messages;
mod reminders;
mod sessions;
mod several_queues;
mod vanished;
mod without_message;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A relay that holds every mail until the sender is dropped.
fn gated_worker(people: u32) -> (TestWorker, Sender<()>) {
    gated_worker_with_lanes(people, 1)
}

fn gated_worker_with_lanes(people: u32, lanes: usize) -> (TestWorker, Sender<()>) {
    let (open_gate, gate) = bounded::<()>(0);
    let worker = TestWorker::with_relay(people, lanes, move |_, _, _| {
        assert!(gate.recv().is_err(), "the gate only ever closes");
        Ok(())
    });
    (worker, open_gate)
}

fn record(worker: &TestWorker, id: i64) -> NotificationRecord {
    worker.store.find_notification(NotificationId(id)).unwrap().unwrap()
}

fn receipt(session: u64, tag: u64) -> Receipt {
    Receipt { session, tag }
}

fn acked(session: u64, tag: u64) -> Settlement {
    Settlement::Ack(receipt(session, tag))
}

const CANCELLED: &str = r#"{"type":"CANCELLED","event_id":123}"#;

fn updated(event_id: EventId) -> String {
    format!(r#"{{"type":"UPDATED","event_id":{event_id}}}"#)
}

fn without_message_id(redelivered: bool) -> Identity {
    Identity { message_id: None, redelivered }
}

#[test]
fn a_message_is_acked_after_everyone_is_mailed_and_the_ack_is_recorded() {
    let worker = TestWorker::new(120, 4);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    assert_eq!(worker.relay.accepted().len(), 120);
    assert_eq!(worker.store.find_notification(NotificationId(1)).unwrap().unwrap().acked_at, None);
    broker.confirm([receipt(1, 1)]);
    assert_eq!(broker.close(), []);
    let TestWorker { threads, context, store, .. } = worker;
    drop(context);
    threads.join();
    assert!(store.find_notification(NotificationId(1)).unwrap().unwrap().acked_at.is_some());
}

#[test]
fn a_message_that_cannot_be_processed_becomes_a_dead_letter_and_delays_no_other() {
    let worker = TestWorker::new(1, 1);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), "{}");
    let Settlement::DeadLetter(which, reason) = broker.settlement() else { panic!() };
    assert_eq!((which, reason.as_str()), (receipt(1, 1), "the field \"type\" is missing"));
    broker.deliver(receipt(1, 2), named("m2"), &updated(EventId::Number(77)));
    let Settlement::DeadLetter(which, reason) = broker.settlement() else { panic!() };
    assert_eq!(which, receipt(1, 2));
    assert!(reason.starts_with("event 77 is not in the database"));
    broker.deliver(receipt(1, 3), named("m3"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 3));
    broker.close();
}

#[test]
fn the_next_notification_of_an_event_waits_until_the_last_one_is_acked() {
    let worker = TestWorker::new(3, 1);
    worker.store.add_event(&event(EventId::Number(7))).unwrap();
    let broker = Broker::start(&worker);
    // Two legitimate notifications without an id, both delivered before: only the recorded ack of the first one tells
    // the ledger that they are two.
    broker.deliver(receipt(1, 1), without_message_id(true), &updated(EVENT));
    broker.deliver(receipt(1, 2), without_message_id(true), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    // Another event does not wait.
    broker.deliver(receipt(1, 3), named("other"), &updated(EventId::Number(7)));
    assert_eq!(broker.settlement(), acked(1, 3));
    assert_eq!(worker.relay.accepted().len(), 3);
    broker.confirm([receipt(1, 1)]);
    assert_eq!(broker.settlement(), acked(1, 2));
    assert_eq!(worker.relay.accepted().len(), 6);
    broker.close();
}

#[test]
fn a_redelivered_message_rejoins_its_running_fan_out_and_the_newest_receipt_is_acked() {
    for identity in [named("m1"), without_message_id(true)] {
        let (worker, open_gate) = gated_worker(5);
        let broker = Broker::start(&worker);
        broker.deliver(receipt(1, 1), Identity { redelivered: false, ..identity.clone() }, &updated(EVENT));
        // This one only waited. The broker delivers it again to another worker.
        broker.deliver(receipt(1, 2), named("lost"), &updated(EVENT));
        broker.deliver(receipt(2, 1), Identity { redelivered: true, ..identity }, &updated(EVENT));
        // The dispatcher has read all of this once it has settled the next message.
        broker.deliver(receipt(2, 2), named("marker"), "marker");
        assert!(matches!(broker.settlement(), Settlement::DeadLetter(_, _)));
        drop(open_gate);
        assert_eq!(broker.settlement(), acked(2, 1));
        broker.confirm([receipt(2, 1)]);
        worker.wait_until_acked(1);
        // Time to start the message that only waited, if the dispatcher still had it.
        for tag in 3..23 {
            broker.deliver(receipt(2, tag), named("marker"), "marker");
            assert!(matches!(broker.settlement(), Settlement::DeadLetter(_, _)));
        }
        assert_eq!(broker.close(), []);
        assert_eq!(worker.relay.accepted().len(), 5, "the message that only waited is another worker's");
    }
}

#[test]
fn a_fan_out_that_ends_without_a_valid_receipt_leaves_the_ack_to_the_redelivered_message() {
    let (worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    broker.deliver(receipt(2, 1), named("marker"), "marker");
    assert!(matches!(broker.settlement(), Settlement::DeadLetter(_, _)));
    drop(open_gate);
    broker.deliver(receipt(2, 2), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(2, 2));
    assert_eq!(worker.relay.accepted().len(), 5);
    assert_eq!(broker.close(), []);
}

#[test]
fn an_ack_that_is_not_recorded_yet_holds_back_the_next_message_even_over_a_new_connection() {
    let worker = TestWorker::new(3, 1);
    // The test plays the recorder, a slow one.
    let (batch_sender, slow_recorder) = batch_queue(TIMEOUT);
    let broker = Broker::start_with(&worker, batch_sender);
    broker.deliver(receipt(1, 1), without_message_id(false), &updated(EVENT));
    broker.deliver(receipt(1, 2), without_message_id(false), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.confirm([receipt(1, 1)]);
    let Some(LedgerWrite::Acked { message: ack, receipt: recorded_receipt, recorded }) =
        slow_recorder.next_batch().pop()
    else {
        panic!()
    };
    broker.deliver(receipt(2, 1), without_message_id(true), &updated(EVENT));
    broker.deliver(receipt(2, 2), named("marker"), "marker");
    assert!(matches!(broker.settlement(), Settlement::DeadLetter(_, _)), "the second one has to wait");
    worker.store.record_acks(&[ack]).unwrap();
    recorded.send(recorded_receipt).unwrap();
    assert_eq!(broker.settlement(), acked(2, 1));
    assert_eq!(worker.relay.accepted().len(), 6, "both were mailed");
    broker.close();
}

#[test]
fn an_ack_of_a_lost_connection_is_not_recorded_for_the_next_notification_of_the_event() {
    let worker = TestWorker::new(1, 1);
    let (batch_sender, batches) = batch_queue(TIMEOUT);
    let broker = Broker::start_with(&worker, batch_sender);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.deliver(receipt(2, 1), named("m2"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(2, 1));
    // A new connection has the dispatcher read the acks that have come before its first message.
    broker.confirm([receipt(1, 1)]);
    broker.deliver(receipt(3, 1), named("m3"), "no JSON");
    assert!(matches!(broker.settlement(), Settlement::DeadLetter(..)));
    broker.close();
    assert!(batches.next_batch().is_empty(), "only the first connection has confirmed an ack, and of m1");
}
