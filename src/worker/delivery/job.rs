//! One mail to be prepared and submitted. What is reported about it is left to `fan_out_handle`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::channels::PreparedNotification;
use crate::domain::outcome::{Outcome, Verdict};
use crate::observe::events;
use crate::worker::delivery::breaker::Admission;
use crate::worker::delivery::breaker::state::{Candidate, MailKey};
use crate::worker::fan_out_handle::{FanOutHandle, Report};
use crate::worker::recipient::{AMBIGUOUS_CODE, Recipient};

/// One mail to be prepared and submitted, by whichever lane is free.
#[derive(Debug)]
pub struct Job {
    /// The fan-out that it belongs to.
    pub fan_out: Arc<FanOutHandle>,
    /// The recipient, with the attempts so far.
    pub recipient: Recipient,
}

impl Job {
    /// The notification and the participant.
    #[must_use]
    pub fn key(&self) -> MailKey {
        (self.fan_out.notification_id(), self.recipient.participant.id)
    }

    /// What the mail tells.
    #[must_use]
    pub fn notification(&self) -> &PreparedNotification {
        self.recipient.own_mail.as_ref().map_or(&self.fan_out.notification, |own| &*own.0)
    }

    /// What the breaker is told about it.
    #[must_use]
    pub fn candidate(&self) -> Candidate<'_> {
        Candidate { address: self.recipient.address(), passed_over_at: self.recipient.passed_over_at }
    }

    /// The relay says that the address does not exist. Whether that is believed, is remembered for the outcome.
    pub fn refused(&mut self, admission: Admission<'_>) {
        self.recipient.address_refused = admission.refused_address();
    }

    /// The address, if it does not exist.
    #[must_use]
    pub fn refused_address(&self) -> Option<String> {
        if self.recipient.address_refused { self.recipient.participant.email.clone() } else { None }
    }

    /// Returns it to its fan-out, which sends others first. No attempt is charged.
    pub fn pass_over(mut self) {
        self.recipient.passed_over_at = Some(Instant::now());
        self.fan_out.report(Report::PassedOver(self.recipient));
    }

    /// Returns it to its fan-out, which sends it again. No attempt is charged.
    pub fn give_back(self) {
        self.fan_out.report(Report::Returned(self.recipient));
    }

    /// Logs a verdict that is a failure or a deferral.
    pub fn log_failure(&self, verdict: &Verdict) {
        let (notification_id, participant) = (self.fan_out.notification_id(), &self.recipient.participant);
        let (code, detail) = match verdict {
            Verdict::Failed { code, detail, .. } => (*code, detail),
            Verdict::Deferred { pause, code, detail } => {
                let first = !self.fan_out.deferral_logged.swap(true, Ordering::Relaxed);
                events::mail::deferred(first, notification_id, participant, *pause, *code, detail);
                return;
            }
            Verdict::Sent(_) | Verdict::DryRun | Verdict::Skipped(_) => return,
        };
        let first = !self.fan_out.failure_logged.swap(true, Ordering::Relaxed);
        let attempts = self.recipient.attempts;
        events::mail::failed(first, notification_id, participant, attempts, code, detail);
    }

    /// The outcome of this job.
    #[must_use]
    pub fn outcome(&self, verdict: Verdict) -> Outcome {
        let deferrals = match &verdict {
            Verdict::Deferred { code, .. } => {
                self.recipient.steps(*code == Some(AMBIGUOUS_CODE) && !self.recipient.ambiguous)
            }
            _ => self.recipient.deferrals,
        };
        Outcome {
            lease: self.fan_out.held.lease,
            participant_id: self.recipient.participant.id,
            attempts: self.recipient.attempts + self.recipient.deferrals,
            deferrals,
            verdict,
        }
    }
}
