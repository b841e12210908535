//! Updates that wait for further ones of their event: their messages are acked at once, and the ledger has them.

use super::*;
use crate::config::coalesce::Coalescing;
use crate::domain::outcome::Tally;
use crate::observe::health::Health;
use crate::store::ledger::row::NotificationState;
use crate::worker::set_aside_sweep;
use crate::worker::tests::support::wait_until;

/// A worker that has updates wait for so long.
pub(super) fn coalescing(people: u32, quiet: Duration) -> TestWorker {
    let mut worker = TestWorker::new(people, 1);
    let context = worker.context_mut();
    let longest = Duration::from_secs(3600);
    context.store = context.store.clone().coalescing(Some(Coalescing { quiet, longest }));
    context.supersede = true;
    worker
}

#[test]
fn a_burst_of_updates_is_one_mail_for_each() {
    let worker = coalescing(4, Duration::from_millis(300));
    let broker = Broker::start(&worker);
    for tag in 1..=5 {
        broker.deliver(receipt(1, tag), named(&format!("m{tag}")), &updated(EVENT));
        assert_eq!(broker.settlement(), acked(1, tag), "long before it is sent");
        broker.confirm([receipt(1, tag)]);
        worker.wait_until_acked(tag.try_into().unwrap());
    }
    assert_eq!(worker.relay.accepted(), [""; 0]);
    let sweep = set_aside_sweep::start(&worker.context, &Health::default()).unwrap();
    wait_until("the end", || record(&worker, 5).state == NotificationState::Completed);
    assert_eq!(worker.relay.accepted().len(), 4);
    for id in 1..=4 {
        let replaced = record(&worker, id);
        assert_eq!(
            (replaced.superseded_by, worker.tally(id)),
            (Some(NotificationId(id + 1)), Tally::default())
        );
    }
    assert_eq!((worker.tally(5).sent, worker.context.metrics.superseded.get()), (4, 4));
    broker.close();
    let TestWorker { handle, .. } = worker;
    drop(handle);
    sweep.join().unwrap();
}

#[test]
fn a_cancellation_does_not_wait_and_ends_what_waits() {
    let worker = coalescing(3, Duration::from_secs(1800));
    let broker = Broker::start(&worker);
    for (tag, body) in [(1, updated(EVENT).as_str()), (2, CANCELLED)] {
        broker.deliver(receipt(1, tag), named(&format!("m{tag}")), body);
        assert_eq!(broker.settlement(), acked(1, tag));
        broker.confirm([receipt(1, tag)]);
    }
    assert_eq!((worker.tally(1), worker.tally(2).sent), (Tally::default(), 3));
    assert_eq!(record(&worker, 1).superseded_by, Some(NotificationId(2)));
    assert_eq!(worker.relay.accepted().len(), 3);
    broker.close();
}
