//! A broker that is frozen (SIGSTOP), with heartbeats and without.

use std::time::{Duration, Instant};

use testkit::broker::Broker;
use testkit::scenario::Scenario;
use testkit::smtp::gate::Point;
use testkit::wait::{wait_for, wait_until};

const LANES: usize = 4;

/// Heartbeats detect it within 20 seconds, and the worker continues when the broker does.
#[test]
fn heartbeats_detect_a_frozen_broker_and_the_worker_reconnects() {
    let broker = Broker::own();
    broker.start();
    let scenario = Scenario::with_relay("frozen", 40).broker(&broker).connections(LANES).build();
    scenario.smtp.gate().close_after(Point::BeforeReply, 10);
    let mut worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(LANES);
    broker.freeze();
    worker.wait_for_log("nothing was heard from it for 20 s");
    // An earlier ack would wait in the socket of the frozen broker, which decides whether the message is delivered
    // again.
    scenario.smtp.gate().open();
    wait_for("the fan-out to go on", Duration::from_secs(20), || {
        (scenario.ledger.completed() == 1).then_some(())
    });
    assert!(worker.is_running());
    broker.thaw();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (40, 0));
    assert!(!worker.log().contains("was down before"), "it ran, and forgets no ack:\n{}", worker.log());
    scenario.stop_and_check(worker);
}

/// Without heartbeats only a call without a reply shows it: the worker ends in good order, so that a supervisor
/// restarts it, and nobody is mailed twice.
#[test]
fn without_heartbeats_the_watchdog_ends_the_worker_in_good_order() {
    let broker = Broker::own_with("heartbeat = 0", "");
    broker.start();
    let scenario = Scenario::with_relay("hung", 60).broker(&broker).connections(LANES).build();
    assert_eq!(scenario.queue.depth(), 0, "and now it is declared");
    broker.restart();
    scenario.smtp.gate().close_after(Point::BeforeReply, 10);
    let worker = scenario.worker();
    scenario.publish("UPDATED");
    scenario.wait_until_held(LANES);
    broker.freeze();
    let frozen = Instant::now();
    wait_for("the watchdog to notice", Duration::from_secs(60), || {
        worker.log().contains("the broker has not answered to").then_some(())
    });
    let noticed = frozen.elapsed();
    // The worker finishes and records the mails in flight before it ends.
    worker.wait_for_log("stopping: ");
    scenario.smtp.gate().open();
    let ended = worker.wait_within(Duration::from_secs(20));
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(noticed < Duration::from_secs(60), "{noticed:?}");
    let errors: Vec<&str> = ended.err.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert_eq!(errors.len(), 1, "{}", ended.err);
    assert!(errors[0].contains("heartbeat = 60"), "the hint is missing: {errors:?}");
    scenario.check_redacted(&ended.err);
    assert_eq!(scenario.ledger.outcomes("sent"), scenario.smtp.accepted());
    assert_eq!(scenario.ledger.completed(), 0);

    broker.thaw();
    let worker = scenario.worker();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (60, 0));
    scenario.stop_and_check(worker);
}

/// A stop by hand while the broker is frozen is not delayed, and is not reported as a hanging library call.
#[test]
fn a_worker_that_is_stopped_while_the_broker_is_frozen_ends_in_time() {
    let broker = Broker::own_with("heartbeat = 0", "");
    broker.start();
    let scenario = Scenario::with_relay("frozen-stop", 20)
        .broker(&broker)
        .connections(LANES)
        .env("SHUTDOWN_TIMEOUT", "3")
        .build();
    let worker = scenario.worker();
    wait_until("the worker to consume", || scenario.queue.consumers() == 1);
    broker.freeze();
    worker.terminate();
    let ended = worker.wait_within(Duration::from_secs(10));
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    assert!(ended.err.contains("SHUTDOWN_TIMEOUT"), "{}", ended.err);
}
