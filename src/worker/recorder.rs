//! The recorder: the one writer of outcomes. It commits what has gathered on its desk in one transaction, then tells
//! each lane, and each fan-out once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::domain::lease::Lease;
use crate::domain::outcome::{Outcome, Verdict};
use crate::observe::metrics::Metrics;
use crate::store::Store;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::fan_out_handle::{Counts, FanOutHandle, Report};
use crate::worker::recorder::batch::{BatchReceiver, BatchSender, batch_queue};
use crate::worker::recorder::entry::{CommitFlag, LedgerWrite};

pub mod batch;
pub mod entry;

/// An outcome that nobody waits for yet is written after so long, or as much longer as the group before takes. A lane
/// with an unwritten outcome transmits no body, so this adds nothing to the duplicates of a crash; it is how long the
/// mail of a lane that has to pause is in danger to be one of them.
const LINGER: Duration = Duration::from_millis(1);

/// Starts the recorder. It ends when all clones of its desk are gone.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    store: Store,
    database_retry: DatabaseRetry,
    metrics: Arc<Metrics>,
) -> std::io::Result<(BatchSender, JoinHandle<()>)> {
    let (batch_sender, batches) = batch_queue(LINGER);
    let thread = thread::Builder::new()
        .name("recorder".to_owned())
        .spawn(move || record_batches(&store, &database_retry, &metrics, &batches))?;
    Ok((batch_sender, thread))
}

/// Writes what gathers until nobody is left who could leave anything.
pub(super) fn record_batches(
    store: &Store,
    database_retry: &DatabaseRetry,
    metrics: &Metrics,
    batches: &BatchReceiver,
) {
    loop {
        let writes = batches.next_batch();
        if writes.is_empty() {
            return;
        }
        let mut batch = Batch::default();
        for write in writes {
            batch.add(write);
        }
        let refused = batch.commit(store, database_retry);
        batch.tell(&refused, metrics);
    }
}

/// What is committed together, and who waits for it.
#[derive(Default)]
struct Batch {
    outcomes: Vec<Outcome>,
    lanes: Vec<(Arc<FanOutHandle>, CommitFlag)>,
    acked: Vec<i64>,
    ack_recorded: Vec<Sender<i64>>,
}

impl Batch {
    fn add(&mut self, write: LedgerWrite) {
        match write {
            LedgerWrite::Outcome { outcome, fan_out, committed } => {
                self.outcomes.push(outcome);
                self.lanes.push((fan_out, committed));
            }
            LedgerWrite::Acked { notification_id, ack_recorded } => {
                self.acked.push(notification_id);
                self.ack_recorded.push(ack_recorded);
            }
        }
    }

    /// Writes it, however long the database takes: the relay has accepted these mails, and whoever forgets
    /// that mails people twice.
    ///
    /// Returns the leases whose outcomes the ledger refuses, because another worker has taken over.
    fn commit(&self, store: &Store, database_retry: &DatabaseRetry) -> BTreeSet<Lease> {
        let refused = database_retry.until_ok_uninterruptible(|| store.record_outcomes(&self.outcomes));
        if !self.acked.is_empty() {
            database_retry.until_ok_uninterruptible(|| store.mark_acked(&self.acked));
        }
        refused
    }

    /// Tells those who wait that it is written: each lane, and each fan-out once. A dispatcher that is stopping
    /// does not wait, and may be gone.
    fn tell(self, refused: &BTreeSet<Lease>, metrics: &Metrics) {
        let mut recorded: Vec<(Arc<FanOutHandle>, Counts)> = Vec::new();
        for (outcome, (fan_out, committed)) in self.outcomes.iter().zip(self.lanes) {
            if outcome.verdict == Verdict::Sent {
                metrics.unrecorded.fall();
            }
            if refused.contains(&outcome.lease) {
                // Before its lane may go on.
                fan_out.held.mark_lost();
                committed.set();
                metrics.refused_outcomes.add(1);
                fan_out.report(Report::Refused);
                continue;
            }
            committed.set();
            let known = recorded.iter().position(|(known, _)| Arc::ptr_eq(known, &fan_out));
            let permit = known.unwrap_or_else(|| {
                recorded.push((fan_out, Counts::default()));
                recorded.len() - 1
            });
            recorded[permit].1.add(&outcome.verdict);
        }
        for (fan_out, counts) in recorded {
            metrics.sent.add(counts.sent);
            metrics.failed.add(counts.failed);
            metrics.skipped.add(counts.skipped);
            fan_out.report(Report::Recorded(counts));
        }
        for (notification_id, ack_recorded) in self.acked.into_iter().zip(self.ack_recorded) {
            if ack_recorded.send(notification_id).is_err() {
                log::debug!("notification {notification_id}: its ack was noted while stopping");
            }
        }
    }
}
