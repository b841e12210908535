//! The same while mails are deferred.

use std::time::Duration;

use super::*;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::worker::deferral_sweep;
use crate::worker::tests::support::{TRANSIENT, Timing, wait_until};

/// Runs the sweep until no mail is deferred.
pub(super) fn sweep(mut worker: TestWorker) -> (Vec<String>, Tally) {
    let sweep = deferral_sweep::start(&worker.context).unwrap();
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    let (accepted, tally) = (accepted(&worker), worker.tally(1));
    drop(worker.handle.take());
    sweep.join().unwrap();
    let TestWorker { threads, context, .. } = worker;
    drop(context);
    threads.join();
    (accepted, tally)
}

/// Mails are deferred after one attempt, and due again soon.
pub(super) fn deferring() -> Timing {
    let defer_schedule = vec![Duration::from_millis(200); 3];
    Timing { max_retries: 0, defer_schedule, ..Timing::default() }
}

/// The same, but not soon.
fn hours() -> Timing {
    Timing { defer_schedule: vec![Duration::from_secs(3_600)], ..deferring() }
}

/// A worker whose relay refuses the first mail to this address for a temporary reason.
pub(super) fn greylisted_once(address: &'static str, timing: Timing) -> TestWorker {
    let decide = move |to: &str, tried, _: &dyn Fn() -> Tally| {
        if to == address && tried == 0 { Err(TRANSIENT) } else { Ok(()) }
    };
    TestWorker::with_relay_and_timing(0, 1, decide, timing)
}

#[test]
fn a_deferred_mail_keeps_the_others_skipped_until_its_participant_has_left() {
    for (change, first, sent, skipped) in [
        ("SELECT 1", 1, vec!["fay@x.org", "solo@x.org"], 2),
        ("DELETE FROM participants WHERE id = 1", 3, vec!["fay@x.org", "solo@x.org"], 1),
        ("DELETE FROM participants WHERE id IN (1, 3)", 4, vec!["fay@x.org", "solo@x.org"], 0),
        (
            "UPDATE participants SET email = 'new@x.org' WHERE id = 1",
            3,
            vec!["fay@x.org", "new@x.org", "solo@x.org"],
            1,
        ),
    ] {
        let mut worker = greylisted_once("fay@x.org", deferring());
        share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org", "fay@x.org"]);
        complete(&worker);
        assert_eq!((worker.tally(1).deferred, skipped_for(&worker, 1)), (1, 2));
        worker.execute(change);
        let left = worker.another();
        let (accepted, tally) = sweep(worker);
        assert_eq!(accepted, sent, "{change}");
        assert_eq!(
            (skipped_for(&left, first), tally.pending, tally.adds_up()),
            (skipped, 0, true),
            "{change}"
        );
    }
}

#[test]
fn a_retry_without_the_option_mails_no_deferred_address_twice() {
    let mut worker = greylisted_once("fay@x.org", hours());
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org"]);
    complete(&worker);
    assert_eq!(retry(&worker, false), Counts { sent: 1, ..Counts::default() });
    assert_eq!((accepted(&worker).len(), skipped_for(&worker, 1)), (2, 1));
}

/// A worker with the option deferred it, and one without sweeps it.
#[test]
fn a_sweep_without_the_option_leaves_no_address_out_either() {
    let mut worker = greylisted_once("fay@x.org", deferring());
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org", "fay@x.org"]);
    complete(&worker);
    set(&mut worker, false);
    worker.execute("DELETE FROM participants WHERE id = 1");
    let left = worker.another();
    let (accepted, _) = sweep(worker);
    assert_eq!((accepted, skipped_for(&left, 3)), (vec!["fay@x.org".to_owned(), "solo@x.org".to_owned()], 1));
}

#[test]
fn when_the_event_was_cancelled_nobody_takes_the_place_of_one_who_has_left() {
    let mut worker = greylisted_once("fay@x.org", deferring());
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org"]);
    complete(&worker);
    worker.execute("DELETE FROM participants WHERE id = 1");
    let cancelled = Message { kind: Kind::Cancelled, ..REQUEST };
    open_and_run(&worker.context, &named("m2"), cancelled);
    let left = worker.another();
    let (_, tally) = sweep(worker);
    assert_eq!((tally.sent, tally.skipped, skipped_for(&left, 1)), (1, 2, 1));
    retry(&left, true);
    assert_eq!((left.tally(1).sent, skipped_for(&left, 1)), (1, 1), "a retry does not either");
}

/// The fan-out deferred one, and stopped before it had decided about the other.
#[test]
fn a_resumed_fan_out_leaves_an_address_to_the_one_who_is_deferred() {
    let mut worker = greylisted_once("fay@x.org", hours());
    share(&mut worker, &["solo@x.org", "fay@x.org", "fay@x.org"]);
    complete(&worker);
    worker.execute(
        "DELETE FROM deliveries WHERE participant_id = 3;
         UPDATE notifications SET state = 'running', completed_at = NULL, lease_owner = NULL",
    );
    let mut second = worker.another();
    set(&mut second, true);
    complete(&second);
    let tally = second.tally(1);
    assert_eq!((tally.sent, tally.deferred, tally.same_address, skipped_for(&second, 2)), (1, 1, 1, 1));
    assert_eq!(second.relay.tries_for("fay@x.org"), 1);
}

/// It began without the option: one got the mail, another was deferred.
#[test]
fn a_retry_with_the_option_mails_no_address_that_has_its_mail() {
    let mut worker = greylisted_once("fay@x.org", hours());
    share(&mut worker, &["fay@x.org", "solo@x.org", "fay@x.org"]);
    set(&mut worker, false);
    complete(&worker);
    assert_eq!((worker.tally(1).sent, worker.tally(1).deferred), (2, 1));
    assert_eq!(retry(&worker, true), Counts { skipped: 1, ..Counts::default() });
    assert_eq!((worker.store.count_deferrals().unwrap(), skipped_for(&worker, 3)), (0, 1));
    assert_eq!(accepted(&worker), ["fay@x.org", "solo@x.org"]);
}
