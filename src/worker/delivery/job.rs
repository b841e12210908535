//! What passes between a fan-out, the lanes and the recorder.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::Sender;

use crate::content::renderer::NotificationContext;
use crate::domain::outcome::{Outcome, Permanence, Verdict};
use crate::domain::participant::Participant;
use crate::text::clean::cut;
use crate::worker::fan_out::context::Counts;
use crate::worker::lease::keeper::HeldLease;

/// One mail to be made and sent, by whichever lane is free.
#[derive(Debug)]
pub struct Job {
    /// The fan-out that it belongs to.
    pub fan_out: Arc<FanOutHandle>,
    /// Whom it is for, and how often that was tried.
    pub recipient: Recipient,
}

/// Someone who is to get a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub participant: Participant,
    /// How many times their mail was put to the relay so far.
    pub attempts: u32,
    /// How many times the relay broke down over it without that being charged.
    pub uncharged_attempts: u32,
    /// Whether a connection was lost over the mail before theirs while the relay was told of them.
    pub lost_while_pipelined: bool,
}

impl Recipient {
    /// Someone whose mail has not been tried yet.
    #[must_use]
    pub fn new(participant: Participant) -> Self {
        Self { participant, attempts: 0, uncharged_attempts: 0, lost_while_pipelined: false }
    }

    /// Whether the relay may be told of them behind the mail of somebody else. Where there was trouble, they bear it
    /// alone: a relay that stumbles over an envelope may keep its answer to the body in front to itself.
    #[must_use]
    pub fn may_be_pipelined(&self) -> bool {
        self.backoff_step() == 0 && !self.lost_while_pipelined
    }

    /// By how many tries the pause before the next one has grown. Those that were charged and those that were not
    /// are schedules of their own.
    #[must_use]
    pub fn backoff_step(&self) -> u32 {
        self.attempts.max(self.uncharged_attempts)
    }
}

/// What all jobs of one fan-out share.
#[derive(Debug)]
pub struct FanOutHandle {
    /// By what right it sends.
    pub held: Arc<HeldLease>,
    /// What its mails have in common.
    pub notification_context: NotificationContext,
    /// Where it hears what became of its jobs. Unbounded, but it never holds more than the jobs that are
    /// out: those in the queue to the lanes and one a lane.
    pub reports: Sender<Report>,
    /// Whether a failure of this fan-out has been logged. The first one is: a million may follow.
    pub failure_logged: AtomicBool,
}

/// What became of jobs. Every job that a fan-out hands out comes back in exactly one report.
#[derive(Debug)]
pub enum Report {
    /// The outcomes of so many are in the ledger.
    Recorded(Counts),
    /// The relay could not take one now: it is to be handed out again later.
    Retry(Recipient),
    /// One was not charged: the relay did not work, or the worker is stopping.
    Returned(Recipient),
    /// The outcome of one was refused by the ledger: another worker has taken the notification over.
    Refused,
}

impl Report {
    /// How many jobs have come back with it.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        match self {
            Self::Recorded(counts) => counts.total(),
            Self::Retry(_) | Self::Returned(_) | Self::Refused => 1,
        }
    }
}

impl FanOutHandle {
    /// Its notification.
    #[must_use]
    pub fn notification_id(&self) -> i64 {
        self.held.lease.notification_id
    }

    /// Tells the fan-out what became of one of its jobs.
    pub fn report(&self, report: Report) {
        if self.reports.send(report).is_err() {
            log::error!(
                "notification {}: a report came after its fan-out had ended (a bug in fanmail)",
                self.notification_id()
            );
        }
    }
}

impl Job {
    /// Which mail it is.
    #[must_use]
    pub fn key(&self) -> (i64, i64) {
        (self.fan_out.notification_id(), self.recipient.participant.id)
    }

    /// Returns it to its fan-out as it is.
    pub fn give_back(self) {
        self.fan_out.report(Report::Returned(self.recipient));
    }

    /// The outcome `sent`.
    #[must_use]
    pub fn sent(&self) -> Outcome {
        self.outcome(Verdict::Sent)
    }

    /// The outcome `skipped`, for `reason`.
    #[must_use]
    pub fn skipped(&self, reason: &str) -> Outcome {
        self.outcome(Verdict::Skipped(cut(reason, Verdict::DETAIL_MAX)))
    }

    /// The outcome `failed`, with the relay's reply code, for `reason`.
    #[must_use]
    pub fn failed(&self, permanence: Permanence, code: Option<u16>, reason: &str) -> Outcome {
        self.outcome(Verdict::Failed { permanence, code, detail: cut(reason, Verdict::DETAIL_MAX) })
    }

    fn outcome(&self, verdict: Verdict) -> Outcome {
        Outcome {
            lease: self.fan_out.held.lease,
            participant_id: self.recipient.participant.id,
            attempts: self.recipient.attempts,
            verdict,
        }
    }
}
