//! A relay that throttles one mail or one lane, and takes the others.

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use super::support::opening::open_and_run;
use super::support::relay::TestRelay;
use super::support::{REQUEST, TestWorker, Timing, named};
use crate::app::ProbeIntervals;
use crate::channels::{Class, Throttle};
use crate::domain::backoff::Backoff;
use crate::domain::outcome::Tally;
use crate::worker::fan_out::context::FanOutResult;

const HOUR: Duration = Duration::from_secs(3600);

fn complete(worker: &TestWorker) {
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
}

/// What the relay has done: mails accepted, how many of them when it last throttled, and how often it throttled after
/// having accepted another mail.
#[derive(Default)]
struct Replies {
    accepted: u64,
    throttled_after: Option<u64>,
    throttled: u32,
}

#[test]
fn a_mail_that_is_throttled_twenty_times_while_others_pass_is_charged_the_next_time() {
    let replies = Arc::new(Mutex::new(Replies::default()));
    let of_relay = Arc::clone(&replies);
    let rate = Class::Throttled(Throttle::Rate { pause: Some(Duration::from_millis(1)) });
    let decide = move |to: &str, _: u32, _: &dyn Fn() -> Tally| {
        let mut replies = of_relay.lock().unwrap();
        // After all others it would be accepted.
        if to != "p400@example.com" || replies.accepted == 799 {
            replies.accepted += 1;
            return Ok(());
        }
        replies.throttled += u32::from(replies.throttled_after != Some(replies.accepted));
        replies.throttled_after = Some(replies.accepted);
        Err(rate)
    };
    let timing = Timing { max_retries: 0, defer_schedule: vec![HOUR], ..Timing::default() };
    let worker = TestWorker::with_relay_and_timing(800, 1, decide, timing);
    complete(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 800, sent: 799, deferred: 1, ..Tally::default() });
    assert_eq!(replies.lock().unwrap().throttled, 21);
}

#[test]
fn a_lane_that_has_lost_its_permit_leaves_its_prepared_mail_to_the_others() {
    let (relay, lane, later) =
        (Arc::new(OnceLock::<TestRelay>::new()), OnceLock::new(), Arc::new(Mutex::new(0)));
    let (of_lane, pipelined) = (Arc::clone(&later), Arc::clone(&relay));
    // The lanes are the threads. The first one that has prepared a second mail is one connection too many.
    let decide = move |to: &str, _: u32, _: &dyn Fn() -> Tally| {
        if let Some(throttled) = lane.get() {
            *of_lane.lock().unwrap() += u32::from(*throttled == thread::current().id());
            return Ok(());
        }
        let has_prepared = pipelined.wait().pipelined().iter().any(|(mail, _)| mail == to);
        if has_prepared && lane.set(thread::current().id()).is_ok() {
            return Err(Class::Throttled(Throttle::Connections));
        }
        Ok(())
    };
    let pause = Backoff { first: HOUR, cap: HOUR };
    let probes = ProbeIntervals { connections: pause, ..Timing::default().probes };
    let timing = Timing { probes, ..Timing::default() };
    let worker = TestWorker::with_relay_and_timing(200, 2, decide, timing);
    assert!(relay.set(worker.relay.clone()).is_ok());
    complete(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 200, sent: 200, ..Tally::default() });
    assert_eq!(worker.context.metrics.connections_in_use.get(), 1, "one lane was throttled");
    assert_eq!(*later.lock().unwrap(), 0, "mails of that lane afterwards");
}
