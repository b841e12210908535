//! Messages that are no sooner read than they are dead letters: too old ones, and those without an id where one is required.

use chrono::{TimeDelta, Utc};

use super::*;
use crate::worker::tests::support::wait_until;

/// A broker that was restarted may mark no message as redelivered, or every one.
#[test]
fn only_a_message_that_was_not_opened_before_is_stale() {
    let (mut worker, gate) = gated_worker(2);
    worker.config.worker.stale_after = Some(Duration::from_secs(3600));
    let broker = Broker::start(&worker);
    broker.deliver(receipt(1, 1), named("m1"), &updated(EVENT));
    wait_until("the notification is open", || worker.count("notifications") == 1);
    broker.lose_session();
    broker.begin_session(2);
    let deliver_old = |tag, identity| {
        let published_at = Some(Utc::now() - TimeDelta::hours(2));
        let incoming = Incoming::new(receipt(2, tag), updated(EVENT).into_bytes(), identity);
        broker.incoming.send(Incoming { published_at, ..incoming }).unwrap();
    };
    deliver_old(1, named("m1"));
    deliver_old(2, Identity { redelivered: true, ..named("m2") });
    deliver_old(3, without_message_id(false));
    for tag in [2, 3] {
        let (dead, reason) = broker.dead_letter();
        assert!(
            dead == receipt(2, tag) && reason.starts_with("it is stale: it was published at"),
            "{reason}"
        );
    }
    drop(gate);
    assert_eq!(broker.settlement(), acked(2, 1));
    assert_eq!(broker.close(), []);
    assert_eq!((worker.relay.accepted().len(), worker.count("notifications")), (2, 1));
}

#[test]
fn a_message_without_an_id_is_a_dead_letter_when_ids_are_required() {
    let mut worker = TestWorker::new(2, 1);
    worker.config.worker.require_message_id = true;
    let broker = Broker::start(&worker);
    for (tag, identity) in (1..).zip([without_message_id(false), without_message_id(true), named("")]) {
        broker.deliver(receipt(1, tag), identity, &updated(EVENT));
        let Settlement::DeadLetter(which, reason) = broker.settlement() else { panic!() };
        assert_eq!(which, receipt(1, tag));
        assert!(
            reason.contains("REQUIRE_MESSAGE_ID is True; let the publisher set a message_id"),
            "{reason}"
        );
    }
    broker.deliver(receipt(1, 4), named("m1"), &updated(EVENT));
    assert_eq!(broker.settlement(), acked(1, 4));
    assert_eq!(worker.relay.accepted().len(), 2, "only the message with an id is mailed");
    broker.close();
}
