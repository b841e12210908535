//! A relay that throttles a deferred mail for longer than a run of the sweep lasts.

use super::*;
use crate::channels::Throttle;

/// Each run has time for about ten attempts.
const RUN: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_millis(20);

#[test]
fn the_last_mail_is_charged_in_the_end_if_it_is_throttled_with_5yz() {
    let throttled = Class::Throttled(Throttle::Rate { pause: Some(PAUSE) });
    let decide = move |_: &str, tried: u32, _: &dyn Fn() -> Tally| {
        if tried == 0 { Err(TRANSIENT) } else { Err(throttled) }
    };
    let mut worker = TestWorker::with_relay_and_timing(1, 1, decide, schedule(&[50]));
    worker.context_mut().sweep_run = RUN;
    worker.relay.throttle_with(550);
    complete(&worker);
    let relay = worker.relay.clone();
    let tally = sweep_to_the_end(worker);
    assert_eq!(tally, Tally { participants: 1, failed: 1, ..Tally::default() });
    assert_eq!(relay.tries(), 1 + 21, "the first attempt, and those of all runs together");
}
