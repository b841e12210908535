//! Notifications that no message of the broker carries, beside those of messages.

use std::time::Instant;

use super::*;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::observe::health::Health;
use crate::process_id;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::without_message::{Audiences, OpenedWanted, Wanted};
use crate::store::ledger::row::NotificationState;
use crate::worker::set_aside_sweep;
use crate::worker::tests::support::{REQUEST, wait_until};

fn wanted(key: &str, message: Message) -> Wanted {
    Wanted { message, key: key.to_owned(), starts_at_once: true }
}

/// Opens a notification for a process of this name, and returns its lease.
pub(super) fn open_for(worker: &TestWorker, owner: &str, key: &str, message: Message) -> OpenedWanted {
    let request = LeaseRequest { owner: owner.to_owned(), term: Duration::from_secs(30) };
    worker.store.open_wanted(&[wanted(key, message)], Audiences::Read, &request).unwrap().remove(0)
}

/// Opens a notification and hands it to the dispatcher.
pub(super) fn hand_over(worker: &TestWorker, key: &str, message: Message) {
    let (context, requested_at) = (&worker.context, Instant::now());
    let wanted = [wanted(key, message.clone())];
    let opened = context
        .store
        .open_wanted(&wanted, Audiences::Read, context.leases.lease_request())
        .unwrap()
        .remove(0);
    assert!(matches!(opened, OpenedWanted::Ours { .. }), "{opened:?}");
    let places = context.intake.reserve(1);
    context.intake.hand_over_opened(
        [(message, key.to_owned(), opened)],
        places,
        requested_at,
        &context.leases,
    );
}

/// A process that certainly does not run any more.
pub(super) fn dead_process() -> String {
    // This one, before it was started.
    let name = process_id::this_process();
    let mut fields: Vec<&str> = name.split(':').collect();
    fields[2] = "1";
    fields.join(":")
}

fn is_completed(worker: &TestWorker, id: i64) -> bool {
    record(worker, id).state == NotificationState::Completed
}

#[test]
fn it_is_sent_and_nothing_is_settled() {
    let worker = TestWorker::new(30, 2);
    let broker = Broker::start(&worker);
    hand_over(&worker, "outbox:1", REQUEST);
    wait_until("the end", || is_completed(&worker, 1));
    assert_eq!(worker.relay.accepted().len(), 30);
    let record = record(&worker, 1);
    assert!(record.acked_at.is_some() && record.broker_session.is_none() && record.holder.is_none());
    assert_eq!(record.message_key.as_deref(), Some("outbox:1"));
    let places = usize::from(worker.config.worker.prefetch);
    wait_until("the place is free", || worker.context.intake.reserve(places).len() == places);
    assert_eq!(broker.close(), []);
}

#[test]
fn those_of_one_event_run_in_order_with_its_messages() {
    let (worker, open_gate) = gated_worker(2);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    wait_until("the first one runs", || worker.relay.tries() == 1);
    hand_over(&worker, "outbox:1", REQUEST);
    broker.deliver(receipt(1, 2), named("m2"), &updated(EVENT));
    wait_until("all are open", || worker.count("notifications") == 3);
    assert_eq!(worker.relay.tries(), 1, "one after another");
    drop(open_gate);
    assert_eq!(broker.settlement(), acked(1, 1));
    assert!(!is_completed(&worker, 2), "the ack is not confirmed");
    broker.confirm([receipt(1, 1)]);
    assert_eq!(broker.settlement(), acked(1, 2));
    assert!(is_completed(&worker, 2));
    broker.confirm([receipt(1, 2)]);
    hand_over(&worker, "outbox:2", REQUEST);
    wait_until("the last one", || is_completed(&worker, 4));
    broker.close();
}

#[test]
fn they_take_places_of_prefetch_and_a_lost_session_is_not_theirs() {
    let (mut worker, open_gate) = gated_worker(1);
    worker.config.worker.prefetch = 1;
    worker.store.add_event(&event(EventId::Number(7))).unwrap();
    worker.join_event(EventId::Number(7), &["seven@example.com"]);
    let broker = Broker::start(&worker);
    hand_over(&worker, "outbox:1", REQUEST);
    wait_until("the first one runs", || worker.relay.tries() == 1);
    hand_over(&worker, "outbox:2", Message::new(Kind::Created, EventId::Number(7)));
    for session in 1..=2 {
        broker.deliver(receipt(session, 1), named("marker"), "marker");
        assert_eq!(broker.dead_letter().0, receipt(session, 1));
    }
    assert_eq!(worker.relay.tries(), 1, "the only place is taken");
    drop(open_gate);
    wait_until("both", || is_completed(&worker, 1) && is_completed(&worker, 2));
    assert_eq!(worker.relay.accepted(), ["p1@example.com", "seven@example.com"]);
    broker.close();
}

#[test]
fn without_its_event_it_is_abandoned_and_the_next_one_is_sent() {
    let worker = TestWorker::new(1, 1);
    let broker = Broker::start(&worker);
    let gone = EventId::Number(77);
    hand_over(&worker, "outbox:1", Message::new(Kind::Updated, gone));
    wait_until("the end", || record(&worker, 1).state == NotificationState::Abandoned);
    assert!(record(&worker, 1).reason.unwrap().starts_with("event 77 is not in the database"));
    worker.store.add_event(&event(gone)).unwrap();
    worker.join_event(gone, &["late@example.com"]);
    hand_over(&worker, "outbox:2", Message::new(Kind::Updated, gone));
    wait_until("the next one", || is_completed(&worker, 2));
    // The same key once more: it is sent after all.
    hand_over(&worker, "outbox:1", Message::new(Kind::Updated, gone));
    wait_until("the first one", || is_completed(&worker, 1));
    assert_eq!(worker.relay.accepted().len(), 2);
    assert_eq!(broker.close(), []);
}

#[test]
fn a_message_with_the_same_id_is_the_same_notification_and_is_acked() {
    let (worker, open_gate) = gated_worker(3);
    let broker = Broker::start(&worker);
    hand_over(&worker, "order-1", REQUEST);
    wait_until("it runs", || worker.relay.tries() == 1);
    broker.deliver(receipt(1, 1), named("order-1"), &updated(EVENT));
    broker.deliver(receipt(1, 2), named("marker"), "marker");
    assert_eq!(broker.dead_letter().0, receipt(1, 2));
    drop(open_gate);
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.confirm([receipt(1, 1)]);
    broker.deliver(receipt(1, 3), named("order-1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 3));
    assert_eq!((worker.relay.accepted().len(), worker.count("notifications")), (3, 1));
    broker.close();
}

#[test]
fn what_a_killed_worker_has_left_behind_is_resumed_and_what_others_have_is_not() {
    let worker = TestWorker::new(4, 1);
    let (dead, living) = (dead_process(), "elsewhere");
    let OpenedWanted::Ours { notification, lease, .. } = open_for(&worker, &dead, "outbox:1", REQUEST) else {
        panic!()
    };
    worker.execute(&format!(
        "INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, decided_at)
            VALUES ({}, 2, 'sent', 1, FALSE, '2026-11-26 10:00:00')",
        notification.id
    ));
    open_for(&worker, living, "outbox:2", REQUEST);
    let broker = Broker::start(&worker);
    let sweep = set_aside_sweep::start(&worker.context, &Health::default()).unwrap();
    wait_until("the end", || is_completed(&worker, 1));
    assert_eq!(worker.relay.accepted(), ["p1@example.com", "p3@example.com", "p4@example.com"]);
    assert!(record(&worker, 1).epoch > lease.epoch);
    assert_eq!(record(&worker, 2).holder.unwrap().owner, living);
    broker.close();
    let TestWorker { handle, .. } = worker;
    drop(handle);
    sweep.join().unwrap();
}

#[test]
fn a_worker_without_a_broker_stops() {
    let worker = TestWorker::new(3, 1);
    let (inbox, stands_for_broker) = Inbox::without_broker();
    let (context, batch_sender) = (Arc::clone(&worker.context), worker.threads.batch_sender.clone());
    let dispatcher = Dispatcher::new(context, vec![inbox], batch_sender, &worker.config.worker).unwrap();
    let (ends, end) = bounded(1);
    thread::spawn(move || ends.send(dispatcher.run()));
    hand_over(&worker, "outbox:1", REQUEST);
    wait_until("the end", || is_completed(&worker, 1));
    drop(stands_for_broker);
    end.recv_timeout(TIMEOUT).expect("it ends").unwrap();
}

#[test]
fn a_worker_that_stops_releases_those_that_have_not_begun() {
    let (worker, open_gate) = gated_worker(1);
    let broker = Broker::start(&worker);
    hand_over(&worker, "outbox:1", REQUEST);
    hand_over(&worker, "outbox:2", REQUEST);
    wait_until("the first one runs", || worker.relay.tries() == 1);
    let intake = worker.context.intake.clone();
    let closing = thread::spawn(move || broker.close());
    wait_until("the lease is released", || record(&worker, 2).holder.is_none());
    drop(open_gate);
    assert_eq!(closing.join().unwrap(), []);
    assert!(is_completed(&worker, 1) && record(&worker, 2).state.is_open());
    hand_over(&worker, "outbox:3", REQUEST);
    assert!(record(&worker, 3).holder.is_none(), "the dispatcher takes none any more");
    assert_eq!(intake.reserve(4).len(), 4);
}
