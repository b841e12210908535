//! The time between an ack and the proof that the broker has it. `acked_at` stands for the proof, and nothing that
//! happens before it makes anybody get two mails.

use std::time::{Duration, Instant};

use testkit::amqp_proxy::{AckAction, AmqpProxy};
use testkit::broker::Broker;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::wait::wait_until;

/// A scenario whose worker reaches the broker through a proxy.
fn through_proxy(name: &str, participants: usize, plan: AckAction) -> (Scenario, AmqpProxy) {
    let proxy = AmqpProxy::start(Broker::shared().port, plan);
    let scenario =
        Scenario::with_relay(name, participants).env("LAVINMQ_PORT", &proxy.port.to_string()).build();
    (scenario, proxy)
}

#[test]
fn acked_at_is_set_soon_after_the_reply_of_the_broker_and_not_before() {
    const OTHER: i64 = 77;
    let (scenario, proxy) = through_proxy("barrier", 5, AckAction::Hold);
    scenario.seed(OTHER, 200);
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.queue.publish("UPDATED", OTHER, Some("other"));
    wait_until("both to run", || scenario.ledger.notifications().len() == 2);
    scenario.smtp.gate().open();
    proxy.wait_until_done();
    // All records of the first ack are written before the last outcome of the other fan-out.
    wait_until("both to be completed", || scenario.ledger.completed() == 2);
    assert_eq!(scenario.ledger.count("notifications WHERE acked_at IS NOT NULL"), 0);
    proxy.release();
    let released = Instant::now();
    scenario.wait_for_acks(2);
    assert!(released.elapsed() < Duration::from_secs(5));
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (205, 0));
    scenario.stop_and_check(worker);
}

/// The connection breaks before the broker gets the ack: the message is delivered again, and the ledger knows it.
fn cut_before_the_ack(name: &str, message_id: Option<&str>) {
    let (scenario, proxy) = through_proxy(name, 30, AckAction::CutBefore);
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, message_id);
    proxy.wait_until_done();
    scenario.wait_for_acks(1);
    worker.wait_for_log("was completed before; message acked");
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (30, 0));
    assert_eq!(scenario.ledger.notifications().len(), 1);
    scenario.stop_and_check(worker);
}

#[test]
fn cut_before_the_ack_with_a_message_id() {
    cut_before_the_ack("cut-before-id", Some("once"));
}

#[test]
fn cut_before_the_ack_without_a_message_id() {
    cut_before_the_ack("cut-before", None);
}

/// The connection breaks between the ack and its proof: whether the message is delivered again cannot be known. The
/// next message of the event is not delayed in either case.
fn cut_after_the_ack(name: &str, message_id: Option<&str>) {
    let (scenario, proxy) = through_proxy(name, 30, AckAction::CutAfter);
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, message_id);
    proxy.wait_until_done();
    wait_until("the worker to be back", || scenario.queue.consumers() == 1);
    // A message of the same kind: without an id, only the redelivered flag distinguishes it from the first one.
    scenario.queue.publish("UPDATED", EVENT, message_id.map(|_| "next"));
    wait_until("the next one to be acked", || {
        scenario.ledger.notifications().get(1).is_some_and(|row| row.acked)
    });
    let ended = worker.stop();
    scenario.check_redacted(&ended.err);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (60, 0));
    assert_eq!((scenario.ledger.completed(), scenario.queue.depth()), (2, 0));
    scenario.check_ledger_matches_relay();
}

#[test]
fn cut_after_the_ack_with_a_message_id() {
    cut_after_the_ack("cut-after-id", Some("once"));
}

#[test]
fn cut_after_the_ack_without_a_message_id() {
    cut_after_the_ack("cut-after", None);
}
