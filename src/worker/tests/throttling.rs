//! A relay that throttles one mail or one lane, and takes the others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::support::{REQUEST, TestWorker, Timing, named};
use crate::channels::{Class, Throttle};
use crate::domain::outcome::Tally;
use crate::worker::fan_out;
use crate::worker::fan_out::context::FanOutResult;

const HOUR: Duration = Duration::from_secs(3600);

fn complete(worker: &TestWorker) {
    let result = fan_out::run(&worker.context, &named("m1"), REQUEST);
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
