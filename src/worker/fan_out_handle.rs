//! What the jobs of one fan-out share, and the reports that lanes and recorder send to it. The fan-out itself is left
//! to `fan_out`, which alone reads the reports.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use crossbeam_channel::Sender;

use crate::channels::PreparedNotification;
use crate::domain::ids::NotificationId;
use crate::domain::outcome::Counts;
use crate::store::ledger::completion::Completion;
use crate::store::ledger::snapshots::row::NewSnapshot;
use crate::worker::lease::held::HeldLease;
use crate::worker::recipient::Recipient;

/// What all jobs of one fan-out share.
#[derive(Debug)]
pub struct FanOutHandle {
    /// The lease under which the mails are sent.
    pub held: Arc<HeldLease>,
    /// What the mails have in common.
    pub notification: PreparedNotification,
    /// Whether its people are listed in the ledger.
    pub listed: bool,
    /// Where the fan-out gets its reports. Unbounded, but it never holds more reports than there are jobs in flight:
    /// those in the queue, and two for each lane.
    pub reports: Sender<Report>,
    /// Whether a failure of this fan-out has been logged. Only the first one is: a million may follow.
    pub failure_logged: AtomicBool,
    /// The same of a deferral.
    pub deferral_logged: AtomicBool,
    /// The event as the mails show it, which the recorder writes with the first outcomes; `None` when the ledger has it, or it is not
    /// to be kept.
    snapshot: Option<String>,
    /// Whether it is written.
    snapshot_written: AtomicBool,
    /// When the message of a notification was published that no mail was sent of before, if that is known.
    pub published_at: Option<DateTime<Utc>>,
    /// How many outcomes are missing until everyone is decided; 0 when that is not known.
    missing: AtomicU64,
}

/// What became of jobs. Every job that a fan-out sends comes back in exactly one report.
#[derive(Debug)]
pub enum Report {
    /// These outcomes are committed.
    Recorded(Counts),
    /// These as well, they were the last ones, and the recorder has tried to complete the notification with them.
    RecordedLast(Counts, Completion),
    /// The job is to be sent again after a pause.
    Retry(Recipient),
    /// The job was not charged, because the relay did not work or the worker is stopping. It can be sent again at once.
    Returned(Recipient),
    /// The job was not charged, because another mail is a better probe of a relay that refuses everyone. It can be sent again after
    /// others.
    PassedOver(Recipient),
    /// The ledger has refused the outcome: another worker has taken the notification over.
    Refused,
}

impl FanOutHandle {
    /// The handle of a fan-out that reads its reports at the other end of `reports`.
    #[must_use]
    pub fn new(held: Arc<HeldLease>, notification: PreparedNotification, reports: Sender<Report>) -> Self {
        let (failure_logged, deferral_logged) = (AtomicBool::new(false), AtomicBool::new(false));
        let (missing, snapshot_written) = (AtomicU64::new(0), AtomicBool::new(false));
        Self {
            held,
            notification,
            listed: false,
            reports,
            failure_logged,
            deferral_logged,
            snapshot: None,
            snapshot_written,
            published_at: None,
            missing,
        }
    }

    /// The same with a snapshot that is to be written.
    #[must_use]
    pub fn with_snapshot(self, snapshot: Option<String>) -> Self {
        Self { snapshot, ..self }
    }

    /// The same, of a message that was published then, where that is known.
    #[must_use]
    pub fn published_at(self, published_at: Option<DateTime<Utc>>) -> Self {
        Self { published_at, ..self }
    }

    /// The snapshot that is not written yet, if there is one.
    #[must_use]
    pub fn unwritten_snapshot(&self) -> Option<NewSnapshot<'_>> {
        let is_written = self.snapshot_written.load(Ordering::Relaxed);
        let json = self.snapshot.as_deref().filter(|_| !is_written)?;
        Some(NewSnapshot { lease: self.held.lease, json })
    }

    /// The snapshot is committed.
    pub fn snapshot_is_written(&self) {
        self.snapshot_written.store(true, Ordering::Relaxed);
    }

    /// The same of a notification whose people are listed in the ledger, or not.
    #[must_use]
    pub fn listed(self, listed: bool) -> Self {
        Self { listed, ..self }
    }

    /// The outcomes of the jobs in flight are the last ones: the recorder completes the notification with them, which spares
    /// two hand-overs between threads and a commit. 0 revokes it.
    pub fn expect_last(&self, in_flight: u64) {
        self.missing.store(in_flight, Ordering::Relaxed);
    }

    /// Whether everyone is decided once so many outcomes are committed. If the fan-out revokes it meanwhile, no harm is done: the
    /// ledger completes no notification with undecided people.
    #[must_use]
    pub fn are_last(&self, outcomes: u64) -> bool {
        let subtract = |missing: u64| missing.checked_sub(outcomes);
        self.missing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, subtract) == Ok(outcomes)
    }

    /// The notification of the fan-out.
    #[must_use]
    pub fn notification_id(&self) -> NotificationId {
        self.held.lease.notification_id
    }

    /// Sends a report to the fan-out. Never blocks.
    pub fn report(&self, report: Report) {
        if self.reports.send(report).is_err() {
            log::error!(
                notification = self.notification_id();
                "notification {}: a job was reported after its fan-out had ended (a bug in fanmail)",
                self.notification_id()
            );
        }
    }
}

impl Report {
    /// How many jobs it is about.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        match self {
            Self::Recorded(counts) | Self::RecordedLast(counts, _) => counts.total(),
            Self::Retry(_) | Self::Returned(_) | Self::PassedOver(_) | Self::Refused => 1,
        }
    }
}
