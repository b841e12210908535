//! Whom a fan-out sends next: of those who wait for a retry, those who were passed over, and those of the page. How long a retry
//! waits is left to `reports` and `retries`.

use std::time::Instant;

use crate::worker::fan_out::FanOut;
use crate::worker::fan_out::retries::WhoseTurn;
use crate::worker::recipient::Recipient;

impl FanOut<'_> {
    /// A recipient who can be sent now. Those whom the relay refused, and those who were passed over, take turns with the others:
    /// people of one domain whom the relay refuses for good would otherwise come in a row and look like a relay that refuses
    /// everyone.
    pub(super) fn next_recipient(&mut self) -> Option<Recipient> {
        if self.pages.are_outdated() {
            self.leave_to_next_run();
        }
        if let Some(recipient) = self.unsent.take() {
            return Some(recipient);
        }
        let ready = if self.turn == WhoseTurn::Ready { self.ready.pop_front() } else { None };
        self.turn = WhoseTurn::Again;
        if ready.is_some() {
            return ready;
        }
        let again = self.next_due().or_else(|| self.next_passed_over());
        if again.is_some() {
            self.turn = WhoseTurn::Ready;
        }
        again.or_else(|| self.ready.pop_front())
    }

    /// Those who are not charged an attempt stay due. The next run of the sweep reads them again.
    fn leave_to_next_run(&mut self) {
        let (kept, notification_id) = (&self.context.kept_throttles, self.handle.notification_id());
        let stays = |recipient: &Recipient| {
            let stays = recipient.was_submitted();
            if !stays {
                kept.keep(notification_id, recipient.participant.id, recipient.throttles);
            }
            stays
        };
        self.unsent = self.unsent.take().filter(stays);
        self.ready.retain(stays);
        self.passed_over.retain(stays);
    }

    fn next_due(&mut self) -> Option<Recipient> {
        if self.retries.is_empty() { None } else { self.retries.pop_due(Instant::now()) }
    }

    /// A recipient who was passed over, once the relay accepts mails again, or where no other recipient is left to be a probe.
    fn next_passed_over(&mut self) -> Option<Recipient> {
        if self.passed_over.is_empty() {
            return None;
        }
        let others_are_left = !self.ready.is_empty() || self.may_read_page();
        if others_are_left && !self.context.breaker.is_closed() { None } else { self.passed_over.pop_front() }
    }
}
