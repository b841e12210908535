//! What the results of the opener and of fan-outs mean for their tasks. This is the only place that decides it.

use crate::broker::incoming::Settlement;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::notification::Notification;
use crate::domain::session::Receipt;
use crate::observe::events;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::dispatcher::task::{Task, TaskId, TaskState};
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::fan_out::context::FanOutResult;
use crate::worker::opener::{OpenerReport, Opening};

impl Dispatcher {
    pub(super) fn opener_reported(&mut self, report: OpenerReport) {
        match report {
            OpenerReport::Opened(found) => {
                for (receipt, opening) in found {
                    self.opened(receipt, opening);
                }
            }
            OpenerReport::Acked(ids) => self.acked_by_another_worker(&ids),
        }
    }

    /// The opener has found the notification of a message.
    fn opened(&mut self, receipt: Receipt, opening: Opening) {
        let task = self.tasks.find(receipt).filter(|(_, task)| matches!(task.state, TaskState::Opening));
        let Some((id, task)) = task else {
            // Its session is lost, or the worker is stopping.
            return self.release(opening.lease().into_iter().collect());
        };
        let by_flag = task.is_nameless() && task.identity.redelivered;
        match opening {
            Opening::Open(opened) => self.open(id, opened, by_flag),
            Opening::Held(notification) => match self.tasks.find_twin(id, notification.id) {
                Some(twin) => self.delivered_again(id, twin, &notification),
                // Its lease is one that no task knows of. The fan-out takes it over.
                None => self.open(id, OpenedAs::Elsewhere(notification), by_flag),
            },
            Opening::Completed(notification) => self.completed_before(id, &notification, by_flag),
            Opening::LeftToLedger(notification) => self.ended(id, FanOutResult::SetAside(notification)),
            Opening::Conflict(first) => self.ended(id, FanOutResult::conflict_with(&first)),
            Opening::Refused(MessageRefusal::DeadLetter(reason)) => {
                self.ended(id, FanOutResult::DeadLetter { reason, notification: None });
            }
            Opening::Refused(refusal) => {
                if let Some(Task { source: Some(source), reply_to, .. }) = self.tasks.remove(id) {
                    self.refuse((source, receipt), reply_to.as_ref(), refusal);
                }
            }
        }
    }

    /// The notification is to be sent. If an earlier task has it already, its fan-out does that.
    fn open(&mut self, id: TaskId, opened: OpenedAs, by_flag: bool) {
        let notification = opened.notification();
        if let Some(twin) = self.tasks.find_twin(id, notification.id) {
            self.release(opened.lease().into_iter().collect());
            return self.delivered_again(id, twin, &notification);
        }
        if by_flag && !matches!(opened, OpenedAs::Ours { resumed: false, .. }) {
            self.context.metrics.redelivered_decided.inc();
        }
        self.tasks.set_state(id, TaskState::Waiting(opened));
        self.end_superseded(id);
    }

    fn completed_before(&mut self, id: TaskId, notification: &Notification, by_flag: bool) {
        let twin = self.tasks.find_twin(id, notification.id);
        if let Some(twin) = twin.filter(|twin| !self.has_valid_receipt(*twin)) {
            return self.delivered_again(id, twin, notification);
        }
        if by_flag {
            self.context.metrics.redelivered_decided.inc();
        }
        events::redelivery::already_completed(notification);
        self.ended(id, FanOutResult::Completed(*notification));
    }

    pub(super) fn fan_out_ended(&mut self, id: TaskId, result: FanOutResult) {
        self.running.remove(&id);
        self.ended(id, result);
    }

    /// Nothing is left to be sent under this notification.
    fn ended(&mut self, id: TaskId, result: FanOutResult) {
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let (Some(source), Some(receipt)) = (task.source, task.receipt) else {
            return self.ended_without_message(id, &result);
        };
        let is_nameless = task.is_nameless();
        let is_valid = self.is_valid(receipt);
        match result {
            FanOutResult::Completed(notification) | FanOutResult::SetAside(notification) if is_valid => {
                return self.answer_and_ack(id, notification.id, (source, receipt));
            }
            // The ack of a receipt from an earlier session would be void.
            FanOutResult::Completed(notification) | FanOutResult::SetAside(notification) if is_nameless => {
                return self.await_redelivery(id, notification.id);
            }
            FanOutResult::DeadLetter { reason, notification } if is_valid => {
                self.source(source).settle(Settlement::DeadLetter(receipt, reason));
                if let Some(notification) = notification {
                    self.tasks.set_state(id, TaskState::DeadLettering(notification.id));
                    return self.tasks.leave_queue(id);
                }
            }
            FanOutResult::Vanished(notification) if is_valid && self.open => {
                events::notification::vanished(&notification);
                return self.tasks.reopen(id);
            }
            FanOutResult::Vanished(notification) => events::notification::vanished_elsewhere(&notification),
            // Without a valid receipt the message comes again. With a message_id, the ledger knows then that it needs an ack.
            FanOutResult::Completed(_)
            | FanOutResult::SetAside(_)
            | FanOutResult::DeadLetter { .. }
            | FanOutResult::Interrupted => {}
        }
        self.tasks.remove(id);
    }
}
