//! The outcomes that no lane decides: recipients whom a fan-out defers instead of retrying them, and those for whom
//! there is no mail. How long a mail is deferred is left to `delivery::retry_policy`.

use std::sync::Arc;

use crate::domain::outcome::Outcome;
use crate::worker::delivery::job::Job;
use crate::worker::fan_out::FanOut;
use crate::worker::fan_out::page::Decided;
use crate::worker::recipient::Recipient;
use crate::worker::recorder::entry::{CommitFlag, LedgerWrite};

impl FanOut<'_> {
    /// Whether recipients wait for a retry, and the fan-out may wait for them.
    pub(super) fn may_wait_for_retries(&mut self) -> bool {
        if self.retries.is_empty() {
            return false;
        }
        // While the relay is down, others would wait as well, and a mail that was a probe is not deferred for that.
        if !self.needs_wait_permit || !self.context.breaker.is_closed() {
            return true;
        }
        self.wait_permit = self.wait_permit.take().or_else(|| self.context.wait_permits.try_acquire());
        self.wait_permit.is_some()
    }

    /// Defers everyone who waits for a retry: too many notifications wait already, and others have their turn.
    pub(super) fn defer_retries(&mut self) {
        while let Some(recipient) = self.retries.pop() {
            self.defer(recipient);
        }
    }

    /// Defers a recipient instead of retrying it soon.
    pub(super) fn defer(&mut self, recipient: Recipient) {
        let verdict = self.context.retry_policy.defer_or_fail(&recipient, fastrand::f64());
        let job = Job { fan_out: Arc::clone(&self.handle), recipient };
        job.log_failure(&verdict);
        self.record(job.outcome(verdict));
    }

    /// Records what became of a participant who gets no mail.
    pub(super) fn record_decided(&mut self, decided: Decided) {
        self.record(decided.outcome(self.handle.held.lease));
    }

    fn record(&mut self, outcome: Outcome) {
        self.in_flight += 1;
        let (fan_out, committed) = (Arc::clone(&self.handle), CommitFlag::default());
        let write = LedgerWrite::Outcome { outcome, refused_address: None, fan_out, committed };
        // Not flushed: the recorder takes it after `LINGER`, with what the lanes have recorded by then.
        let _batch = self.context.batch_sender.push(write);
    }
}
