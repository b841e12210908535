//! The end of a message that is not opened, or whose notification is completed or set aside: its publisher is told, if `REPLIES` or
//! `EVENTS_EXCHANGE` says so, and then it is acked. What is told is left to `announcer`.

use crate::broker::incoming::Settlement;
use crate::domain::ids::NotificationId;
use crate::domain::message::refusal::MessageRefusal;
use crate::domain::reply_to::ReplyTo;
use crate::domain::session::Receipt;
use crate::observe::events;
use crate::worker::dispatcher::Dispatcher;
use crate::worker::dispatcher::source::SourceId;
use crate::worker::dispatcher::task::{TaskId, TaskState};

impl Dispatcher {
    /// A message is not opened: it becomes a dead letter, or is acked if no route is for it.
    pub(super) fn refuse(
        &self,
        (source, receipt): (SourceId, Receipt),
        reply_to: Option<&ReplyTo>,
        refusal: MessageRefusal,
    ) {
        let source = &self.sources[source.0];
        let routing_key = match refusal {
            MessageRefusal::DeadLetter(reason) => {
                return source.settle(Settlement::DeadLetter(receipt, reason));
            }
            MessageRefusal::Ignored { routing_key } => routing_key,
        };
        events::routes::ignored(&self.context.told_keys, &self.context.metrics, &routing_key);
        match &self.context.announcements {
            None => source.settle(Settlement::Ack(receipt)),
            Some(announcements) => {
                let reason =
                    format!("no route matches the routing key {routing_key:?}, and nobody is mailed");
                announcements.refuse(&reason, reply_to, source.ack_after(receipt));
            }
        }
    }

    /// Has a message acked with its newest, valid delivery.
    pub(super) fn answer_and_ack(
        &mut self,
        id: TaskId,
        notification_id: NotificationId,
        (source, receipt): (SourceId, Receipt),
    ) {
        let source = &self.sources[source.0];
        match &self.context.announcements {
            None => source.settle(Settlement::Ack(receipt)),
            Some(announcements) => {
                let reply_to = self.tasks.get(id).and_then(|task| task.reply_to.as_ref());
                announcements.answer(notification_id, reply_to, source.ack_after(receipt));
            }
        }
        self.tasks.set_state(id, TaskState::Acking(notification_id));
    }
}
