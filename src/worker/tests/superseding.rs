//! A newer notification of an event ends an older one: nobody gets "updated" after "cancelled".

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::support::opening::{open, open_and_run, run};
use super::support::{EVENT, REQUEST, TRANSIENT, TestWorker, Timing, named, wait_until};
use crate::channels::Class;
use crate::domain::ids::NotificationId;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::outcome::Tally;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::worker::deferral_sweep;
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::fan_out::context::FanOutResult;

const CANCELLED: Message = Message::new(Kind::Cancelled, EVENT);

type Decide = dyn Fn(&str, u32, &dyn Fn() -> Tally) -> Result<(), Class> + Send + Sync;

/// A relay that accepts so many mails, and the others once the gate is open.
fn gated_after(mails: u32) -> (Box<Decide>, Arc<AtomicU32>, Arc<AtomicBool>) {
    let (tried, is_open) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let (counter, gate) = (Arc::clone(&tried), Arc::clone(&is_open));
    let decide = move |_: &str, _: u32, _: &dyn Fn() -> Tally| {
        if counter.fetch_add(1, Ordering::Relaxed) >= mails {
            wait_until("the gate", || gate.load(Ordering::Relaxed));
        }
        Ok(())
    };
    (Box::new(decide), tried, is_open)
}

fn superseding(mut worker: TestWorker) -> TestWorker {
    worker.context_mut().supersede = true;
    worker
}

fn record(worker: &TestWorker, id: i64) -> NotificationRecord {
    worker.store.find_notification(NotificationId(id)).unwrap().unwrap()
}

fn is_completed(result: &FanOutResult) -> bool {
    matches!(result, FanOutResult::Completed(_))
}

/// The last mails are those of the newer notification, one for each of `people`.
fn assert_newer_came_last(worker: &TestWorker, people: usize) {
    let accepted = worker.relay.accepted();
    let last: HashSet<&String> = accepted[accepted.len() - people..].iter().collect();
    assert_eq!(last.len(), people, "{accepted:?}");
}

fn assert_closed(worker: &TestWorker, id: i64, newer: i64) -> Tally {
    let older = record(worker, id);
    assert_eq!(
        (older.state, older.superseded_by.map(|id| id.0), older.holder),
        (NotificationState::Completed, Some(newer), None)
    );
    let tally = worker.tally(id);
    assert!(tally.adds_up(), "{tally:?}");
    assert_eq!((tally.pending, tally.deferred), (0, 0));
    tally
}

#[test]
fn a_cancellation_ends_an_update_in_the_middle() {
    let (decide, tried, gate) = gated_after(20);
    let worker = superseding(TestWorker::with_relay(2_300, 3, decide));
    thread::scope(|scope| {
        let older = scope.spawn(|| open_and_run(&worker.context, &named("m1"), REQUEST));
        wait_until("the update in the middle", || tried.load(Ordering::Relaxed) > 20);
        let newer = scope.spawn(|| open_and_run(&worker.context, &named("m2"), CANCELLED));
        wait_until("the cancellation", || record(&worker, 1).superseded_by.is_some());
        gate.store(true, Ordering::Relaxed);
        assert!(is_completed(&older.join().unwrap()));
        assert!(is_completed(&newer.join().unwrap()));
    });
    let older = assert_closed(&worker, 1, 2);
    assert_eq!(older.sent + older.skipped, 2_300);
    assert!(older.sent < 100 && older.skipped > 2_000, "{older:?}");
    assert_eq!(worker.tally(2).sent, 2_300);
    assert_newer_came_last(&worker, 2_300);
    let details =
        "deliveries WHERE notification_id = 1 AND status = 'skipped' AND detail = 'superseded by 2'";
    assert_eq!(worker.count(details), i64::try_from(older.skipped).unwrap());
    assert_eq!(worker.context.metrics.superseded.get(), 1);
}

#[test]
fn what_has_not_begun_is_for_no_one_and_the_last_update_for_everyone() {
    let worker = superseding(TestWorker::new(4, 2));
    let request = worker.context.leases.lease_request();
    let mut opened = Vec::new();
    for (id, kind) in
        [("m1", Kind::Updated), ("m2", Kind::Updated), ("m3", Kind::Created), ("m4", Kind::Updated)]
    {
        let message = Message::new(kind, EVENT);
        let (_, new) = open(&worker.store, request, &named(id), message.clone());
        let Opened::Ours { notification, lease, resumed, started } = new else { panic!("{new:?}") };
        let held = worker.context.leases.track(lease, std::time::Instant::now());
        opened.push((named(id), message, OpenedAs::Ours { notification, held, resumed, started }));
    }
    for (identity, message, opened) in opened {
        assert!(is_completed(&run(&worker.context, &identity, message, opened)));
    }
    for id in [1, 2] {
        assert_eq!(assert_closed(&worker, id, 4), Tally::default());
    }
    assert_eq!([3, 4].map(|id| worker.tally(id).sent), [4, 4], "an UPDATED ends no CREATED");
    assert_eq!(worker.relay.accepted().len(), 8);
}

#[test]
fn deferred_people_are_skipped_before_the_cancellation_begins() {
    let timing =
        Timing { max_retries: 0, defer_schedule: vec![Duration::from_millis(1)], ..Timing::default() };
    let refuse_first = |_: &str, tried: u32, _: &dyn Fn() -> Tally| {
        if tried == 0 { Err(TRANSIENT) } else { Ok(()) }
    };
    let worker = superseding(TestWorker::with_relay_and_timing(30, 2, refuse_first, timing));
    assert!(is_completed(&open_and_run(&worker.context, &named("m1"), REQUEST)));
    assert_eq!(worker.tally(1).deferred, 30);
    assert!(is_completed(&open_and_run(&worker.context, &named("m2"), CANCELLED)));
    assert_eq!(assert_closed(&worker, 1, 2).skipped, 30);
    assert_eq!((worker.tally(2).sent, worker.relay.accepted().len()), (30, 30));
}

#[test]
fn a_run_of_the_sweep_ends_for_a_cancellation_that_has_only_arrived() {
    let timing =
        Timing { max_retries: 0, defer_schedule: vec![Duration::from_millis(1)], ..Timing::default() };
    let mut worker = superseding(TestWorker::with_relay_and_timing(3, 1, |_, _, _| Err(TRANSIENT), timing));
    assert!(is_completed(&open_and_run(&worker.context, &named("m1"), REQUEST)));
    open(&worker.store, worker.context.leases.lease_request(), &named("m2"), CANCELLED);
    let sweep = deferral_sweep::start(&worker.context).unwrap();
    wait_until("the sweep", || worker.store.count_deferrals().unwrap() == 0);
    wait_until("its end", || {
        record(&worker, 1).superseded_by.is_some() && record(&worker, 1).holder.is_none()
    });
    assert_eq!(assert_closed(&worker, 1, 2).skipped, 3);
    assert_eq!(worker.relay.tries(), 3, "nobody was tried again");
    drop(worker.handle.take());
    sweep.join().unwrap();
}

#[test]
fn what_is_set_aside_or_left_by_a_worker_is_closed_before_the_cancellation_begins() {
    let worker = superseding(TestWorker::new(5, 1));
    let gone = LeaseRequest { owner: "gone".to_owned(), term: Duration::from_secs(30) };
    for id in ["aside", "left"] {
        let (_, opened) = open(&worker.store, &gone, &named(id), REQUEST);
        let Opened::Ours { lease, .. } = opened else { panic!("{opened:?}") };
        if id == "aside" {
            assert!(worker.store.set_aside(lease, "a row cannot be read").unwrap().is_some());
        } else {
            worker.store.release_lease(lease).unwrap();
        }
    }
    worker.execute(
        "INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, decided_at)
         VALUES (1, 2, 'sent', 1, 0, '2026-01-01 00:00:00')",
    );
    assert!(is_completed(&open_and_run(&worker.context, &named("m3"), CANCELLED)));
    assert_eq!((assert_closed(&worker, 1, 3).skipped, worker.tally(1).sent), (4, 1));
    assert_eq!(assert_closed(&worker, 2, 3), Tally::default());
    assert_eq!(worker.tally(3).sent, 5);
    // The message of the one that was left comes again, and only needs an ack.
    assert!(is_completed(&open_and_run(&worker.context, &named("left"), REQUEST)));
    assert_eq!(worker.relay.accepted().len(), 5);
}

#[test]
fn what_waits_for_its_turn_at_another_worker_is_left_to_the_newer_one() {
    let worker = superseding(TestWorker::new(3, 1));
    let other = superseding(worker.another());
    let request = other.context.leases.lease_request();
    let (_, opened) = open(&other.store, request, &named("m1"), REQUEST);
    let Opened::Ours { notification, lease, resumed, started } = opened else { panic!("{opened:?}") };
    let held = other.context.leases.track(lease, std::time::Instant::now());
    assert!(is_completed(&open_and_run(&worker.context, &named("m2"), CANCELLED)));
    assert!(held.is_given_up());
    let opened = OpenedAs::Ours { notification, held, resumed, started };
    assert!(is_completed(&run(&other.context, &named("m1"), REQUEST, opened)));
    assert_eq!(assert_closed(&worker, 1, 2), Tally::default());
    assert_eq!(worker.relay.accepted().len(), 3);
}

#[test]
fn a_late_update_is_sent_and_without_the_option_so_is_everything() {
    let worker = superseding(TestWorker::new(2, 1));
    assert!(is_completed(&open_and_run(&worker.context, &named("m1"), CANCELLED)));
    assert!(is_completed(&open_and_run(&worker.context, &named("m2"), REQUEST)));
    assert!(is_completed(&open_and_run(&worker.context, &named("m3"), Message::new(Kind::Created, EVENT))));
    assert_eq!([1, 2, 3].map(|id| worker.tally(id).sent), [2, 2, 2]);

    let off = TestWorker::new(2, 1);
    open(&off.store, off.context.leases.lease_request(), &named("m2"), CANCELLED);
    off.execute("UPDATE notifications SET id = 9");
    assert!(is_completed(&open_and_run(&off.context, &named("m1"), REQUEST)));
    assert_eq!(off.relay.accepted().len(), 2);
}
