//! Several workers on one queue, or on the outbox, and one database: one is killed, and one is frozen until the others have taken over its
//! notifications. What the frozen one writes after that has to be refused.

use crate::messages::{Ids, Message, Way, of_event};
use crate::run::{LANES, Run};
use crate::workers::Workers;
use testkit::scenario::Scenario;
use testkit::smtp::gate::Point;
use testkit::system::System;

/// Seconds until a notification may be taken over. The broker is slower: it gives up a silent worker after two missing
/// heartbeats, 20 to 30 s.
const LEASE_TIMEOUT: &str = "2";
/// The metric for the outcomes that the ledger has refused.
const REFUSED: &str = "fanmail_refused_outcomes_total";

/// `count` workers, and notifications of some events in any order.
pub fn killed_and_frozen(run: &mut Run, system: System, count: usize, ids: Ids, way: Way) {
    let (events, notifications, people) = (run.size(4, 20), run.size(20, 100), run.size(50, 200));
    let scenario = run.setup(system, 0).env("LEASE_TIMEOUT", LEASE_TIMEOUT).env("PREFETCH", "2").build();
    for event in 1..=events {
        scenario.seed(i64::try_from(event).unwrap(), people);
    }
    let mut workers = Workers::start_with(&scenario, way, count);
    let messages = messages(run, events, notifications, ids);
    way.send(&scenario, &messages);

    // Early, because at the end some workers would have nothing to do.
    let moments = run.moments(2, notifications * people / 2);
    workers.reach(moments[0]);
    if ids == Ids::Without {
        hold_all_mails(&mut workers, &scenario, LANES, ids);
    }
    let killed = run.random.usize(..count);
    workers.kill(killed);
    scenario.smtp.gate().open();

    workers.reach(moments[1]);
    // Not the successor of the killed one, which may have nothing to do yet.
    let victim = (killed + run.random.usize(1..count)) % count;
    // So many mails that each worker has one in flight: the victim will have an outcome to write.
    hold_all_mails(&mut workers, &scenario, (count - 1) * LANES + 1, ids);
    workers.freeze(victim);
    scenario.smtp.gate().open();
    if !run.is_long() && ids == Ids::With && way == Way::Queue {
        // Otherwise the broker keeps the messages of the victim for half a minute.
        scenario.queue.publish_all(&messages);
    }
    workers.wait_until("the others to do everything", |_| scenario.ledger.completed() == notifications);
    workers.thaw(victim);
    workers.wait_until("its writes to be refused", |workers| workers.metric(victim, REFUSED) > 0);
    let crashes = workers.finish_except_acks(notifications);
    run.check_except_acks(&scenario, notifications, crashes);
}

/// Lets the relay hold every mail, so that no notification completes. `held`: at least so many mails are held then. Without ids every
/// ack is recorded then: the ledger cannot tell the message of an ack that it does not know from an equal one.
fn hold_all_mails(workers: &mut Workers<'_>, scenario: &Scenario, held: usize, ids: Ids) {
    let unrecorded = "notifications WHERE state = 'completed' AND acked_at IS NULL";
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    workers.wait_until("mails of all workers", |_| {
        scenario.smtp.gate().held() >= held && (ids == Ids::With || scenario.ledger.count(unrecorded) == 0)
    });
}

/// Messages in any order.
fn messages(run: &mut Run, events: usize, notifications: usize, ids: Ids) -> Vec<Message> {
    let mut message = |_| {
        let kind = run.random.choice(["CREATED", "UPDATED", "CANCELLED"]).unwrap();
        of_event(kind, i64::try_from(run.random.usize(1..=events)).unwrap(), ids)
    };
    (0..notifications).map(&mut message).collect()
}
