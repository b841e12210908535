//! What a service manager such as systemd is told by the real binary.

use std::time::Duration;

use testkit::notify_socket::NotifySocket;
use testkit::ports::free_port;
use testkit::scenario::Scenario;

const PEOPLE: usize = 3;

#[test]
fn is_told_of_start_work_life_and_stop() {
    let manager = NotifySocket::new();
    let scenario = Scenario::with_relay("service-manager", PEOPLE)
        .env("NOTIFY_SOCKET", &manager.name)
        .env("WATCHDOG_USEC", "300000")
        .build();
    let mut worker = scenario.worker();
    manager.wait_for("READY=1\nSTATUS=working; since the start: 0 mails sent\n");
    scenario.publish("UPDATED");
    scenario.wait_for_acks(1);
    let told = manager.wait_for("STATUS=working; since the start: 3 mails sent\n");
    assert!(!told.contains(&"READY=1".to_owned()), "once: {told:?}");
    manager.wait_for("WATCHDOG=1\n");
    worker.freeze();
    assert!(manager.is_silent(Duration::from_millis(600)), "twice the time of the watchdog");
    worker.thaw();
    manager.wait_for("WATCHDOG=1\n");
    assert!(worker.is_running());
    worker.terminate();
    manager.wait_for("STOPPING=1\nSTATUS=stopping: finishing mails in flight\n");
    scenario.stop_and_check(worker);
}

/// It would end a worker that only waits.
#[test]
fn a_broker_that_is_away_is_no_reason_to_end_the_worker() {
    let manager = NotifySocket::new();
    let scenario = Scenario::builder("manager-without-broker")
        .env("NOTIFY_SOCKET", &manager.name)
        .env("WATCHDOG_USEC", "60000")
        .env("LAVINMQ_PORT", &free_port().to_string())
        .build();
    let worker = scenario.worker();
    let told = manager.wait_for("READY=1\nSTATUS=broker: ");
    assert!(told.iter().any(|state| state.contains("Connection refused")), "{told:?}");
    for _ in 0..3 {
        manager.wait_for("WATCHDOG=1\n");
    }
    worker.stop();
    manager.wait_for("STOPPING=1\n");
}

#[test]
fn a_worker_that_cannot_start_never_says_that_it_has_started() {
    let manager = NotifySocket::new();
    let scenario = Scenario::builder("manager-misconfigured")
        .env("NOTIFY_SOCKET", &manager.name)
        .env("TEMPLATES_DIR", "/nowhere")
        .build();
    let ended = scenario.start(&["worker"]).wait();
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(!manager.told().iter().any(|state| state.contains("READY")));
    // A socket that nobody reads any more is told once, and disturbs nothing.
    let scenario = Scenario::builder("manager-away").env("NOTIFY_SOCKET", "/nowhere/notify").build();
    let worker = scenario.worker();
    worker.wait_for_log("the service manager cannot be told of the worker's state: /nowhere/notify:");
    worker.stop();
}
