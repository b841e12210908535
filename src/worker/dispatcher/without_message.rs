//! Notifications that no message of the broker carries. They wait for their turn as messages do: for a place of `PREFETCH`, and
//! behind what has arrived earlier for their event. There is nothing to ack: the ledger has the rest of the work at any time.

use crate::domain::lease::Lease;
use crate::observe::events;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::dispatcher::task::TaskId;
use crate::worker::fan_out::context::FanOutResult;
use crate::worker::intake::WithoutMessage;

impl Dispatcher {
    /// Adds what was handed over.
    pub(super) fn take_without_message(&mut self) {
        for notification in self.context.intake.take() {
            let id = self.tasks.add_without_message(notification);
            self.end_superseded(id);
        }
    }

    /// Takes none any more. Returns the leases of those that were handed over last.
    pub(super) fn close_intake(&self) -> Vec<Lease> {
        let not_begun = self.context.intake.close();
        not_begun.iter().filter_map(|one: &WithoutMessage| one.opened.lease()).collect()
    }

    /// The fan-out has ended, and the ledger knows how. The next one of the event may start.
    pub(super) fn ended_without_message(&mut self, id: TaskId, result: &FanOutResult) {
        match result {
            FanOutResult::DeadLetter { reason, notification: Some(notification) } => {
                events::without_message::abandoned(notification, reason);
            }
            FanOutResult::Vanished(notification) => events::without_message::vanished(notification),
            FanOutResult::Completed(notification) => self.context.announce_completed(notification.id),
            FanOutResult::DeadLetter { notification: None, .. }
            | FanOutResult::SetAside(_)
            | FanOutResult::Interrupted => {}
        }
        self.tasks.remove(id);
    }
}
