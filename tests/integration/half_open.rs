//! Connections that are reset on the worker's side only: the broker keeps their messages until it notices, and the worker
//! is connected again long before.

use testkit::broker::Broker;
use testkit::half_open_proxy::HalfOpenProxy;
use testkit::process::Process;
use testkit::scenario::{EVENT, Scenario};
use testkit::smtp::gate::Point;
use testkit::wait::wait_until;

const LANES: usize = 4;

/// A scenario whose worker reaches the broker through a proxy.
fn through_proxy(name: &str, participants: usize, prefetch: usize) -> (Scenario, HalfOpenProxy) {
    let proxy = HalfOpenProxy::start(Broker::shared().port);
    let scenario = Scenario::with_relay(name, participants)
        .connections(LANES)
        .env("LAVINMQ_PORT", &proxy.port.to_string())
        .env("PREFETCH", &prefetch.to_string())
        .build();
    (scenario, proxy)
}

/// Leaves the connection of the worker half open, for the `n`th time, and waits for the next one. The broker counts the
/// consumers that are gone, too.
fn reset(scenario: &Scenario, proxy: &HalfOpenProxy, n: u32) {
    assert!(proxy.reset_workers() > 0);
    wait_until("the worker to be connected again", || scenario.queue.consumers() == n + 1);
}

fn finish(scenario: &Scenario, worker: Process, notifications: usize) {
    scenario.wait_for_acks(notifications);
    assert_eq!(scenario.mail_counts().lost_and_duplicates(), (0, 0));
    assert_eq!(scenario.ledger.notifications().len(), notifications);
    scenario.stop_and_check(worker);
}

/// The first of two equal messages is running when its connection is lost, and completed before it comes again. The
/// second one arrives in between: it is another notification, and waits for the end of the first.
fn two_equal_messages(name: &str, ids: [Option<&str>; 2]) {
    const OTHER: i64 = 77;
    let (scenario, proxy) = through_proxy(name, 30, 2);
    scenario.seed(OTHER, 30);
    scenario.smtp.gate().close_after(Point::BeforeReply, 10);
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, ids[0]);
    // With another one, the first connection is full. So the broker gives the second message to the next one.
    scenario.queue.publish("UPDATED", OTHER, Some("other"));
    scenario.wait_until_held(LANES);
    wait_until("both to run", || scenario.ledger.notifications().len() == 2);
    reset(&scenario, &proxy, 1);
    scenario.queue.publish("UPDATED", EVENT, ids[1]);
    wait_until("the second message to be with the worker", || scenario.queue.depth() == 0);
    scenario.smtp.gate().open();
    wait_until("the first one to be completed", || scenario.ledger.completed() >= 1);
    proxy.close_half_open();
    finish(&scenario, worker, 3);
}

#[test]
fn two_equal_messages_without_a_message_id_are_two_mails() {
    two_equal_messages("half-open-equal", [None, None]);
}

#[test]
fn two_messages_with_a_message_id_are_two_mails() {
    two_equal_messages("half-open-ids", [Some("first"), Some("second")]);
}

/// Fan-outs outlive their connection. With those of the next connections they are no more than `PREFETCH`.
fn prefetch_over_several_sessions(name: &str, with_ids: bool) {
    const PREFETCH: usize = 2;
    const SESSIONS: usize = 3;
    let (scenario, proxy) = through_proxy(name, 1, PREFETCH);
    let events: Vec<i64> = (1..).take(PREFETCH * SESSIONS).collect();
    for event in &events {
        scenario.seed(*event, 10);
    }
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    let worker = scenario.worker();
    for (session, events) in (0..).zip(events.chunks(PREFETCH)) {
        if session > 0 {
            reset(&scenario, &proxy, session);
        }
        for event in events {
            let id = with_ids.then(|| format!("event {event}"));
            scenario.queue.publish("UPDATED", *event, id.as_deref());
        }
        let arrived = PREFETCH * (session as usize + 1);
        wait_until("the messages to be opened", || scenario.ledger.notifications().len() == arrived);
        if session == 0 {
            // Fan-outs that have not begun when their session is lost do not begin at all.
            scenario.wait_until_held(LANES);
        }
        let running = scenario.ledger.count("notifications WHERE state = 'running'");
        assert!(running <= PREFETCH, "{running} fan-outs run in session {}", session + 1);
    }
    scenario.smtp.gate().open();
    proxy.close_half_open();
    finish(&scenario, worker, events.len());
}

#[test]
fn no_more_than_prefetch_fan_outs_run_over_several_sessions() {
    prefetch_over_several_sessions("half-open-prefetch", false);
}

#[test]
fn no_more_than_prefetch_fan_outs_run_over_several_sessions_with_message_ids() {
    prefetch_over_several_sessions("half-open-prefetch-ids", true);
}

/// A broker that is lost several times in a row says nothing about the messages.
#[test]
fn lost_connections_are_not_blamed_on_a_message() {
    let (scenario, proxy) = through_proxy("half-open-blame", 10, 16);
    scenario.smtp.gate().close_after(Point::BeforeReply, 0);
    let worker = scenario.worker();
    scenario.queue.publish("UPDATED", EVENT, None);
    scenario.wait_until_held(LANES);
    for n in 1..=3 {
        reset(&scenario, &proxy, n);
    }
    scenario.smtp.gate().open();
    proxy.close_half_open();
    scenario.wait_for_acks(1);
    let log = worker.log();
    assert!(!log.contains("near the head of the queue") && !log.contains("rabbitmqadmin"), "{log}");
    finish(&scenario, worker, 1);
}
