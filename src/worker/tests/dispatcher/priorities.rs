//! Notifications of several priorities: which is started next, and whose mails are sent next.

use super::without_message::{dead_process, hand_over, open_for};
use super::*;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::priority::Priority;
use crate::observe::health::Health;
use crate::worker::set_aside_sweep;
use crate::worker::tests::support::{REQUEST, wait_until};

const LOW: &str = r#"{"type":"UPDATED","event_id":123,"priority":"low"}"#;

/// With this priority of AMQP.
fn deliver(broker: &Broker, receipt: Receipt, body: &str, priority: u8) {
    let incoming = Incoming::new(receipt, body.as_bytes().to_vec(), named(&format!("m{}", receipt.tag)));
    broker.incoming.send(Incoming { priority: Some(priority), ..incoming }).unwrap();
}

#[test]
fn a_notice_of_high_priority_overtakes_a_large_fan_out() {
    let notice = r#"{"recipients":["a@x.org","b@x.org","c@x.org"],"message":"Now","priority":"high"}"#;
    let without_word = notice.replace(r#","priority":"high""#, "");
    for (notice, of_amqp) in [(notice, 0), (&without_word, 9)] {
        let (worker, open_gate) = gated_worker(40);
        let broker = Broker::start(&worker);
        broker.deliver(receipt(1, 1), named("m1"), LOW);
        wait_until("the first mail in flight", || worker.relay.tries() == 1);
        deliver(&broker, receipt(1, 2), notice, of_amqp);
        wait_until("its jobs", || worker.context.jobs.waiting_jobs(Priority::High) == 3);
        drop(open_gate);
        assert_eq!(broker.settlement(), acked(1, 2), "long before the other one");
        assert_eq!(broker.settlement(), acked(1, 1));
        let accepted = worker.relay.accepted();
        assert_eq!(accepted.len(), 43);
        // One mail was in flight, and one was prepared.
        let before = accepted.iter().take_while(|to| !to.starts_with('a')).count();
        assert!(
            before <= 2
                && accepted[before..].starts_with(&["a@x.org", "b@x.org", "c@x.org"].map(str::to_owned))
        );
        let priority = |id| record(&worker, id).notification.priority;
        assert_eq!([priority(1), priority(2)], [Priority::Low, Priority::High], "the ledger keeps it");
        broker.confirm([receipt(1, 1), receipt(1, 2)]);
        broker.close();
    }
}

#[test]
fn the_messages_of_an_urgent_queue_are_of_high_priority() {
    let worker = TestWorker::new(1, 1);
    let (broker, inbox) = Broker::of_queue("events.urgent");
    let broker = broker.dispatch(&worker, worker.threads.batch_sender.clone(), vec![inbox]);
    for (tag, body) in [(1, updated(EVENT).as_str()), (2, LOW)] {
        broker.deliver(receipt(1, tag), named(&format!("m{tag}")), body);
        assert_eq!(broker.settlement(), acked(1, tag));
        broker.confirm([receipt(1, tag)]);
    }
    let priority = |id| record(&worker, id).notification.priority;
    assert_eq!([priority(1), priority(2)], [Priority::High, Priority::Low], "its own word comes first");
    broker.close();
}

#[test]
fn high_is_started_before_others_that_came_first() {
    let (mut worker, open_gate) = gated_worker(1);
    worker.config.worker.prefetch = 1;
    let broker = Broker::start(&worker);
    hand_over(&worker, "first", REQUEST);
    wait_until("the first one runs", || worker.relay.tries() == 1);
    for (number, priority) in (1..).zip([Priority::Low, Priority::Medium, Priority::High]) {
        let id = EventId::Number(number);
        worker.store.add_event(&event(id)).unwrap();
        worker.join_event(id, &[&format!("{}@x.org", priority.as_str())]);
        let message = Message::new(Kind::Updated, id).or_priority(priority);
        hand_over(&worker, priority.as_str(), message);
    }
    // The dispatcher has them once it has read what came later.
    broker.deliver(receipt(1, 1), named("marker"), "marker");
    assert_eq!(broker.dead_letter().0, receipt(1, 1));
    drop(open_gate);
    wait_until("the end", || worker.count("notifications WHERE state = 'completed'") == 4);
    let expected = ["p1@example.com", "high@x.org", "medium@x.org", "low@x.org"];
    assert_eq!(worker.relay.accepted(), expected);
    broker.close();
}

#[test]
fn what_another_worker_has_left_behind_keeps_its_priority() {
    let (worker, open_gate) = gated_worker(6);
    let message = Message::new(Kind::Updated, EVENT).or_priority(Priority::Low);
    open_for(&worker, &dead_process(), "outbox:1", message);
    let broker = Broker::start(&worker);
    let sweep = set_aside_sweep::start(&worker.context, &Health::default()).unwrap();
    wait_until("its jobs", || worker.context.jobs.waiting_jobs(Priority::Low) > 0);
    assert_eq!(worker.context.jobs.waiting_jobs(Priority::Medium), 0);
    drop(open_gate);
    wait_until("the end", || worker.relay.accepted().len() == 6);
    broker.close();
    let TestWorker { handle, .. } = worker;
    drop(handle);
    sweep.join().unwrap();
}
