//! From a lane to the ledger: a lane that is blocked gets its commit, and no other outcome waits for long.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, unbounded};

use super::support::{REQUEST, TestWorker, named, opening};
use crate::channels::PreparedNotification;
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::notification_facts::NotificationFacts;
use crate::domain::outcome::Counts;
use crate::domain::outcome::{Outcome, Permanence, Verdict};
use crate::domain::session::{BrokerSession, Receipt};
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::completion::Completion;
use crate::store::ledger::leases::LeaseRequest;
use crate::store::ledger::opening::Opened;
use crate::store::ledger::row::NotificationState;
use crate::worker::delivery::commit_gate::CommitGate;
use crate::worker::fan_out_handle::{FanOutHandle, Report};
use crate::worker::lease::held::HeldLease;
use crate::worker::recorder::batch::{BatchReceiver, BatchSender, batch_queue};
use crate::worker::recorder::entry::{CommitFlag, LedgerWrite};
use crate::worker::recorder::record_batches;

const NEVER: Duration = Duration::from_secs(3600);
const TIMEOUT: Duration = Duration::from_secs(20);

/// An open notification, and the reports that its fan-out would get.
pub(super) fn open(worker: &TestWorker) -> (Arc<FanOutHandle>, Receiver<Report>) {
    let lease_request = LeaseRequest { owner: "here".to_owned(), term: TIMEOUT };
    let (_, opened) = opening::open(&worker.store, &lease_request, &named("m1"), REQUEST);
    let Opened::Ours { notification, lease, .. } = opened else { panic!("{opened:?}") };
    let (sender, reports) = unbounded();
    let event = worker.store.find_event(EventId::Number(123)).unwrap().unwrap();
    let prepared = PreparedNotification::new(
        &notification,
        &NotificationFacts::of_event(notification.kind, event),
        &worker.context.templates,
    )
    .unwrap();
    let held = HeldLease::new(lease, Instant::now(), TIMEOUT);
    (Arc::new(FanOutHandle::new(held, prepared, sender)), reports)
}

fn outcome(lease: Lease, participant_id: i64, verdict: Verdict) -> Outcome {
    Outcome { lease, participant_id: ParticipantId(participant_id), attempts: 1, deferrals: 0, verdict }
}

fn skipped() -> Verdict {
    Verdict::skipped(Verdict::NO_ADDRESS)
}

fn failed() -> Verdict {
    Verdict::Failed { permanence: Permanence::Transient, code: None, detail: "lost".to_owned() }
}

/// The test plays the recorder: commits a batch, and says how many outcomes are in it.
fn commit(batches: &BatchReceiver) -> usize {
    let writes = batches.next_batch();
    for write in &writes {
        let LedgerWrite::Outcome { committed, .. } = write else { panic!("{write:?}") };
        committed.set();
    }
    writes.len()
}

#[test]
fn a_blocked_lane_gets_its_commit_though_no_other_outcome_comes() {
    let worker = TestWorker::new(2, 1);
    let (fan_out, _reports) = open(&worker);
    let (batch_sender, batches) = batch_queue(NEVER);
    let lane = thread::spawn(move || {
        let mut gate = CommitGate::new(batch_sender);
        gate.wait_until_committed();
        for id in 1..=2 {
            gate.record(outcome(fan_out.held.lease, id, Verdict::Sent(None)), None, Arc::clone(&fan_out));
        }
        gate.wait_until_committed();
        gate.wait_until_committed();
    });
    assert_eq!(commit(&batches), 1, "the second one is handed over only after that");
    assert_eq!(commit(&batches), 1);
    lane.join().unwrap();
    assert!(batches.next_batch().is_empty());
}

#[test]
fn an_idle_lane_has_its_last_outcome_committed() {
    let worker = TestWorker::new(1, 1);
    let (fan_out, _reports) = open(&worker);
    let (batch_sender, batches) = batch_queue(NEVER);
    let mut gate = CommitGate::new(batch_sender);
    gate.flush();
    gate.record(outcome(fan_out.held.lease, 1, Verdict::Sent(None)), None, Arc::clone(&fan_out));
    gate.flush();
    assert_eq!(commit(&batches), 1);
    gate.wait_until_committed();
}

#[test]
fn an_outcome_that_no_lane_waits_for_is_soon_in_the_ledger() {
    let worker = TestWorker::new(1, 1);
    let (fan_out, reports) = open(&worker);
    let mut gate = CommitGate::new(worker.threads.batch_sender.clone());
    gate.record(outcome(fan_out.held.lease, 1, skipped()), None, Arc::clone(&fan_out));
    let Report::Recorded(counts) = reports.recv_timeout(TIMEOUT).unwrap() else { panic!() };
    assert_eq!(counts, Counts { skipped: 1, ..Counts::default() });
    assert_eq!(worker.tally(1).skipped, 1);
}

#[test]
fn a_lease_is_marked_lost_before_the_lane_of_a_refused_outcome_continues() {
    let worker = TestWorker::new(3, 1);
    let (fan_out, reports) = open(&worker);
    let Lease { notification_id, epoch } = fan_out.held.lease;
    let mut gate = CommitGate::new(worker.threads.batch_sender.clone());
    gate.record(outcome(fan_out.held.lease, 1, Verdict::Sent(None)), None, Arc::clone(&fan_out));
    gate.wait_until_committed();
    assert!(!fan_out.held.is_lost());

    gate.record(
        outcome(Lease { notification_id, epoch: epoch.next() }, 2, Verdict::Sent(None)),
        None,
        Arc::clone(&fan_out),
    );
    gate.wait_until_committed();
    assert!(fan_out.held.is_lost());
    assert!(matches!(reports.recv_timeout(TIMEOUT).unwrap(), Report::Recorded(_)));
    assert!(matches!(reports.recv_timeout(TIMEOUT).unwrap(), Report::Refused));
    assert_eq!(worker.tally(1).sent, 1);
}

#[test]
fn a_fan_out_gets_one_report_of_all_its_outcomes_in_a_batch() {
    let worker = TestWorker::new(5, 1);
    let (fan_out, reports) = open(&worker);
    let (batch_sender, batches) = batch_queue(NEVER);
    let mut lanes: Vec<CommitGate> = (0..5).map(|_| CommitGate::new(batch_sender.clone())).collect();
    let verdicts = [Verdict::Sent(None), failed(), Verdict::Sent(None), skipped(), Verdict::Sent(None)];
    for (id, (lane, verdict)) in (1..).zip(lanes.iter_mut().zip(verdicts)) {
        lane.record(outcome(fan_out.held.lease, id, verdict), None, Arc::clone(&fan_out));
    }
    drop((lanes, batch_sender));
    record_batches(&worker.store, &worker.context.database_retry, &worker.context.metrics, &batches);
    let Ok(Report::Recorded(counts)) = reports.try_recv() else { panic!() };
    assert_eq!(counts, Counts { sent: 3, failed: 1, skipped: 1, ..Counts::default() });
    assert!(reports.is_empty());
    assert_eq!((worker.context.metrics.sent.get(), worker.tally(1).sent), (3, 3));
}

#[test]
fn completions_of_a_batch_follow_its_outcomes_and_each_fan_out_hears_of_its_own() {
    let worker = TestWorker::new(2, 1);
    let (fan_out, reports) = open(&worker);
    let lease = fan_out.held.lease;
    let (batch_sender, batches) = batch_queue(NEVER);
    let complete = |lease| {
        let (reply, replies) = unbounded();
        let _batch = batch_sender.push(LedgerWrite::Complete { lease, after: None, listed: false, reply });
        replies
    };
    let lost = complete(Lease { epoch: lease.epoch.next(), ..lease });
    let completed = complete(lease);
    for id in 1..=2 {
        let (outcome, fan_out) = (outcome(lease, id, skipped()), Arc::clone(&fan_out));
        let _batch = batch_sender.push(LedgerWrite::Outcome {
            outcome,
            refused_address: None,
            fan_out,
            committed: CommitFlag::default(),
        });
    }
    drop(batch_sender);
    record_batches(&worker.store, &worker.context.database_retry, &worker.context.metrics, &batches);
    assert_eq!(lost.try_recv(), Ok(Completion::LeaseLost));
    assert_eq!(completed.try_recv(), Ok(Completion::Completed));
    assert!(matches!(reports.try_recv(), Ok(Report::Recorded(Counts { skipped: 2, .. }))));
    let record = worker.store.find_notification(lease.notification_id).unwrap().unwrap();
    assert_eq!((record.state, record.holder), (NotificationState::Completed, None));
}

pub(super) fn push_outcome(batch_sender: &BatchSender, fan_out: &Arc<FanOutHandle>, id: i64) -> CommitFlag {
    let (outcome, committed) = (outcome(fan_out.held.lease, id, skipped()), CommitFlag::default());
    committed.clear();
    let (fan_out, flag) = (Arc::clone(fan_out), committed.clone());
    let _batch =
        batch_sender.push(LedgerWrite::Outcome { outcome, refused_address: None, fan_out, committed: flag });
    committed
}

#[test]
fn the_last_outcomes_of_a_fan_out_complete_its_notification_if_everyone_is_decided() {
    for (people, completion, state) in [
        (2, Completion::Completed, NotificationState::Completed),
        (3, Completion::Undecided, NotificationState::Running),
    ] {
        let worker = TestWorker::new(people, 1);
        let (fan_out, reports) = open(&worker);
        fan_out.expect_last(2);
        for (id, is_last) in [(1, false), (2, true)] {
            let (batch_sender, batches) = batch_queue(NEVER);
            push_outcome(&batch_sender, &fan_out, id);
            drop(batch_sender);
            record_batches(&worker.store, &worker.context.database_retry, &worker.context.metrics, &batches);
            match reports.try_recv().unwrap() {
                Report::Recorded(counts) => assert_eq!((counts.skipped, is_last), (1, false)),
                Report::RecordedLast(counts, what) => {
                    assert_eq!((counts.skipped, is_last, what), (1, true, completion));
                }
                other => panic!("{other:?}"),
            }
        }
        let record = worker.store.find_notification(fan_out.notification_id()).unwrap().unwrap();
        assert_eq!((record.state, worker.tally(1).skipped), (state, 2));
    }
}

#[test]
fn outcomes_and_acks_of_a_batch_are_recorded_though_its_completions_fail() {
    let worker = TestWorker::new(2, 1);
    let (fan_out, reports) = open(&worker);
    worker.execute("UPDATE notifications SET broker_session = 'here/3', delivery_tag = 7");
    let (notification_id, lease) = (fan_out.notification_id(), fan_out.held.lease);
    let (batch_sender, batches) = batch_queue(NEVER);
    fan_out.expect_last(2);
    let flags = [1, 2].map(|id| push_outcome(&batch_sender, &fan_out, id));
    let (reply, replies) = unbounded();
    let _batch = batch_sender.push(LedgerWrite::Complete { lease, after: None, listed: false, reply });
    let (recorded, receipts) = unbounded();
    let receipt = Receipt { session: 3, tag: 7 };
    let message =
        AckedMessage { notification_id, session: "here/3".to_owned(), tag: 7, sent_at: Instant::now() };
    let _batch = batch_sender.push(LedgerWrite::Acked { message, receipt, recorded });
    drop(batch_sender);
    worker.execute("ALTER TABLE participants RENAME TO away");
    record_batches(&worker.store, &worker.context.database_retry, &worker.context.metrics, &batches);
    worker.execute("ALTER TABLE away RENAME TO participants");
    assert!(flags.iter().all(CommitFlag::is_set));
    assert!(matches!(reports.try_recv(), Ok(Report::Recorded(Counts { skipped: 2, .. }))));
    assert!(reports.is_empty(), "one report of all of them");
    assert_eq!(replies.try_recv(), Err(TryRecvError::Disconnected), "the fan-out does it by itself");
    assert_eq!(receipts.try_recv(), Ok(receipt));
    let record = worker.store.find_notification(notification_id).unwrap().unwrap();
    assert_eq!((record.state, record.acked_at.is_some()), (NotificationState::Running, true));
    assert_eq!(worker.tally(1).skipped, 2);
}

#[test]
fn completions_that_fail_are_left_to_their_fan_outs() {
    let worker = TestWorker::new(1, 1);
    let (fan_out, _reports) = open(&worker);
    let (batch_sender, batches) = batch_queue(NEVER);
    let (reply, replies) = unbounded();
    let lease = fan_out.held.lease;
    let _batch = batch_sender.push(LedgerWrite::Complete { lease, after: None, listed: false, reply });
    drop(batch_sender);
    worker.execute("ALTER TABLE notifications RENAME TO away");
    // It does not wait for the database: the lanes would wait with it.
    record_batches(&worker.store, &worker.context.database_retry, &worker.context.metrics, &batches);
    assert_eq!(replies.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn an_ack_is_recorded_for_the_notification_whose_message_it_was() {
    let worker = TestWorker::new(1, 1);
    let (fan_out, _reports) = open(&worker);
    worker.execute("UPDATE notifications SET broker_session = 'here/3', delivery_tag = 7");
    let id = fan_out.notification_id();
    let acked_at = || worker.store.find_notification(id).unwrap().unwrap().acked_at;
    let (recorded, receipts) = unbounded();
    let record = |session| {
        let (batch_sender, batches) = batch_queue(NEVER);
        let (receipt, recorded) = (Receipt { session, tag: 7 }, recorded.clone());
        let session = BrokerSession::name_of("here", session);
        let message = AckedMessage { notification_id: id, session, tag: 7, sent_at: Instant::now() };
        let _batch = batch_sender.push(LedgerWrite::Acked { message, receipt, recorded });
        drop(batch_sender);
        record_batches(&worker.store, &worker.context.database_retry, &worker.context.metrics, &batches);
        receipts.try_recv()
    };
    assert_eq!(record(2), Ok(Receipt { session: 2, tag: 7 }));
    assert_eq!(acked_at(), None, "the message has come again since");
    assert_eq!(record(3), Ok(Receipt { session: 3, tag: 7 }));
    assert!(acked_at().is_some());
}
