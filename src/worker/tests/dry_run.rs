//! A dry run beside workers that send: nobody goes without a mail because of it.

use std::time::Duration;

use super::support::opening::{open, open_and_run};
use super::support::{EVENT, REQUEST, TestWorker, named, wait_until};
use crate::domain::ids::NotificationId;
use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::outcome::Verdict;
use crate::observe::health::Health;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::row::{NotificationRecord, NotificationState};
use crate::store::ledger::set_aside::MET_BY_DRY_RUN;
use crate::worker::fan_out::context::FanOutResult;
use crate::worker::set_aside_sweep;

const CANCELLED: Message = Message::new(Kind::Cancelled, EVENT);

fn worker(people: u32) -> TestWorker {
    sending(TestWorker::new(people, 1))
}

fn sending(mut worker: TestWorker) -> TestWorker {
    worker.context_mut().supersede = true;
    worker
}

/// A dry run with the same database.
fn dry(worker: &TestWorker) -> TestWorker {
    let mut dry = sending(worker.another());
    dry.context_mut().dummy = true;
    dry
}

/// Opens a message as a process that is gone has left it, with these outcomes of the first people.
fn leave_half_done(worker: &TestWorker, identity: &Identity, details: &[Option<&str>]) {
    let gone = LeaseRequest { owner: "gone".to_owned(), term: Duration::from_secs(30) };
    let (_, opened) = open(&worker.store, &gone, identity, REQUEST);
    let Opened::Ours { lease, notification, .. } = opened else { panic!("{opened:?}") };
    for (person, detail) in (1..).zip(details) {
        let detail = detail.map_or("NULL".to_owned(), |detail| format!("'{detail}'"));
        worker.execute(&format!(
            "INSERT INTO deliveries (notification_id, participant_id, status, attempts, permanent, detail, decided_at)
             VALUES ({}, {person}, 'sent', 1, 0, {detail}, '2026-01-01 00:00:00')",
            notification.id
        ));
    }
    worker.store.release_lease(lease).unwrap();
}

fn record(worker: &TestWorker, id: i64) -> NotificationRecord {
    worker.store.find_notification(NotificationId(id)).unwrap().unwrap()
}

#[test]
fn a_dry_run_leaves_a_notification_that_is_half_sent_to_a_worker_that_sends() {
    let worker = worker(5);
    leave_half_done(&worker, &named("m1"), &[None, None]);
    let dry = dry(&worker);
    let result = open_and_run(&dry.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    let left = record(&worker, 1);
    assert_eq!((left.state, left.reason.as_deref()), (NotificationState::SetAside, Some(MET_BY_DRY_RUN)));
    assert_eq!((worker.tally(1).pending, worker.tally(1).sent), (3, 2));
    let mut other = worker.another();
    let sweep = set_aside_sweep::start(&other.context, &Health::default()).unwrap();
    wait_until("the others", || record(&worker, 1).state == NotificationState::Completed);
    assert_eq!((worker.tally(1).sent, worker.relay.accepted().len()), (5, 3));
    drop(other.handle.take());
    sweep.join().unwrap();
}

#[test]
fn a_dry_run_does_not_close_what_is_half_sent_and_superseded() {
    let worker = worker(3);
    leave_half_done(&worker, &named("m1"), &[None]);
    open(&worker.store, worker.context.leases.lease_request(), &named("m2"), CANCELLED);
    let result = open_and_run(&dry(&worker).context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::SetAside(_)), "{result:?}");
    assert_eq!((worker.tally(1).pending, record(&worker, 1).superseded_by), (2, None));
}

#[test]
fn a_dry_run_resumes_its_own() {
    let worker = worker(3);
    leave_half_done(&worker, &named("m1"), &[Some(Verdict::DRY_RUN)]);
    let result = open_and_run(&dry(&worker).context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    assert_eq!((worker.tally(1).sent, worker.relay.accepted().len()), (3, 2));
}

#[test]
fn a_worker_that_sends_begins_anew_what_a_dry_run_has_left_half_done() {
    let worker = worker(4);
    leave_half_done(&worker, &named("m1"), &[Some(Verdict::DRY_RUN); 3]);
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    let tally = worker.tally(1);
    assert_eq!((tally.sent, tally.dry_run, worker.relay.accepted().len()), (4, 0, 4));
}

#[test]
fn a_cancellation_that_only_a_dry_run_has_told_ends_nothing() {
    let worker = worker(4);
    leave_half_done(&worker, &named("m1"), &[None]);
    let dry = dry(&worker);
    let result = open_and_run(&dry.context, &named("m2"), CANCELLED);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    let older = record(&worker, 1);
    assert_eq!((older.state.is_open(), older.superseded_by), (true, None));
    worker
        .execute(&format!("UPDATE deliveries SET detail = '{}' WHERE notification_id = 2", Verdict::DRY_RUN));
    let result = open_and_run(&worker.context, &named("m1"), REQUEST);
    assert!(matches!(result, FanOutResult::Completed(_)), "{result:?}");
    assert_eq!((worker.tally(1).sent, worker.tally(1).skipped), (4, 0));
}
