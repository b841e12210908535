//! Deferred mails have the priority of their notification, which the ledger keeps.

use super::*;
use crate::domain::priority::Priority;

#[test]
fn deferred_mails_are_tried_again_with_the_priority_of_their_notification() {
    let (open_gate, gate) = crossbeam_channel::bounded::<()>(0);
    let relay = move |_: &str, tried: u32, _: &dyn Fn() -> Tally| {
        if tried == 0 {
            return Err(TRANSIENT);
        }
        assert!(gate.recv().is_err(), "the gate only ever closes");
        Ok(())
    };
    let worker = TestWorker::with_relay_and_timing(6, 1, relay, schedule(&[1]));
    let result = open_and_run(&worker.context, &named("m1"), REQUEST.or_priority(Priority::Low));
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    let sweep = sweep(&worker);
    wait_until("its jobs", || worker.context.jobs.waiting_jobs(Priority::Low) > 0);
    assert_eq!(worker.context.jobs.waiting_jobs(Priority::Medium), 0);
    drop(open_gate);
    wait_until("all mails", || worker.relay.accepted().len() == 6);
    stop(worker, sweep);
}
