//! Deferred mails, from the fan-out that defers them to the sweep that decides them.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::support::opening::open_and_run;
use super::support::{REQUEST, TRANSIENT, TestWorker, Timing, named};
use crate::channels::Class;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::outcome::Tally;
use crate::store::ledger::deferrals::Deferral;
use crate::worker::deferral_sweep;
use crate::worker::fan_out::context::FanOutResult;

mod ambiguous;
mod decided;
mod leasing;
mod many;
mod priorities;
mod text_keys;
mod throttled;
mod unreadable;

const TIMEOUT: Duration = Duration::from_secs(120);

/// Every mail is deferred after one attempt, and due again after each of these milliseconds.
fn schedule(milliseconds: &[u64]) -> Timing {
    let defer_schedule = milliseconds.iter().map(|n| Duration::from_millis(*n)).collect();
    Timing { max_retries: 0, defer_schedule, ..Timing::default() }
}

/// A relay that refuses everyone's first `refusals` attempts for a temporary reason.
fn greylisting(refusals: u32) -> impl Fn(&str, u32, &dyn Fn() -> Tally) -> Result<(), Class> + Send + Sync {
    move |_, tried, _| if tried < refusals { Err(TRANSIENT) } else { Ok(()) }
}

fn complete(worker: &TestWorker) {
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
}

fn sweep(worker: &TestWorker) -> JoinHandle<()> {
    deferral_sweep::start(&worker.context).unwrap()
}

/// Stops the worker, and waits for its threads.
fn stop(mut worker: TestWorker, sweep: JoinHandle<()>) {
    drop(worker.handle.take());
    sweep.join().unwrap();
    let TestWorker { threads, context, .. } = worker;
    drop(context);
    threads.join();
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not in time");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Runs the sweep until no mail is deferred, and returns the tally of notification 1.
fn sweep_to_the_end(worker: TestWorker) -> Tally {
    let sweep = sweep(&worker);
    wait_until("the last deferral", || worker.store.count_deferrals().unwrap() == 0);
    let tally = worker.tally(1);
    stop(worker, sweep);
    tally
}

/// The deferral of participant `id`.
fn deferral_of(worker: &TestWorker, id: i64) -> Option<Deferral> {
    let all = worker.store.deferrals_between(NotificationId(1), ParticipantId(0), ParticipantId::MAX);
    all.unwrap().remove(&ParticipantId(id))
}

fn assert_each_once(accepted: &[String], people: usize) {
    let different: HashSet<_> = accepted.iter().collect();
    assert_eq!((accepted.len(), different.len()), (people, people));
}

#[test]
fn everyone_who_is_greylisted_once_is_sent_after_the_first_pause() {
    let worker = TestWorker::with_relay_and_timing(250, 4, greylisting(1), schedule(&[300]));
    complete(&worker);
    assert_eq!(worker.tally(1), Tally { participants: 250, deferred: 250, ..Tally::default() });
    let (relay, metrics) = (worker.relay.clone(), Arc::clone(&worker.context.metrics));
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 250, sent: 250, ..Tally::default() });
    assert_each_once(&relay.accepted(), 250);
    assert_eq!((relay.tries(), metrics.deferred.get(), metrics.sent.get()), (500, 250, 250));
}

#[test]
fn a_mail_fails_after_the_last_step_and_each_step_is_one_attempt() {
    let timing = Timing { max_retries: 2, ..schedule(&[50, 50]) };
    let worker = TestWorker::with_relay_and_timing(1, 1, greylisting(u32::MAX), timing);
    complete(&worker);
    let relay = worker.relay.clone();
    let tally = sweep_to_the_end(worker);
    assert_eq!(tally, Tally { participants: 1, failed: 1, ..Tally::default() });
    assert_eq!(relay.tries(), 5, "three in the fan-out, and one for each step");
}

#[test]
fn a_mail_is_not_tried_before_it_is_due() {
    let worker = TestWorker::with_relay_and_timing(3, 1, greylisting(1), schedule(&[3_600_000]));
    complete(&worker);
    let sweep = sweep(&worker);
    wait_until("the first look", || worker.context.metrics.deferrals.get() == 3);
    // All that shows is that it does nothing.
    thread::sleep(Duration::from_millis(500));
    assert_eq!((worker.relay.tries(), worker.tally(1).deferred), (3, 3));
    stop(worker, sweep);
}

#[test]
fn the_relay_is_down_while_mails_are_due_and_no_step_is_used_up() {
    let failures = AtomicU32::new(0);
    let worker = TestWorker::with_relay_and_timing(
        20,
        2,
        move |_, tried, _| match tried {
            0 => Err(TRANSIENT),
            _ if failures.fetch_add(1, Ordering::Relaxed) < 60 => Err(Class::RelayFailure),
            _ => Ok(()),
        },
        schedule(&[100]),
    );
    complete(&worker);
    assert_eq!(sweep_to_the_end(worker), Tally { participants: 20, sent: 20, ..Tally::default() });
}

#[test]
fn a_shutdown_in_a_sweep_leaves_the_rest_deferred_and_the_lease_free() {
    let handle = Arc::new(std::sync::Mutex::new(None));
    let (trigger, seen) = (Arc::clone(&handle), AtomicU32::new(0));
    let mut worker = TestWorker::with_relay_and_timing(
        300,
        4,
        move |_, tried, _| {
            if tried == 0 {
                return Err(TRANSIENT);
            }
            if seen.fetch_add(1, Ordering::Relaxed) == 100 {
                drop(trigger.lock().unwrap().take());
            }
            Ok(())
        },
        schedule(&[50]),
    );
    complete(&worker);
    *handle.lock().unwrap() = worker.handle.take();
    sweep(&worker).join().unwrap();
    let accepted = worker.relay.accepted();
    assert!((101..300).contains(&accepted.len()), "{} were sent", accepted.len());
    assert_each_once(&accepted, accepted.len());
    let sent = accepted.len() as u64;
    assert_eq!(worker.tally(1), Tally { participants: 300, sent, deferred: 300 - sent, ..Tally::default() });
    assert_eq!(worker.store.find_notification(NotificationId(1)).unwrap().unwrap().holder, None);

    let next = worker.another();
    assert_eq!(sweep_to_the_end(next).sent, 300);
    assert_each_once(&worker.relay.accepted(), 300);
}

#[test]
fn in_dry_run_mode_deferred_mails_are_left_alone() {
    let mut worker = TestWorker::with_relay_and_timing(2, 1, greylisting(1), schedule(&[1]));
    complete(&worker);
    worker.context_mut().dummy = true;
    sweep(&worker).join().unwrap();
    assert_eq!((worker.relay.tries(), worker.tally(1).deferred), (2, 2));
    assert_eq!(worker.context.metrics.deferrals.get(), 2);
}
