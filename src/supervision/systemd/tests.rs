use super::*;
use crate::broker::liveness::Liveness;
use crate::observe::health::{Monitor, Part};
use crate::shutdown::{ShutdownTrigger, shutdown_pair};

const WATCHDOG: Duration = Duration::from_secs(40);

fn teller() -> (Teller, Monitor, ShutdownTrigger) {
    let (trigger, shutdown) = shutdown_pair();
    let monitor = Monitor::default();
    let supervised = Supervised::new(monitor.clone(), shutdown);
    let told = Phase::Starting;
    (Teller { supervised, watchdog: Some(WATCHDOG), told, line: None, pinged_at: None }, monitor, trigger)
}

#[test]
fn tells_once_that_it_has_started_although_the_broker_is_away_and_that_it_stops() {
    let (mut teller, monitor, trigger) = teller();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(teller.next(start), "STATUS=opening the database\nWATCHDOG=1\n");
    assert_eq!(teller.next(start), "");
    monitor.health.set_problem(Part::Broker, "connection refused".to_owned());
    assert_eq!(teller.next(at(1)), "READY=1\nSTATUS=broker: connection refused\n");
    teller.supervised.has_started(Vec::new());
    monitor.health.clear_problem(Part::Broker);
    assert_eq!(teller.next(at(2)), "", "the line is not due");
    assert_eq!(teller.next(at(3)), "STATUS=working; since the start: 0 mails sent\n");
    assert_eq!(teller.next(at(41)), "WATCHDOG=1\n");
    drop(trigger);
    assert_eq!(teller.next(at(42)), "STOPPING=1\nSTATUS=stopping: finishing mails in flight\n");
    assert_eq!(teller.next(at(43)), "");
}

#[test]
fn a_broker_thread_that_hangs_stops_the_signs_of_life() {
    let (mut teller, _monitor, _trigger) = teller();
    teller.supervised.has_started(vec![Liveness::default()]);
    let start = Instant::now();
    let pings = |teller: &mut Teller, seconds| {
        teller.next(start + Duration::from_secs(seconds)).ends_with("WATCHDOG=1\n")
    };
    assert!(pings(&mut teller, 0) && pings(&mut teller, 80));
    assert!(!pings(&mut teller, 200), "it has taken no step for longer than any step lasts");
}

#[test]
fn the_watchdog_is_of_the_process_that_it_names() {
    let interval = |usec: Option<&str>, pid: Option<&str>| {
        let lookup = |name: &str| if name == "WATCHDOG_USEC" { usec } else { pid }.map(str::to_owned);
        watchdog_interval(lookup, 7)
    };
    assert_eq!(interval(Some("120000000"), None), Some(WATCHDOG));
    assert_eq!(interval(Some("120000000"), Some("7")), Some(WATCHDOG));
    for (usec, pid) in
        [(Some("120000000"), Some("8")), (None, Some("7")), (Some("0"), None), (Some("x"), None)]
    {
        assert_eq!(interval(usec, pid), None, "{usec:?} {pid:?}");
    }
}
