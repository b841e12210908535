//! The recorder: the one writer of outcomes, completions and acks. It commits those of a batch in one transaction, and tells
//! each lane, fan-out and dispatcher that waits. When a batch is due is left to `batch`, the SQL to `store`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;

use crate::domain::lease::Lease;
use crate::domain::outcome::{Counts, Outcome};
use crate::domain::session::Receipt;
use crate::observe::metrics::Metrics;
use crate::observe::metrics::times::observe;
use crate::store::Store;
use crate::store::ledger::acks::AckedMessage;
use crate::store::ledger::batch::{LedgerBatch, RecordedBatch};
use crate::store::ledger::completion::{Completing, Completion};
use crate::store::ledger::snapshots::row::NewSnapshot;
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::fan_out_handle::{FanOutHandle, Report};
use crate::worker::recorder::batch::{BatchReceiver, BatchSender, batch_queue};
use crate::worker::recorder::entry::{CommitFlag, LedgerWrite};

pub mod batch;
pub mod entry;
mod refused;

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
        let began_at = Instant::now();
        batch.commit(store, database_retry, metrics);
        observe(&metrics.times.commit, began_at.elapsed());
    }
}

/// What is committed together.
#[derive(Default)]
struct Batch {
    outcomes: Outcomes,
    completions: Completions,
    acks: Acks,
}

/// Outcomes, and the lanes and fan-outs that hear of them.
#[derive(Default)]
struct Outcomes {
    rows: Vec<Outcome>,
    /// Addresses of which the relay says that they do not exist.
    refused_addresses: Vec<String>,
    /// The fan-out and the lane of each outcome.
    lanes: Vec<(Arc<FanOutHandle>, CommitFlag)>,
    /// The fan-outs of which these are the first outcomes.
    first: Vec<Arc<FanOutHandle>>,
    /// The fan-outs whose last outcomes these are.
    last: Vec<Arc<FanOutHandle>>,
}

/// Notifications to be completed, each with the fan-out that waits for it.
#[derive(Default)]
struct Completions {
    completing: Vec<Completing>,
    replies: Vec<Sender<Completion>>,
}

/// Acks, and where to tell that they are recorded.
#[derive(Default)]
struct Acks {
    messages: Vec<AckedMessage>,
    recorded: Vec<(Receipt, Sender<Receipt>)>,
}

impl Batch {
    fn add(&mut self, write: LedgerWrite) {
        match write {
            LedgerWrite::Outcome { outcome, refused_address, fan_out, committed } => {
                self.outcomes.rows.push(outcome);
                self.outcomes.refused_addresses.extend(refused_address);
                self.outcomes.lanes.push((fan_out, committed));
            }
            LedgerWrite::Complete { lease, after, listed, reply } => {
                self.completions.completing.push(Completing { lease, after, listed });
                self.completions.replies.push(reply);
            }
            LedgerWrite::Acked { message, receipt, recorded } => {
                self.acks.messages.push(message);
                self.acks.recorded.push((receipt, recorded));
            }
        }
    }

    /// Commits everything in one transaction, as the batch takes one flush of the disk then instead of three. If that fails,
    /// outcomes and acks are repeated, and do not wait for the completions.
    fn commit(self, store: &Store, database_retry: &DatabaseRetry, metrics: &Metrics) {
        let Self { mut outcomes, mut completions, acks } = self;
        let waiting = completions.completing.len();
        completions.completing.extend(outcomes.find_first_and_last());
        let snapshots = outcomes.snapshots();
        let suppressions = refused::suppressions(store, &outcomes.refused_addresses);
        let batch = LedgerBatch {
            snapshots: &snapshots,
            outcomes: &outcomes.rows,
            suppressions: &suppressions,
            completing: &completions.completing,
            acked: &acks.messages,
        };
        if batch.needs_transaction() {
            match store.record_batch(batch) {
                Ok(RecordedBatch { refused, completions: mut ended }) => {
                    outcomes.committed(&refused, &ended.split_off(waiting), metrics);
                    completions.reply(ended);
                    return acks.recorded();
                }
                Err(error) => log::debug!("{error}"),
            }
        }
        completions.completing.truncate(waiting);
        outcomes.commit(store, database_retry, metrics);
        refused::add(store, &suppressions);
        completions.commit(store);
        acks.commit(store, database_retry);
    }
}

impl Outcomes {
    /// Writes the outcomes, however long the database takes: the relay has accepted these mails, and a participant without
    /// an outcome would be mailed again.
    fn commit(self, store: &Store, database_retry: &DatabaseRetry, metrics: &Metrics) {
        if self.rows.is_empty() {
            return;
        }
        let snapshots = self.snapshots();
        let batch = LedgerBatch { snapshots: &snapshots, outcomes: &self.rows, ..LedgerBatch::default() };
        let refused = database_retry.until_ok_uninterruptible(|| {
            if snapshots.is_empty() {
                return store.record_outcomes(&self.rows);
            }
            store.record_batch(batch).map(|recorded| recorded.refused)
        });
        self.committed(&refused, &[], metrics);
    }

    fn snapshots(&self) -> Vec<NewSnapshot<'_>> {
        self.first.iter().filter_map(|fan_out| fan_out.unwritten_snapshot()).collect()
    }

    /// Finds the notifications whose first outcomes these are, and those whose last ones they are. Returns the latter.
    fn find_first_and_last(&mut self) -> Vec<Completing> {
        let mut numbers: Vec<(&Arc<FanOutHandle>, u64)> = Vec::new();
        for (fan_out, _) in &self.lanes {
            match numbers.iter_mut().find(|(known, _)| Arc::ptr_eq(known, fan_out)) {
                Some((_, number)) => *number += 1,
                None => numbers.push((fan_out, 1)),
            }
        }
        let is_first = |fan_out: &&Arc<FanOutHandle>| fan_out.unwritten_snapshot().is_some();
        self.first = numbers.iter().map(|(fan_out, _)| *fan_out).filter(is_first).map(Arc::clone).collect();
        let last = numbers.into_iter().filter(|(fan_out, number)| fan_out.are_last(*number));
        self.last = last.map(|(fan_out, _)| Arc::clone(fan_out)).collect();
        let completing = |fan_out: &Arc<FanOutHandle>| Completing {
            lease: fan_out.held.lease,
            after: None,
            listed: fan_out.listed,
        };
        self.last.iter().map(completing).collect()
    }

    /// Sets the flag of each lane and reports to each fan-out once. `completions`: of those whose last outcomes these are.
    fn committed(self, refused: &BTreeSet<Lease>, completions: &[Completion], metrics: &Metrics) {
        for fan_out in &self.first {
            fan_out.snapshot_is_written();
        }
        let mut reports: Vec<(Arc<FanOutHandle>, Counts)> = Vec::new();
        for (outcome, (fan_out, committed)) in self.rows.iter().zip(self.lanes) {
            if outcome.verdict.is_sent() {
                metrics.unrecorded.dec();
            }
            // Another worker has taken over.
            if refused.contains(&outcome.lease) {
                refuse(&fan_out, &committed, metrics);
            } else {
                committed.set();
                counts_of(&mut reports, fan_out).add(&outcome.verdict);
            }
        }
        for (fan_out, counts) in reports {
            metrics.add_outcomes(counts);
            let ended = self.last.iter().zip(completions).find(|(last, _)| Arc::ptr_eq(last, &fan_out));
            fan_out.report(match ended {
                Some((_, completion)) => Report::RecordedLast(counts, *completion),
                None => Report::Recorded(counts),
            });
        }
    }
}

impl Completions {
    /// Completes notifications in one transaction, which is tried once: the lanes must not wait for it. After an error each
    /// fan-out does it by itself.
    fn commit(self, store: &Store) {
        match store.complete_notifications(&self.completing) {
            Ok(completions) => self.reply(completions),
            Err(error) => log::debug!("{} notifications: {error}", self.completing.len()),
        }
    }

    fn reply(self, completions: Vec<Completion>) {
        for (completion, reply) in completions.into_iter().zip(self.replies) {
            // A fan-out that is stopping does not wait for it.
            if reply.send(completion).is_err() {
                log::debug!("{completion:?}: the fan-out had ended before");
            }
        }
    }
}

impl Acks {
    fn commit(self, store: &Store, database_retry: &DatabaseRetry) {
        if !self.messages.is_empty() {
            database_retry.until_ok_uninterruptible(|| store.record_acks(&self.messages));
        }
        self.recorded();
    }

    fn recorded(self) {
        for (receipt, recorded) in self.recorded {
            if recorded.send(receipt).is_err() {
                log::error!(
                    "{receipt:?}: the ack was recorded after the dispatcher had ended (a bug in fanmail)"
                );
            }
        }
    }
}

fn refuse(fan_out: &FanOutHandle, committed: &CommitFlag, metrics: &Metrics) {
    // Before the lane continues: it must send nothing more under this lease.
    fan_out.held.mark_lost();
    committed.set();
    metrics.refused_outcomes.inc();
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
