//! When a notification is completed, with a real ledger, and without lanes that send.

use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::domain::message::details::MessageDetails;
use crate::domain::notification::Notification;
use crate::domain::notification_facts::NotificationFacts;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::row::NotificationState;
use crate::worker::fan_out::claim::Scope;
use crate::worker::lease::held::HeldLease;
use crate::worker::recorder::batch::{BatchReceiver, batch_queue};
use crate::worker::tests::support::opening::open;
use crate::worker::tests::support::{EVENT, REQUEST, TestWorker, named};

const NOBODY: Counts =
    Counts { sent: 0, dry_run: 0, failed: 0, failed_permanent: 0, skipped: 0, deferred: 0 };

/// A notification that was opened, and of which nothing is sent.
fn claim(worker: &TestWorker) -> Claim {
    let (request, requested_at) = (worker.context.leases.lease_request(), Instant::now());
    let (_, opened) = open(&worker.store, request, &named("m1"), REQUEST);
    let Opened::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
    let event = worker.store.find_event(EVENT).unwrap();
    let held = HeldLease::new(lease, requested_at, request.term);
    Claim {
        notification,
        facts: NotificationFacts::new(notification.kind, event, MessageDetails::default()),
        held,
        resumed: true,
        published_at: None,
        scope: Scope::Undecided,
        one_mail_per_address: false,
    }
}

fn check() -> CompletionCheck {
    CompletionCheck { pause: Duration::from_millis(1), ..CompletionCheck::default() }
}

fn state(worker: &TestWorker, notification: &Notification) -> NotificationState {
    worker.store.find_notification(notification.id).unwrap().unwrap().state
}

#[test]
fn tables_that_contradict_themselves_hold_a_notification_up_for_three_empty_passes_in_a_row() {
    let worker = TestWorker::new(3, 1);
    let claim = claim(&worker);
    let mut check = check();
    let sent = Counts { sent: 1, ..NOBODY };
    for counts in [NOBODY, NOBODY, sent, NOBODY, NOBODY, NOBODY] {
        assert_eq!(check.complete(&worker.context, &claim, counts, None), Ok(false));
        assert_eq!(state(&worker, &claim.notification), NotificationState::Running);
    }
    assert_eq!(check.complete(&worker.context, &claim, NOBODY, None), Ok(true));
    assert_eq!(state(&worker, &claim.notification), NotificationState::Completed);
}

#[test]
fn a_lost_lease_completes_nothing() {
    let worker = TestWorker::new(0, 1);
    let claim = claim(&worker);
    worker.execute("UPDATE notifications SET epoch = epoch + 1");
    assert_eq!(check().complete(&worker.context, &claim, NOBODY, None), Err(Halt::TakenOver));
    assert_eq!(state(&worker, &claim.notification), NotificationState::Running);
}

/// A disk is full: statements that read succeed, for much longer than a row is tried that fails like an outage.
#[test]
fn a_database_that_only_reads_sets_nothing_aside() {
    let worker = TestWorker::new(0, 1);
    let claim = claim(&worker);
    // Outside a transaction, what was changed before a FAIL stays.
    worker.execute(
        "CREATE TABLE tries (number INTEGER);
         INSERT INTO tries VALUES (0);
         CREATE TRIGGER full_disk BEFORE UPDATE OF completed_at ON notifications BEGIN
            UPDATE tries SET number = number + 1;
            SELECT RAISE(FAIL, 'database or disk is full') FROM tries WHERE number < 8;
         END",
    );
    assert_eq!(check().complete(&worker.context, &claim, NOBODY, None), Ok(true));
    assert_eq!(worker.count("tries WHERE number >= 8"), 1, "else this proves nothing");
    assert_eq!(state(&worker, &claim.notification), NotificationState::Completed);
}

/// The test plays the recorder.
fn worker_with_recorder(people: u32) -> (TestWorker, BatchReceiver) {
    let mut worker = TestWorker::new(people, 1);
    let (batch_sender, batches) = batch_queue(Duration::from_secs(3600));
    worker.context_mut().batch_sender = batch_sender;
    (worker, batches)
}

#[test]
fn a_completion_that_the_recorder_cannot_write_is_written_by_the_fan_out() {
    let (worker, batches) = worker_with_recorder(0);
    let claim = claim(&worker);
    let (context, notification) = (Arc::clone(&worker.context), claim.notification);
    let completing = std::thread::spawn(move || check().complete(&context, &claim, NOBODY, None));
    assert_eq!(batches.next_batch().len(), 1);
    assert_eq!(completing.join().unwrap(), Ok(true));
    assert_eq!(state(&worker, &notification), NotificationState::Completed);
}

#[test]
fn a_shutdown_does_not_wait_long_for_a_completion_that_hangs() {
    let (mut worker, batches) = worker_with_recorder(0);
    let claim = claim(&worker);
    let context = Arc::clone(&worker.context);
    let completing = std::thread::spawn(move || check().complete(&context, &claim, NOBODY, None));
    let hanging = batches.next_batch();
    drop(worker.handle.take());
    assert_eq!(completing.join().unwrap(), Err(Halt::Stopping));
    drop(hanging);
}
