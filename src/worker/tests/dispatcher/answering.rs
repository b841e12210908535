//! Messages whose publishers are told what became of them, before the ack. The test publishes nothing, and looks at what would be.

use crossbeam_channel::Receiver as PublicationReceiver;
use serde_json::Value;

use super::*;
use crate::broker::publications::publication::{Destination, Publication};
use crate::channels::Class;
use crate::config::broker::publishing::PublishingConfig;
use crate::domain::installation::Installation;
use crate::domain::reply_to::ReplyTo;
use crate::worker::announcer::Announcer;

/// The second participant cannot be read.
const UNREADABLE: &str = "ALTER TABLE participants RENAME TO people;
    CREATE VIEW participants AS SELECT id, event_id, email, locale,
        CASE WHEN id = 2 THEN abs(-9223372036854775807 - 1) ELSE name END AS name FROM people";

/// A worker that answers and publishes events.
fn announcing(mut worker: TestWorker, events: bool) -> (TestWorker, PublicationReceiver<Publication>) {
    let (publications, published) = unbounded();
    let announcer = Announcer {
        config: PublishingConfig {
            replies: true,
            events_exchange: events.then(|| "fanmail.events".to_owned()),
        },
        store: worker.store.clone(),
        database_retry: worker.context.database_retry.clone(),
        installation: Installation { tag: "t1".to_owned(), untagged_up_to: NotificationId(0) },
        publications,
        metrics: Arc::clone(&worker.context.metrics),
    };
    let (announcements, _) = announcer.start().unwrap();
    worker.context_mut().announcements = Some(announcements);
    (worker, published)
}

fn ask(broker: &Broker, receipt: Receipt, id: &str) {
    ask_for(broker, receipt, id, &updated(EVENT));
}

fn ask_for(broker: &Broker, receipt: Receipt, id: &str, body: &str) {
    let reply_to = ReplyTo::new(Some("replies"), Some(id));
    if receipt.session != broker.session.get() {
        broker.lose_session();
        broker.begin_session(receipt.session);
    }
    let incoming = Incoming::new(receipt, body.as_bytes().to_vec(), named(id));
    broker.incoming.send(Incoming { reply_to, ..incoming }).unwrap();
}

fn next(published: &PublicationReceiver<Publication>) -> (Publication, Value) {
    let publication = published.recv_timeout(TIMEOUT).expect("a publication in time");
    let body = serde_json::from_slice(&publication.body).unwrap();
    (publication, body)
}

#[test]
fn a_message_is_acked_after_its_failures_its_completion_and_its_reply() {
    let refuses = |address: &str, _: u32, _: &dyn Fn() -> _| {
        if address.starts_with("p2") { Err(Class::Permanent) } else { Ok(()) }
    };
    let (worker, published) = announcing(TestWorker::with_relay(3, 1, refuses), true);
    let broker = Broker::start(&worker);
    ask(&broker, receipt(1, 1), "m1");
    let [(failed, failure), (completed, numbers), (reply, answer)] = [0; 3].map(|_| next(&published));
    assert_eq!(failed.to, Destination::Events("delivery.failed"));
    assert_eq!((&failure["participant"], &failure["message_id"]), (&2.into(), &"m1".into()));
    assert_eq!(completed.to, Destination::Events("notification.completed"));
    assert_eq!(completed.message_id, "fanmail-t1-1-completed");
    assert_eq!((&numbers["participants"], &numbers["failed"]), (&3.into(), &1.into()));
    assert_eq!(reply.to, Destination::Reply(ReplyTo::new(Some("replies"), Some("m1")).unwrap()));
    assert_eq!((&answer["sent"], &answer["state"]), (&2.into(), &"completed".into()));
    assert!(failed.then.is_none() && completed.then.is_none() && broker.settlements.is_empty());
    reply.then.unwrap().ack();
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.close();
}

/// What is on its way for a session that is lost is void; the message comes again, and is answered with the new receipt.
#[test]
fn a_message_that_comes_again_unanswered_is_answered() {
    let (worker, published) = announcing(TestWorker::new(2, 1), false);
    let broker = Broker::start(&worker);
    ask(&broker, receipt(1, 1), "m1");
    let (reply, _) = next(&published);
    broker.live_session.begin(1);
    assert!(reply.then.as_ref().unwrap().is_wanted());
    broker.live_session.begin(2);
    ask(&broker, receipt(2, 1), "m1");
    let (again, body) = next(&published);
    assert!(!reply.then.unwrap().is_wanted() && again.then.as_ref().unwrap().is_wanted());
    assert_eq!(body["sent"], 2);
    again.then.unwrap().ack();
    assert_eq!(broker.settlement(), acked(2, 1));
    assert_eq!(worker.relay.accepted().len(), 2);
    broker.close();
}

#[test]
fn a_notification_that_is_set_aside_is_answered_and_no_event() {
    let (worker, published) = announcing(TestWorker::new(2, 1), true);
    worker.execute(UNREADABLE);
    let broker = Broker::start(&worker);
    ask(&broker, receipt(1, 1), "m1");
    let (reply, body) = next(&published);
    assert_eq!(
        (&body["state"], &body["sent"], &body["pending"]),
        (&"set_aside".into(), &1.into(), &1.into())
    );
    reply.then.unwrap().ack();
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.close();
}

/// Acks the messages whose replies are among the next publications, and returns the events of completed notifications: each with its
/// participants and those who were skipped.
fn completed(published: &PublicationReceiver<Publication>, publications: usize) -> Vec<[i64; 3]> {
    let mut found = Vec::new();
    for _ in 0..publications {
        let (publication, body) = next(published);
        if publication.to == Destination::Events("notification.completed") {
            found.push(["notification", "participants", "skipped"].map(|name| body[name].as_i64().unwrap()));
        }
        if let Some(then) = publication.then {
            then.ack();
        }
    }
    found.sort_unstable();
    found
}

#[test]
fn an_update_whose_place_a_newer_one_takes_is_completed() {
    let mut worker = coalescing::coalescing(2, Duration::from_secs(1800));
    let published;
    (worker, published) = announcing(worker, true);
    let broker = Broker::start(&worker);
    for (tag, expected) in [(1, vec![]), (2, vec![[1, 0, 0]])] {
        ask(&broker, receipt(1, tag), &format!("m{tag}"));
        assert_eq!(completed(&published, 1 + expected.len()), expected);
        assert_eq!(broker.settlement(), acked(1, tag));
        broker.confirm([receipt(1, tag)]);
    }
    ask_for(&broker, receipt(1, 3), "m3", CANCELLED);
    assert_eq!(completed(&published, 3), [[2, 0, 0], [3, 2, 0]]);
    broker.close();
}

#[test]
fn a_notification_that_is_set_aside_is_completed_when_a_newer_one_ends_it() {
    let (mut worker, published) = announcing(TestWorker::new(2, 1), true);
    worker.context_mut().supersede = true;
    worker.execute(UNREADABLE);
    let broker = Broker::start(&worker);
    ask(&broker, receipt(1, 1), "m1");
    assert_eq!(completed(&published, 1), [[0; 3]; 0]);
    assert_eq!(broker.settlement(), acked(1, 1));
    broker.confirm([receipt(1, 1)]);
    worker.wait_until_acked(1);
    worker.execute("DROP VIEW participants; ALTER TABLE people RENAME TO participants");
    ask_for(&broker, receipt(1, 2), "m2", CANCELLED);
    assert_eq!(completed(&published, 3), [[1, 2, 1], [2, 2, 0]]);
    broker.close();
}

#[test]
fn a_message_that_asks_for_nothing_is_acked_at_once() {
    let (worker, published) = announcing(TestWorker::new(1, 1), false);
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 1));
    assert!(published.is_empty());
    broker.close();
}
