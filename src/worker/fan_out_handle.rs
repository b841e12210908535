//! What the jobs of one fan-out share, and the reports that lanes and recorder send to it. The fan-out itself is left
//! to `fan_out`, which alone reads the reports.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::Sender;

use crate::channels::PreparedNotification;
use crate::domain::ids::NotificationId;
use crate::domain::outcome::Counts;
use crate::worker::lease::held::HeldLease;
use crate::worker::recipient::Recipient;

/// What all jobs of one fan-out share.
#[derive(Debug)]
pub struct FanOutHandle {
    /// The lease under which the mails are sent.
    pub held: Arc<HeldLease>,
    /// What the mails have in common.
    pub notification: PreparedNotification,
    /// Where the fan-out gets its reports. Unbounded, but it never holds more reports than there are jobs in flight:
    /// those in the queue, and two for each lane.
    pub reports: Sender<Report>,
    /// Whether a failure of this fan-out has been logged. Only the first one is: a million may follow.
    pub failure_logged: AtomicBool,
    /// The same of a deferral.
    pub deferral_logged: AtomicBool,
}

/// What became of jobs. Every job that a fan-out sends comes back in exactly one report.
#[derive(Debug)]
pub enum Report {
    /// These outcomes are committed.
    Recorded(Counts),
    /// The job is to be sent again after a pause.
    Retry(Recipient),
    /// The job was not charged, because the relay did not work or the worker is stopping. It can be sent again at once.
    Returned(Recipient),
    /// The ledger has refused the outcome: another worker has taken the notification over.
    Refused,
}

impl FanOutHandle {
    /// The handle of a fan-out that reads its reports at the other end of `reports`.
    #[must_use]
    pub fn new(held: Arc<HeldLease>, notification: PreparedNotification, reports: Sender<Report>) -> Self {
        let (failure_logged, deferral_logged) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { held, notification, reports, failure_logged, deferral_logged }
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
            Self::Recorded(counts) => counts.total(),
            Self::Retry(_) | Self::Returned(_) | Self::Refused => 1,
        }
    }
}
