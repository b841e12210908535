//! When a fan-out reads a further page, and what it does with one. Which people are in it is left to `pages`.

use std::time::Instant;

use crate::observe::metrics::times::observe;
use crate::worker::fan_out::FanOut;
use crate::worker::fan_out::context::Halt;

/// Outcomes that may wait for the recorder before a further page is read. Those of people whom no lane gets are not bounded by
/// the job queue.
const MAX_IN_FLIGHT: u64 = 10_000;

impl FanOut<'_> {
    pub(super) fn may_read_page(&self) -> bool {
        !self.pages.ended()
            && self.in_flight < MAX_IN_FLIGHT
            && self.passed_over.len() < self.context.retry_queue_limit
            && (!self.has_full_retry_queue() || self.context.retry_policy.defers())
    }

    pub(super) fn has_full_retry_queue(&self) -> bool {
        self.retries.len() >= self.context.retry_queue_limit
    }

    pub(super) fn read_page(&mut self) -> Result<(), Halt> {
        let began_at = Instant::now();
        let mut page = self.pages.next(&self.context.store, &self.context.database_retry)?;
        observe(&self.context.metrics.times.page, began_at.elapsed());
        self.eligibility.apply(&mut page, self.context)?;
        let (kept, notification_id) = (&self.context.kept_throttles, self.handle.notification_id());
        self.ready.extend(page.recipients.into_iter().map(|mut recipient| {
            if recipient.deferrals > 0 {
                recipient.throttles = kept.take(notification_id, recipient.participant.id);
            }
            recipient
        }));
        page.decided.into_iter().for_each(|decided| self.record_decided(decided));
        Ok(())
    }
}
