//! Pauses of a queue, in which the broker writes acks to its disk. A broker that crashes forgets the acks that it has not written.

use std::time::{Duration, Instant};

use chrono::Utc;

use crate::workers::LONGEST;
use testkit::broker::Broker;
use testkit::ledger::LedgerPoll;
use testkit::scenario::Scenario;
use testkit::wait::wait_for;

/// The ledger knows that this broker has written an ack after this time without work. Whether it has written one that was sent right
/// before a crash, no ledger can see: an equal message that waits is then taken for the one that was acked.
pub fn written_after(broker: &Broker) -> Duration {
    if broker.version() < (3, 12) { Duration::from_millis(700) } else { Duration::from_secs(31) }
}

/// Waits until the ledgers of these have recorded no ack for this time.
#[track_caller]
pub fn wait_for_pause<'a>(scenarios: impl Iterator<Item = &'a Scenario>, pause: Duration) {
    let mut ledgers: Vec<_> = scenarios.map(|scenario| scenario.ledger.poll()).collect();
    let (mut last, mut since) = (Vec::new(), Instant::now());
    wait_for("a pause of the queues", LONGEST, || {
        let newest: Vec<_> = ledgers.iter_mut().map(LedgerPoll::last_ack).collect();
        if newest != last {
            (last, since) = (newest, Instant::now());
        }
        (since.elapsed() >= pause).then_some(())
    });
}

/// On a busy machine the queue has pauses of which no ledger can tell whether the broker has used them to write its acks: RabbitMQ 3.10
/// uses one of 0.2 s, and the ledger knows when an ack was sent to some milliseconds. After a crash, equal messages without
/// an id may be told apart wrongly then, in either way. So the broker gets a longer pause first.
pub fn has_doubtful_pause(scenario: &Scenario, broker: &Broker) -> bool {
    let shortest = Duration::from_millis(if broker.version() < (3, 12) { 150 } else { 800 });
    let mut later = Utc::now().naive_utc();
    for at in scenario.ledger.poll().work().into_iter().rev() {
        let pause = (later - at).to_std().unwrap_or_default();
        // Right after the last ack come deliveries.
        if pause + Duration::from_millis(200) >= written_after(broker) {
            return false;
        }
        if pause > shortest {
            return true;
        }
        later = at;
    }
    false
}
