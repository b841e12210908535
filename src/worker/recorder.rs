//! The recorder: the one writer of outcomes. It commits each batch in one transaction, then tells every lane and every
//! fan-out that was waiting. When a batch is due is left to `batch`, the SQL to `store`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::Sender;

use crate::domain::ids::{EventId, NotificationId};
use crate::domain::lease::Lease;
use crate::domain::outcome::Counts;
use crate::domain::outcome::{Outcome, Verdict};
use crate::observe::metrics::Metrics;
use crate::store::Store;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::fan_out_handle::{FanOutHandle, Report};
use crate::worker::recorder::batch::{BatchReceiver, BatchSender, batch_queue};
use crate::worker::recorder::entry::{CommitFlag, LedgerWrite};

pub mod batch;
pub mod entry;

/// Bounds how long an outcome is not committed while no lane is blocked on it; the commit before it may take longer. It
/// adds nothing to the duplicates of a crash, because a lane with an uncommitted outcome transmits no body. It bounds
/// for how long the mail of a paused lane may become one of them.
const LINGER: Duration = Duration::from_millis(1);

/// Starts the recorder. It ends when all clones of the sender are dropped.
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

/// Commits batch after batch until no sender is left.
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
        batch.notify(&refused, metrics);
    }
}

/// What one transaction commits, and the lanes and fan-outs that hear of it.
#[derive(Default)]
struct Batch {
    outcomes: Vec<Outcome>,
    /// The fan-out and the lane of each outcome.
    lanes: Vec<(Arc<FanOutHandle>, CommitFlag)>,
    acked: Vec<NotificationId>,
    /// For each ack its event, and where to tell it.
    recorded: Vec<(EventId, Sender<EventId>)>,
}

impl Batch {
    fn add(&mut self, write: LedgerWrite) {
        match write {
            LedgerWrite::Outcome { outcome, fan_out, committed } => {
                self.outcomes.push(outcome);
                self.lanes.push((fan_out, committed));
            }
            LedgerWrite::Acked { notification_id, event_id, recorded } => {
                self.acked.push(notification_id);
                self.recorded.push((event_id, recorded));
            }
        }
    }

    /// Writes the batch, however long the database takes: the relay has accepted these mails, and a participant without
    /// an outcome would be mailed again.
    ///
    /// Returns the leases whose outcomes the ledger refuses, because another worker has taken over.
    fn commit(&self, store: &Store, database_retry: &DatabaseRetry) -> BTreeSet<Lease> {
        let refused = database_retry.until_ok_uninterruptible(|| store.record_outcomes(&self.outcomes));
        if !self.acked.is_empty() {
            database_retry.until_ok_uninterruptible(|| store.mark_acked(&self.acked));
        }
        refused
    }

    /// Sets the flag of each lane and reports to each fan-out once.
    fn notify(self, refused: &BTreeSet<Lease>, metrics: &Metrics) {
        let mut reports: Vec<(Arc<FanOutHandle>, Counts)> = Vec::new();
        for (outcome, (fan_out, committed)) in self.outcomes.iter().zip(self.lanes) {
            if outcome.verdict == Verdict::Sent {
                metrics.unrecorded.dec();
            }
            if refused.contains(&outcome.lease) {
                refuse(&fan_out, &committed, metrics);
            } else {
                committed.set();
                counts_of(&mut reports, fan_out).add(&outcome.verdict);
            }
        }
        for (fan_out, counts) in reports {
            metrics.add_outcomes(counts);
            fan_out.report(Report::Recorded(counts));
        }
        for (event_id, recorded) in self.recorded {
            // A dispatcher that is stopping does not wait for it.
            if recorded.send(event_id).is_err() {
                log::debug!("event {event_id}: the ack was recorded after the dispatcher had ended");
            }
        }
    }
}

fn refuse(fan_out: &FanOutHandle, committed: &CommitFlag, metrics: &Metrics) {
    // Before the lane continues: it must send nothing more under this lease.
    fan_out.held.mark_lost();
    committed.set();
    metrics.refused_outcomes.add(1);
    fan_out.report(Report::Refused);
}

/// The counts of a fan-out among `reports`.
fn counts_of(reports: &mut Vec<(Arc<FanOutHandle>, Counts)>, fan_out: Arc<FanOutHandle>) -> &mut Counts {
    let known = reports.iter().position(|(known, _)| Arc::ptr_eq(known, &fan_out));
    let index = known.unwrap_or_else(|| {
        reports.push((fan_out, Counts::default()));
        reports.len() - 1
    });
    &mut reports[index].1
}
