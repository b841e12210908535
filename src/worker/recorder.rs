//! The recorder: the one writer of outcomes. Whatever has gathered while it committed the last group goes into
//! the next one (group commit).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::job::{Errand, Report};
use super::patience::Patience;
use crate::domain::notification::Lease;
use crate::domain::outcome::{Outcome, Status};
use crate::metrics::Metrics;
use crate::store::Store;

/// Most entries in one commit. More would gain little (SQLite: 285,000 rows/s in groups of 16, 390,000 in
/// groups of 100) and let the first of them wait.
const LARGEST_GROUP: usize = 100;

/// Something to be written to the ledger.
#[derive(Debug)]
pub enum Entry {
    /// What became of a mail.
    Outcome {
        /// The row.
        outcome: Outcome,
        /// The fan-out that waits for it.
        errand: Arc<Errand>,
        /// The lane that may not send another body before.
        committed: Sender<()>,
    },
    /// The broker knows that the notification is done.
    Acked {
        /// Which notification.
        notification_id: i64,
        /// Who waits for the note; told its id.
        noted: Sender<i64>,
    },
}

/// Starts the recorder. It ends when all senders of entries are gone.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    store: Store,
    patience: Patience,
    metrics: Arc<Metrics>,
    capacity: usize,
) -> std::io::Result<(Sender<Entry>, JoinHandle<()>)> {
    let (sender, entries) = bounded(capacity);
    let thread = thread::Builder::new()
        .name("recorder".to_owned())
        .spawn(move || record_groups(&store, &patience, &metrics, &entries))?;
    Ok((sender, thread))
}

fn record_groups(store: &Store, patience: &Patience, metrics: &Metrics, entries: &Receiver<Entry>) {
    while let Ok(first) = entries.recv() {
        let mut group = Group::default();
        group.add(first);
        for entry in entries.try_iter().take(LARGEST_GROUP - 1) {
            group.add(entry);
        }
        let refused = group.commit(store, patience);
        group.tell(&refused, metrics);
    }
}

/// What is committed together, and who waits for it.
#[derive(Default)]
struct Group {
    outcomes: Vec<Outcome>,
    lanes: Vec<(Arc<Errand>, Sender<()>)>,
    acked: Vec<i64>,
    noted: Vec<Sender<i64>>,
}

impl Group {
    fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Outcome { outcome, errand, committed } => {
                self.outcomes.push(outcome);
                self.lanes.push((errand, committed));
            }
            Entry::Acked { notification_id, noted } => {
                self.acked.push(notification_id);
                self.noted.push(noted);
            }
        }
    }

    /// Writes it, however long the database takes: the relay has accepted these mails, and whoever forgets
    /// that mails people twice.
    ///
    /// Returns the leases whose outcomes the ledger refuses, because another worker has taken over.
    fn commit(&self, store: &Store, patience: &Patience) -> BTreeSet<Lease> {
        let refused = patience.insist(|| store.record_outcomes(&self.outcomes));
        if !self.acked.is_empty() {
            patience.insist(|| store.mark_acked(&self.acked));
        }
        refused
    }

    /// Tells those who wait that it is written. Lanes and fan-outs wait for what they are owed; a dispatcher
    /// that is stopping does not, and may be gone.
    fn tell(self, refused: &BTreeSet<Lease>, metrics: &Metrics) {
        for (outcome, (errand, committed)) in self.outcomes.iter().zip(self.lanes) {
            if outcome.status == Status::Sent {
                metrics.unrecorded.fall();
            }
            let is_refused = refused.contains(&outcome.lease);
            if is_refused {
                // Before its lane may go on.
                errand.held.lose();
            }
            if committed.send(()).is_err() {
                log::error!("a lane ended before its outcome was recorded (a bug in fanmail)");
            }
            if is_refused {
                metrics.refused_outcomes.add(1);
                errand.report(Report::Refused);
                continue;
            }
            let counter = match outcome.status {
                Status::Sent => &metrics.sent,
                Status::Failed => &metrics.failed,
                Status::Skipped => &metrics.skipped,
            };
            counter.add(1);
            errand.report(Report::Recorded(outcome.status));
        }
        for (notification_id, noted) in self.acked.into_iter().zip(self.noted) {
            if noted.send(notification_id).is_err() {
                log::debug!("notification {notification_id}: its ack was noted while stopping");
            }
        }
    }
}
