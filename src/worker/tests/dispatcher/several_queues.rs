//! Two queues of one worker: a session each, one order for each event.

use super::sessions::exchange_markers;
use super::without_message::hand_over;
use super::*;
use crate::worker::tests::support::{REQUEST, wait_until};

impl Broker {
    /// The broker's side of two queues of one dispatcher. The second one is to be closed first.
    fn start_two(worker: &TestWorker) -> [Self; 2] {
        Self::start_queues(worker, ["events", "more"])
    }

    fn start_queues(worker: &TestWorker, queues: [&str; 2]) -> [Self; 2] {
        let [(first, inbox), (second, other)] = queues.map(Self::of_queue);
        [first.dispatch(worker, worker.threads.batch_sender.clone(), vec![inbox, other]), second]
    }
}

fn close([first, second]: [Broker; 2]) -> [Vec<Settlement>; 2] {
    let settled = second.close();
    [first.close(), settled]
}

#[test]
fn notifications_of_one_event_run_in_the_order_of_arrival_whichever_queue_they_come_from() {
    let (worker, open_gate) = gated_worker(3);
    let [first, second] = Broker::start_two(&worker);
    first.deliver(receipt(1, 1), without_message_id(false), &updated(EVENT));
    wait_until("a mail in flight", || worker.relay.tries() == 1);
    second.deliver(receipt(2, 1), without_message_id(false), &updated(EVENT));
    wait_until("the second one", || worker.count("notifications WHERE state = 'waiting'") == 1);
    drop(open_gate);
    assert_eq!(first.settlement(), acked(1, 1));
    // The ack of the first one is awaited, although it is in another queue.
    exchange_markers(&second, 2);
    assert_eq!(worker.relay.accepted().len(), 3);
    first.confirm([receipt(1, 1)]);
    assert_eq!(second.settlement(), acked(2, 1));
    second.confirm([receipt(2, 1)]);
    worker.wait_until_acked(2);
    assert_eq!(worker.relay.accepted().len(), 6);
    assert_eq!(close([first, second]), [[], []]);
    assert_eq!(worker.count("broker_sessions WHERE closed_at IS NOT NULL AND queue = 'more'"), 1);
}

#[test]
fn a_queue_that_loses_its_session_leaves_the_other_one_alone() {
    let (worker, open_gate) = gated_worker(3);
    let [first, second] = Broker::start_two(&worker);
    first.deliver(receipt(1, 1), without_message_id(false), &updated(EVENT));
    wait_until("a mail in flight", || worker.relay.tries() == 1);
    first.deliver(receipt(1, 2), without_message_id(false), &updated(EVENT));
    second.deliver(receipt(2, 1), without_message_id(false), &updated(EVENT));
    wait_until("all rows", || worker.count("notifications") == 3);
    first.lose_session();
    first.begin_session(3);
    let again = Identity { redelivered: true, ..Identity::default() };
    first.deliver(receipt(3, 1), again.clone(), &updated(EVENT));
    first.deliver(receipt(3, 2), again, &updated(EVENT));
    wait_until("both to be taken", || {
        worker.count("notifications WHERE broker_session LIKE '%/3' AND delivery_tag IN (1, 2)") == 2
    });
    drop(open_gate);
    assert_eq!(first.settlement(), acked(3, 1));
    first.confirm([receipt(3, 1)]);
    assert_eq!(second.settlement(), acked(2, 1), "it arrived before the other one came again");
    second.confirm([receipt(2, 1)]);
    assert_eq!(first.settlement(), acked(3, 2));
    first.confirm([receipt(3, 2)]);
    worker.wait_until_acked(3);
    assert_eq!(close([first, second]), [[], []]);
    assert_eq!((worker.count("notifications"), worker.relay.accepted().len()), (3, 9));
}

/// Equal notices without an id are told apart by their queues, and what no message carries waits for no queue.
#[test]
fn a_queue_that_loses_its_session_leaves_notices_and_the_outbox_alone() {
    const NOTICE: &str = r#"{"recipients":[{"email":"zoe@example.com"}],"message":"Hello"}"#;
    let (worker, open_gate) = gated_worker(1);
    let [usual, urgent] = Broker::start_queues(&worker, ["events", "events.urgent"]);
    usual.deliver(receipt(1, 1), without_message_id(false), NOTICE);
    wait_until("a mail in flight", || worker.relay.tries() == 1);
    urgent.deliver(receipt(2, 1), without_message_id(false), NOTICE);
    hand_over(&worker, "outbox:1", REQUEST);
    wait_until("all rows", || worker.count("notifications") == 3);
    for broker in [&usual, &urgent] {
        broker.lose_session();
    }
    for (broker, session) in [(&usual, 3), (&urgent, 4)] {
        broker.begin_session(session);
        broker.deliver(receipt(session, 1), without_message_id(true), NOTICE);
    }
    for (queue, session) in [("events", 3), ("events.urgent", 4)] {
        wait_until("each to be taken by its own queue", || {
            worker.count(&format!(
                "notifications n JOIN broker_sessions s ON s.name = n.broker_session
                 WHERE s.queue = '{queue}' AND s.name LIKE '%/{session}'"
            )) == 1
        });
    }
    drop(open_gate);
    assert_eq!((usual.settlement(), urgent.settlement()), (acked(3, 1), acked(4, 1)));
    usual.confirm([receipt(3, 1)]);
    urgent.confirm([receipt(4, 1)]);
    worker.wait_until_acked(3);
    assert_eq!(close([usual, urgent]), [[], []]);
    assert_eq!((worker.count("notifications"), worker.relay.accepted().len()), (3, 3));
}

/// A publisher's message was routed to both queues, or published to both.
#[test]
fn one_message_in_two_queues_is_one_notification() {
    let (worker, open_gate) = gated_worker(3);
    let [first, second] = Broker::start_two(&worker);
    first.deliver(receipt(1, 1), named("both"), &updated(EVENT));
    wait_until("a mail in flight", || worker.relay.tries() == 1);
    second.deliver(receipt(2, 1), named("both"), &updated(EVENT));
    drop(open_gate);
    assert_eq!(first.settlement(), acked(1, 1));
    first.confirm([receipt(1, 1)]);
    assert_eq!(second.settlement(), acked(2, 1));
    second.confirm([receipt(2, 1)]);
    worker.wait_until_acked(1);
    assert_eq!(close([first, second]), [[], []]);
    assert_eq!((worker.count("notifications"), worker.relay.accepted().len()), (1, 3));
}

/// All places are taken, and others wait for one.
#[test]
fn an_urgent_message_begins_beside_those_that_hold_all_places() {
    let (worker, open_gate) = gated_worker_with_lanes(3, 1);
    let events: Vec<EventId> = (1..=6).map(|number| EventId::Number(900 + number)).collect();
    for event in &events {
        worker.execute(&format!(
            "INSERT INTO events (id, title, starts_at) VALUES ({event}, 'More', '2030-01-01 10:00:00');
             INSERT INTO participants (event_id, email, name) VALUES ({event}, 'p{event}@example.com', 'P')"
        ));
    }
    let [usual, urgent] = Broker::start_queues(&worker, ["events", "events.urgent"]);
    let last = events.len() - 1;
    for (event, tag) in events[..last].iter().zip(1..) {
        usual.deliver(receipt(1, tag), without_message_id(false), &updated(*event));
    }
    wait_until("PREFETCH of them run", || worker.count("notifications WHERE state = 'running'") == 4);
    wait_until("and one waits", || worker.count("notifications WHERE state = 'waiting'") == 1);
    urgent.deliver(receipt(2, 1), without_message_id(false), &updated(events[last]));
    wait_until("the urgent one runs, too", || {
        worker.count("notifications WHERE state = 'running' AND broker_session LIKE '%/2'") == 1
    });
    assert_eq!(worker.count("notifications WHERE state = 'waiting'"), 1);
    drop(open_gate);
    assert_eq!(urgent.settlement(), acked(2, 1));
    for _ in 1..=last {
        assert!(matches!(usual.settlement(), Settlement::Ack(_)));
    }
    assert_eq!(close([usual, urgent]), [[], []]);
}
