//! Signals in the middle of a fan-out: the worker goes on or stops in good order, and everyone is mailed once.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use crate::systems::on_every_system;
use testkit::scenario::Scenario;
use testkit::system::System;
use testkit::wait::wait_until;

const LANES: usize = 4;
const PEOPLE: usize = 60;

/// Their default action ends the process. 40 is a real-time signal.
const IGNORED: [&str; 9] = ["USR1", "USR2", "ALRM", "VTALRM", "PROF", "IO", "XFSZ", "STKFLT", "40"];

#[test]
fn sighup_opens_the_log_again_and_the_worker_goes_on() {
    let scenario =
        Scenario::with_relay("sighup", PEOPLE).connections(LANES).env("LOG_FILE", "fanmail.log").build();
    let mut worker = scenario.worker_in_the_middle(LANES, 10, None);
    let (log, moved) = (scenario.path("fanmail.log"), scenario.path("fanmail.log.1"));
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    fs::rename(&log, &moved).unwrap();
    worker.signal("HUP");
    let line = "SIGHUP: fanmail goes on";
    wait_until("a new file", || fs::read_to_string(&log).is_ok_and(|text| text.contains(line)));
    assert!(!fs::read_to_string(&moved).unwrap().contains(line));
    assert!(worker.is_running());
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (PEOPLE, 0));
    scenario.stop_and_check(worker);
    assert!(fs::read_to_string(&log).unwrap().ends_with("stopped cleanly\n"));
}

#[test]
fn signals_without_a_meaning_change_nothing() {
    let scenario = Scenario::with_relay("ignored-signals", PEOPLE).connections(LANES).build();
    let mut worker = scenario.worker_in_the_middle(LANES, 10, None);
    for name in IGNORED {
        worker.signal(name);
    }
    // The last one is handled behind all others.
    worker.signal("HUP");
    worker.wait_for_log("SIGHUP: fanmail goes on");
    assert!(worker.is_running(), "{}", worker.log());
    scenario.smtp.gate().open();
    scenario.wait_for_acks(1);
    assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (PEOPLE, 0));
    scenario.stop_and_check(worker);
}

#[test]
fn some_signals_stop_it_as_sigterm_does() {
    for (name, point) in [("QUIT", 10), ("XCPU", 20), ("PWR", 30)] {
        let scenario = Scenario::with_relay(&format!("stopped-by-{name}"), PEOPLE).connections(LANES).build();
        let worker = scenario.worker_in_the_middle(LANES, point, None);
        worker.signal(name);
        worker.wait_for_log(&format!("stopping: SIG{name};"));
        scenario.smtp.gate().open();
        let ended = worker.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(scenario.ledger.outcomes("sent"), scenario.smtp.accepted());
        let worker = scenario.worker();
        scenario.wait_for_acks(1);
        assert_eq!((scenario.smtp.accepted(), scenario.duplicates()), (PEOPLE, 0));
        scenario.stop_and_check(worker);
    }
}

/// A thread is in the middle of a call of the database's client library then, or of its TLS library.
fn stopped_at_any_moment_of_the_start(system: System) {
    let scenario =
        Scenario::with_relay("stopped-at-start", PEOPLE).database(system).connections(LANES).build();
    for milliseconds in 0..60 {
        let worker = scenario.start(&["worker"]);
        worker.wait_for_log(" starts; ");
        thread::sleep(Duration::from_millis(milliseconds));
        worker.stop();
    }
}
on_every_system!(stopped_at_any_moment_of_the_start);
