//! Sessions are lost, and messages come again.

use std::time::Instant;

use super::*;
use crate::domain::lease::Lease;
use crate::domain::message::Message;
use crate::domain::session::{AckWriting, BrokerSession};
use crate::store::Store;
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::{Arrival, Opened, Watermarks};
use crate::store::ledger::row::NotificationState;
use crate::worker::tests::support::{REQUEST, wait_until};

/// Time for the dispatcher to do what it must not do: it has read all that came before.
pub(super) fn exchange_markers(broker: &Broker, session: u64) {
    for tag in 100..120 {
        broker.deliver(receipt(session, tag), named("marker"), "marker");
        assert_eq!(broker.dead_letter().0, receipt(session, tag));
    }
}

/// Another worker of the same database, which the test plays.
pub(super) struct OtherWorker {
    pub session: BrokerSession,
    request: LeaseRequest,
    store: Store,
    tag: u64,
}

impl OtherWorker {
    pub fn new(worker: &TestWorker, name: &str) -> Self {
        let session = BrokerSession {
            worker: name.to_owned(),
            number: 1,
            queue: "events".to_owned(),
            follows_restart: false,
            ack_writing: AckWriting::Soon,
        };
        let store = worker.store.clone();
        store.begin_session(&session, None).unwrap();
        let request = LeaseRequest { owner: name.to_owned(), term: TIMEOUT };
        Self { session, request, store, tag: 0 }
    }

    /// Receives a message.
    pub fn open(&mut self, message: Message, identity: Identity) -> Opened {
        self.tag += 1;
        let receipt = receipt(1, self.tag);
        let arrival = Arrival {
            receipt,
            message,
            identity,
            starts_at_once: true,
            refusal: None,
            asked_at: None,
            traceparent: None,
        };
        let mut watermarks = Watermarks::default();
        let opened = self.store.open_messages(&self.session, &[arrival], &self.request, &mut watermarks);
        opened.unwrap().pop().unwrap()
    }

    pub fn lease(opened: &Opened) -> Lease {
        match opened {
            Opened::Ours { lease, .. } => *lease,
            other => panic!("{other:?}"),
        }
    }

    /// Acks the message that it received last.
    pub fn ack(&self, id: i64) {
        let acked = AckedMessage {
            notification_id: NotificationId(id),
            session: self.session.name(),
            tag: self.tag,
            sent_at: Instant::now(),
        };
        self.store.record_acks(&[acked]).unwrap();
    }
}

#[test]
fn two_equal_messages_without_an_id_are_two_notifications_also_after_the_session_is_lost() {
    let (worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), without_message_id(false), &updated(EVENT));
    broker.deliver(receipt(1, 2), without_message_id(false), &updated(EVENT));
    wait_until("one runs, and the other one waits", || {
        worker.relay.tries() == 1 && worker.store.find_notification(NotificationId(2)).unwrap().is_some()
    });
    broker.deliver(receipt(2, 1), without_message_id(true), &updated(EVENT));
    broker.deliver(receipt(2, 2), without_message_id(true), &updated(EVENT));
    let has_come_again = |id| {
        let record = worker.store.find_notification(NotificationId(id)).unwrap().unwrap();
        record.broker_session.is_some_and(|session| session.ends_with("/2"))
    };
    wait_until("both to have come again", || has_come_again(1) && has_come_again(2));
    drop(open_gate);
    assert_eq!(broker.settlement(), acked(2, 1));
    broker.confirm([receipt(2, 1)]);
    assert_eq!(broker.settlement(), acked(2, 2));
    broker.confirm([receipt(2, 2)]);
    worker.wait_until_acked(1);
    worker.wait_until_acked(2);
    assert_eq!(broker.close(), []);
    assert_eq!(worker.relay.accepted().len(), 10, "each of five people has two mails");
    assert_eq!(worker.store.find_notification(NotificationId(3)).unwrap(), None);
}

#[test]
fn a_message_id_that_is_used_twice_in_one_session_is_one_notification_and_both_messages_are_acked() {
    let (worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    broker.deliver(receipt(1, 2), named("m1"), &updated(EVENT));
    broker.deliver(receipt(1, 3), named("m3"), &updated(EVENT));
    exchange_markers(&broker, 1);
    drop(open_gate);
    for tag in 1..=3 {
        assert_eq!(broker.settlement(), acked(1, tag));
        broker.confirm([receipt(1, tag)]);
    }
    assert_eq!(broker.close(), []);
    assert_eq!(worker.relay.accepted().len(), 10, "m1 once, and m3");
}

#[test]
fn a_completed_notification_whose_ack_was_lost_is_acked_again_and_mailed_once() {
    for (identity, next) in [(named("m1"), named("m2")), (without_message_id(false), named("m2"))] {
        let worker = TestWorker::new(5, 1);
        let broker = Broker::start(&worker);
        broker.deliver(receipt(1, 1), identity.clone(), &updated(EVENT));
        assert_eq!(broker.settlement(), acked(1, 1));
        broker.deliver(receipt(2, 1), Identity { redelivered: true, ..identity }, &updated(EVENT));
        assert_eq!(broker.settlement(), acked(2, 1));
        assert_eq!(
            record(&worker, 1).acked_at,
            None,
            "the first ack was not confirmed, nor the second one yet"
        );
        broker.confirm([receipt(2, 1)]);
        worker.wait_until_acked(1);
        broker.deliver(receipt(2, 2), next, &updated(EVENT));
        assert_eq!(broker.settlement(), acked(2, 2));
        assert_eq!(broker.close(), []);
        assert_eq!(worker.relay.accepted().len(), 10);
    }
}

/// Completes a notification without an id whose session is lost, and delivers another message of the event.
pub(super) fn completed_with_a_stale_receipt() -> (TestWorker, Broker) {
    let (worker, open_gate) = gated_worker(5);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), without_message_id(false), &updated(EVENT));
    wait_until("its fan-out runs", || worker.relay.tries() == 1);
    broker.deliver(receipt(2, 1), named("next"), &updated(EVENT));
    wait_until("the second row", || worker.store.find_notification(NotificationId(2)).unwrap().is_some());
    drop(open_gate);
    wait_until("its end", || record(&worker, 1).state == NotificationState::Completed);
    exchange_markers(&broker, 2);
    assert_eq!(worker.relay.accepted().len(), 5, "the next one waits for the message of the first one");
    assert_eq!(record(&worker, 2).state, NotificationState::Waiting);
    (worker, broker)
}

#[test]
fn the_next_one_of_the_event_waits_until_the_message_of_a_completed_one_has_come_again() {
    let (worker, broker) = completed_with_a_stale_receipt();
    broker.deliver(receipt(2, 2), without_message_id(true), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(2, 2));
    broker.confirm([receipt(2, 2)]);
    assert_eq!(broker.settlement(), acked(2, 1));
    assert_eq!(worker.relay.accepted().len(), 10);
    assert_eq!(broker.close(), []);
}

#[test]
fn the_next_one_of_the_event_waits_until_another_worker_has_acked_the_message_of_a_completed_one() {
    let (worker, broker) = completed_with_a_stale_receipt();
    let mut other = OtherWorker::new(&worker, "elsewhere:7");
    let opened = other.open(REQUEST, without_message_id(true));
    assert!(matches!(opened, Opened::Completed(_)), "{opened:?}");
    other.ack(1);
    assert_eq!(broker.settlement(), acked(2, 1));
    assert_eq!(worker.relay.accepted().len(), 10);
    assert_eq!(broker.close(), []);
}

#[test]
fn at_most_prefetch_fan_outs_run_over_three_sessions() {
    let (worker, open_gate) = gated_worker_with_lanes(1, 4);
    for id in 1..=12 {
        worker.store.add_event(&event(EventId::Number(id))).unwrap();
        worker.join_event(EventId::Number(id), &[&format!("of-{id}@example.com")]);
    }
    let broker = Broker::start(&worker);
    let leased = |id: i64| {
        let found = worker.store.find_notification(NotificationId(id)).unwrap();
        found.is_some_and(|record| record.holder.is_some())
    };
    for (session, events) in (1..).zip([1..=4, 5..=8, 9..=12]) {
        for (tag, id) in (1..).zip(events.clone()) {
            broker.deliver(receipt(session, tag), named(&id.to_string()), &updated(EventId::Number(id)));
        }
        wait_until("the leases", || events.clone().all(leased));
        // A lease is in the ledger before the dispatcher knows of it.
        wait_until("the first four run", || worker.relay.tries() == 4);
        exchange_markers(&broker, session);
        let running =
            (1..=*events.end()).filter(|id| record(&worker, *id).state == NotificationState::Running);
        assert_eq!(running.collect::<Vec<_>>(), [1, 2, 3, 4], "PREFETCH is 4");
    }
    wait_until("the leases of the second session are released", || !(5..=8).any(leased));
    drop(open_gate);
    for _ in 9..=12 {
        let Settlement::Ack(receipt) = broker.settlement() else { panic!() };
        assert_eq!(receipt.session, 3);
        broker.confirm([receipt]);
    }
    // The others come again: four that are completed, and four that were never begun.
    for (tag, id) in (5..).zip(1..=8) {
        let again = Identity { redelivered: true, ..named(&id.to_string()) };
        broker.deliver(receipt(3, tag), again, &updated(EventId::Number(id)));
    }
    let mut receipts: Vec<_> = (0..8).map(|_| broker.settlement()).collect();
    receipts.sort_unstable_by_key(|settlement| match settlement {
        Settlement::Ack(receipt) | Settlement::DeadLetter(receipt, _) => receipt.tag,
    });
    assert_eq!(receipts, (5..13).map(|tag| acked(3, tag)).collect::<Vec<_>>());
    assert_eq!(broker.close(), []);
    assert_eq!(worker.relay.accepted().len(), 12, "everyone once");
}

#[test]
fn whatever_is_opened_when_a_session_is_lost_its_lease_is_released() {
    let worker = TestWorker::new(3, 1);
    let broker = Broker::start(&worker);
    // The opener may be anywhere when a session is lost.
    for session in 1..=30 {
        for tag in 1..=3 {
            broker.deliver(receipt(session, tag), named(&format!("{session}.{tag}")), &updated(EVENT));
        }
    }
    broker.lose_session();
    let ids = || (1..).map_while(|id| worker.store.find_notification(NotificationId(id)).unwrap());
    wait_until("the fan-outs end, and the leases of the others are released", || {
        let unfinished = ids().filter(|record| record.holder.is_some());
        unfinished.count() == 0 && worker.relay.accepted().len().is_multiple_of(3)
    });
    broker.begin_session(31);
    for (tag, first) in (1..).zip(1..=30) {
        for second in 1..=3 {
            let again = Identity { redelivered: true, ..named(&format!("{first}.{second}")) };
            broker.deliver(receipt(31, tag * 3 + second), again, &updated(EVENT));
        }
    }
    for _ in 0..90 {
        let Settlement::Ack(receipt) = broker.settlement() else { panic!() };
        broker.confirm([receipt]);
    }
    assert_eq!(worker.relay.accepted().len(), 270, "each of 90 notifications once to each of three people");
    assert_eq!(broker.close(), []);
}
