//! What a fan-out does with the reports of lanes and recorder, and how it waits for them. Whom it sends next is left to
//! `order`.

use std::time::Instant;

use crossbeam_channel::{at, never, select};

use crate::domain::outcome::Counts;
use crate::worker::fan_out::FanOut;
use crate::worker::fan_out::completion::is_short;
use crate::worker::fan_out::context::{Halt, check_lease};
use crate::worker::fan_out_handle::Report;

impl FanOut<'_> {
    pub(super) fn apply_reports(&mut self, on_progress: &mut impl FnMut(Counts)) {
        while let Ok(report) = self.reports.try_recv() {
            self.apply_report(report, on_progress);
        }
    }

    fn apply_report(&mut self, report: Report, on_progress: &mut impl FnMut(Counts)) {
        self.in_flight -= report.jobs();
        if let Report::RecordedLast(_, completion) = report {
            self.completion = Some(completion);
        }
        match report {
            Report::Recorded(counts) | Report::RecordedLast(counts, _) => {
                if self.counts.sent == 0 && counts.sent > 0 {
                    self.context.metrics.times.first_mail.observe_since(self.handle.published_at);
                }
                self.counts += counts;
                on_progress(self.counts);
                if counts.sent > 0 && self.retries.has_refused() {
                    self.retry_refused();
                }
            }
            Report::Retry(recipient) if self.has_full_retry_queue() && self.context.retry_policy.defers() => {
                self.defer(recipient);
            }
            Report::Retry(recipient) => {
                let pause = self.context.retry_policy.pause(recipient.backoff_step(), fastrand::f64());
                self.retries.push(Instant::now() + pause, recipient);
            }
            Report::PassedOver(recipient) => self.passed_over.push_back(recipient),
            Report::Returned(recipient) => self.ready.push_front(recipient),
            // The worker that has taken over decides about the recipient.
            Report::Refused => {}
        }
    }

    /// After the relay has accepted a mail: asks again about recipients whom it refused before that. A second refusal
    /// shows that they are refused for good, and not we.
    fn retry_refused(&mut self) {
        let acceptances = self.context.breaker.acceptances();
        self.retries.retry_refused(Instant::now(), |refused_at| acceptances.any_after(refused_at));
    }

    pub(super) fn check_interrupts(&self) -> Result<(), Halt> {
        if self.context.shutdown.requested() {
            return Err(Halt::Stopping);
        }
        check_lease(&self.handle.held)
    }

    /// Tells the recorder that the jobs in flight are the last ones, if they are.
    pub(super) fn expect_last(&mut self) {
        let total = self.counts.total() + self.in_flight;
        if self.completes
            && !self.expects_last
            && self.in_flight > 0
            && self.retries.is_empty()
            && self.passed_over.is_empty()
            && self.pages.ended()
            && self.pages.unreadable().is_none()
            && is_short(total)
        {
            self.expects_last = true;
            self.handle.expect_last(self.in_flight);
        }
    }

    /// Another job follows.
    pub(super) fn revoke_last(&mut self) {
        if std::mem::take(&mut self.expects_last) {
            self.handle.expect_last(0);
            self.completion = None;
        }
    }

    /// Waits for a report, for a retry that is due, or for an interrupt.
    pub(super) fn wait(&mut self, on_progress: &mut impl FnMut(Counts)) -> Result<(), Halt> {
        let due = self.retries.next_due().map_or_else(never, at);
        select! {
            recv(self.reports) -> report => if let Ok(report) = report { self.apply_report(report, on_progress) },
            recv(due) -> _ => {}
            recv(self.context.shutdown.receiver()) -> _ => return Err(Halt::Stopping),
            recv(self.handle.held.over()) -> _ => self.check_interrupts()?,
        }
        Ok(())
    }

    /// After an interrupt: sends no further job, and waits until each job in flight is reported.
    pub(super) fn wait_for_jobs_in_flight(&mut self, on_progress: &mut impl FnMut(Counts)) {
        while self.in_flight > 0
            && let Ok(report) = self.reports.recv()
        {
            self.apply_report(report, on_progress);
        }
    }
}
