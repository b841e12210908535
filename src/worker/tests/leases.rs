//! Several workers and one notification: one sends, the others wait, and a lost lease ends the sending.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, bounded};

use super::support::opening::{self, open, open_and_run};
use super::support::{REQUEST, TRANSIENT, TestWorker, Timing, named, wait_until};
use crate::domain::ids::{Epoch, NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::message::identity::Identity;
use crate::domain::outcome::{Outcome, Verdict};
use crate::observe::health::Part;
use crate::shutdown::shutdown_pair;
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::fan_out::context::FanOutResult;
use crate::worker::lease::held::HeldLease;

mod abandoned;
mod holders;
mod vanished;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Another worker on the same database.
fn other(term: Duration) -> LeaseRequest {
    LeaseRequest { owner: "elsewhere:1:2:3:4:5".to_owned(), term }
}

fn entry(worker: &TestWorker) -> NotificationRecord {
    worker.store.find_notification(NotificationId(1)).unwrap().unwrap()
}

/// The other worker has opened the notification of message `m1`.
fn opened_elsewhere(worker: &TestWorker, term: Duration) -> Lease {
    let (_, opened) = open(&worker.store, &other(term), &named("m1"), REQUEST);
    let Opened::Ours { lease, .. } = opened else { panic!("{opened:?}") };
    lease
}

/// The worker that has this lease completes the notification, as if everyone were decided.
fn complete(worker: &TestWorker, lease: Lease) {
    let completing = Completing { lease, after: Some(ParticipantId::MAX), listed: false };
    assert_eq!(worker.store.complete_notifications(&[completing]).unwrap(), [Completion::Completed]);
}

fn run_elsewhere(worker: &TestWorker) -> thread::JoinHandle<FanOutResult> {
    run_in_thread(worker, named("m1"))
}

fn run_in_thread(worker: &TestWorker, identity: Identity) -> thread::JoinHandle<FanOutResult> {
    let context = Arc::clone(&worker.context);
    thread::spawn(move || open_and_run(&context, &identity, REQUEST))
}

/// Runs the fan-out of message `m1`, which another worker was seen to have.
fn wait_for_elsewhere(worker: &TestWorker) -> thread::JoinHandle<FanOutResult> {
    let (context, opened) = (Arc::clone(&worker.context), OpenedAs::Elsewhere(entry(worker).notification));
    thread::spawn(move || opening::run(&context, &named("m1"), REQUEST, opened))
}

/// A relay that holds each mail after its body was written, until the sender is dropped.
fn worker_with_gate(people: u32, lanes: usize) -> (TestWorker, Sender<()>) {
    let (open_gate, gate) = bounded::<()>(0);
    let worker = TestWorker::with_relay(people, lanes, move |_, _, _| {
        assert!(gate.recv().is_err(), "the gate only ever closes");
        Ok(())
    });
    (worker, open_gate)
}

#[test]
fn a_notification_of_another_worker_is_acked_when_that_has_completed_it() {
    let worker = TestWorker::new(5, 1);
    let lease = opened_elsewhere(&worker, Duration::from_secs(30));
    let waiting = run_elsewhere(&worker);
    // All that shows is that it neither sends nor ends.
    thread::sleep(Duration::from_millis(300));
    assert!(!waiting.is_finished() && worker.relay.accepted().is_empty());
    complete(&worker, lease);
    assert!(matches!(waiting.join().unwrap(), FanOutResult::Completed(_)));
    assert!(worker.relay.accepted().is_empty());
    assert_eq!(entry(&worker).epoch, lease.epoch);
}

#[test]
fn leases_that_are_over_leave_nothing_behind() {
    let worker = TestWorker::new(1, 1);
    for number in 1..=50 {
        let result = open_and_run(&worker.context, &named(&number.to_string()), REQUEST);
        assert!(matches!(result, FanOutResult::Completed(_)));
    }
    // The lane drops the last job of a fan-out after its report.
    wait_until("no lease", || worker.context.leases.tracked() == 0);
}

#[test]
fn a_released_lease_is_taken_at_once() {
    let worker = TestWorker::new(5, 1);
    let lease = opened_elsewhere(&worker, Duration::from_secs(30));
    let waiting = run_elsewhere(&worker);
    worker.store.release_lease(lease).unwrap();
    assert!(matches!(waiting.join().unwrap(), FanOutResult::Completed(_)));
    assert_eq!(worker.relay.accepted().len(), 5);
    assert_ne!(entry(&worker).epoch, lease.epoch);
}

#[test]
fn a_worker_that_stops_renewing_is_taken_over_after_a_term_and_one_that_renews_is_not() {
    let worker = TestWorker::with_term(5, 1, Duration::from_secs(1));
    let lease_request = other(Duration::from_millis(1));
    let lease = opened_elsewhere(&worker, lease_request.term);
    let waiting = run_elsewhere(&worker);
    // Its lease is expired at every look, but it is renewed.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        thread::sleep(Duration::from_millis(20));
        assert_eq!(worker.store.renew_leases(&[lease], &lease_request).unwrap(), []);
    }
    assert!(!waiting.is_finished() && worker.relay.accepted().is_empty());
    assert!(matches!(waiting.join().unwrap(), FanOutResult::Completed(_)));
    assert_eq!(worker.relay.accepted().len(), 5);
    assert_ne!(entry(&worker).epoch, lease.epoch);
}

#[test]
fn a_worker_that_lost_its_lease_sends_no_further_body_and_waits_for_the_other() {
    let (worker, open_gate) = worker_with_gate(50, 2);
    let running = run_elsewhere(&worker);
    wait_until("two mails in flight", || worker.relay.tries() == 2);
    let seen = entry(&worker);
    let until = seen.holder.map(|holder| holder.until);
    let ours = Lease { notification_id: NotificationId(1), epoch: seen.epoch };
    let theirs = worker
        .store
        .take_over(ours, until, ours.epoch.next(), &other(Duration::from_secs(30)))
        .unwrap()
        .unwrap();
    drop(open_gate);

    wait_until("the refusal", || worker.refused_outcomes() == 2);
    assert!(!running.is_finished(), "it waits for the other worker");
    complete(&worker, theirs);
    assert!(matches!(running.join().unwrap(), FanOutResult::Completed(_)));
    assert_eq!(worker.relay.accepted().len(), 2, "only the mails in flight");
    assert_eq!(worker.tally(1).sent, 0, "and the ledger has neither");
    assert_eq!(worker.context.metrics.unrecorded.get(), 0, "nor are they waited for");
}

#[test]
fn an_expired_lease_holds_back_the_bodies_until_it_is_renewed() {
    let (handle, shutdown) = shutdown_pair();
    let term = Duration::from_secs(30);
    let lease = Lease { notification_id: NotificationId(9), epoch: Epoch(1) };
    assert!(HeldLease::new(lease, Instant::now(), term).wait_until_valid(&shutdown));

    let long_ago = Instant::now().checked_sub(term * 2).unwrap();
    let wait = |held: &Arc<HeldLease>| {
        let (held, shutdown) = (Arc::clone(held), shutdown.clone());
        thread::spawn(move || held.wait_until_valid(&shutdown))
    };
    let [lost, renewed, kept] = [(); 3].map(|()| HeldLease::new(lease, long_ago, term));
    let waiting = [&lost, &renewed, &kept].map(wait);
    thread::sleep(Duration::from_millis(100));
    assert!(waiting.iter().all(|thread| !thread.is_finished()));
    lost.mark_lost();
    renewed.renewed(Instant::now(), term);
    let [of_lost, of_renewed, of_kept] = waiting;
    assert!(!of_lost.join().unwrap() && of_renewed.join().unwrap());
    drop(handle);
    assert!(!of_kept.join().unwrap(), "a shutdown does not wait for it");
}

#[test]
fn a_notification_that_this_process_still_works_on_is_not_abandoned_when_its_lease_has_expired() {
    let worker = TestWorker::new(5, 1);
    let (leases, requested_at) = (&worker.context.leases, Instant::now());
    let request = leases.lease_request();
    let (_, opened) = open(&worker.store, request, &named("m1"), REQUEST);
    let Opened::Ours { lease, .. } = opened else { panic!("{opened:?}") };
    let [running, lost] = [(); 2].map(|()| leases.track(lease, requested_at));
    // As it is seen after a database outage that lasted longer than a term.
    let mut seen = entry(&worker);
    seen.holder.as_mut().unwrap().expired = true;
    assert!(!leases.is_free(&seen, request.term));
    lost.mark_lost();
    assert!(!leases.is_free(&seen, request.term), "one of them is still held");
    drop(running);
    // The keeper has it too while it renews: until its query has been answered.
    wait_until("a lost lease that protects nothing", || leases.is_free(&seen, request.term));
}

#[test]
fn a_shutdown_releases_the_lease() {
    let (mut worker, open_gate) = worker_with_gate(50, 2);
    let running = run_elsewhere(&worker);
    wait_until("two mails in flight", || worker.relay.tries() == 2);
    drop(worker.handle.take());
    drop(open_gate);
    assert_eq!(running.join().unwrap(), FanOutResult::Interrupted);
    let entry = entry(&worker);
    assert_eq!((entry.state, entry.holder, worker.tally(1).sent), (NotificationState::Running, None, 2));
}

#[test]
fn leases_are_renewed_while_the_fan_out_runs_and_the_worker_is_listed() {
    let (open_gate, gate) = bounded::<()>(0);
    let worker = TestWorker::with_relay_and_timing(
        3,
        1,
        move |_, _, _| {
            assert!(gate.recv().is_err(), "the gate only ever closes");
            Ok(())
        },
        Timing { lease_timeout: Duration::from_secs(2), ..Timing::default() },
    );
    let running = run_elsewhere(&worker);
    wait_until("a mail in flight", || worker.relay.tries() == 1);
    let first = entry(&worker).holder.unwrap().until;
    wait_until("renewals", || {
        let holder = entry(&worker).holder.unwrap();
        assert!(!holder.expired);
        holder.until - first > chrono::TimeDelta::seconds(3)
    });
    assert_eq!(worker.store.list_workers().unwrap().len(), 1);
    drop(open_gate);
    assert!(matches!(running.join().unwrap(), FanOutResult::Completed(_)));
    let TestWorker { threads, context, store, .. } = worker;
    drop(context);
    threads.join();
    assert_eq!(store.list_workers().unwrap(), []);
}

/// Reports are due three times a lease: here, not before the end of the test.
#[test]
fn a_problem_is_reported_at_once_and_so_is_its_end() {
    let worker = TestWorker::with_term(0, 1, Duration::from_secs(300));
    let said = || worker.store.list_workers().unwrap().pop().map(|worker| worker.troubles);
    wait_until("the first report", || said().as_deref() == Some(""));
    worker.health.set_problem(Part::Relay, "down, 1 probe failed".to_owned());
    wait_until("the problem", || said().as_deref() == Some("relay: down, 1 probe failed\n"));
    worker.health.clear_problem(Part::Relay);
    wait_until("its end", || said().as_deref() == Some(""));
}

#[test]
fn a_recipient_who_waits_for_a_retry_does_not_delay_those_behind_decided_pages() {
    // A recipient of the first page is to be retried, and the second attempt lasts until the last page is sent: if that
    // page waited for the retry, it never would be.
    let (last_page, seen) = bounded(1);
    let worker = TestWorker::with_relay(2000, 2, move |to, tried, _| {
        if to != "p1@example.com" {
            last_page.send(()).unwrap();
        } else if tried == 0 || seen.recv_timeout(TIMEOUT).is_err() {
            return Err(TRANSIENT);
        }
        Ok(())
    });
    let lease = opened_elsewhere(&worker, Duration::from_secs(30));
    let sent = |id| Outcome {
        lease,
        participant_id: ParticipantId(id),
        attempts: 1,
        deferrals: 0,
        verdict: Verdict::Sent(None),
    };
    worker.store.record_outcomes(&(2..=1999).map(sent).collect::<Vec<_>>()).unwrap();
    worker.store.release_lease(lease).unwrap();
    assert!(matches!(open_and_run(&worker.context, &named("m1"), REQUEST), FanOutResult::Completed(_)));
    assert_eq!(worker.tally(1).sent, 2000);
    let attempts = worker.relay.tries();
    assert_eq!(attempts, 3, "one attempt of the last page, and two of the first recipient");
}
