//! One message, or a notification that no message carries, and how far it is: what `dispatcher` decides about. Finding a task is
//! left to `tasks`.

use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::domain::ids::NotificationId;
use crate::domain::message::Message;
use crate::domain::message::identity::Identity;
use crate::domain::reply_to::ReplyTo;
use crate::domain::session::Receipt;
use crate::domain::traceparent::TraceParent;
use crate::store::ledger::acks::AckedMessage;
use crate::worker::dispatcher::source::{SourceId, Urgency};
use crate::worker::fan_out::claim::OpenedAs;
use crate::worker::intake::Place;

/// The number of a task, in order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(super) u64);

/// One message, from its arrival until the broker and the ledger know that it is dealt with. Or a notification that no message
/// carries, until the ledger knows that.
#[derive(Debug)]
pub struct Task {
    /// What it asks for.
    pub message: Message,
    /// Its `message_id`, and whether the broker delivered it before.
    pub identity: Identity,
    /// The queue of its newest delivery; `None` when no message carries it.
    pub source: Option<SourceId>,
    /// Whether it came from an urgent queue.
    pub urgency: Urgency,
    /// Its newest delivery; `None` when no message carries it.
    pub receipt: Option<Receipt>,
    /// When it was published, or when it arrived if its publisher does not say so; `None` where that is not known.
    pub published_at: Option<DateTime<Utc>>,
    /// Where its publisher wants to be told what became of it, if that is to be told.
    pub reply_to: Option<ReplyTo>,
    /// The trace that it belongs to.
    pub traceparent: Option<TraceParent>,
    /// Its place if no message carries it, which is given back with it.
    pub place: Option<Place>,
    /// How far it is.
    pub state: TaskState,
}

impl Task {
    /// A task of usual urgency, without a queue, a delivery and a place.
    #[must_use]
    pub fn new(message: Message, identity: Identity, state: TaskState) -> Self {
        Self {
            message,
            identity,
            source: None,
            urgency: Urgency::Usual,
            receipt: None,
            published_at: None,
            reply_to: None,
            traceparent: None,
            place: None,
            state,
        }
    }
}

/// How far a task is. The table of `dispatcher` shows how a state follows another one.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one for each message that the broker has given to this worker"
)]
pub enum TaskState {
    /// The opener finds out to which notification it belongs.
    Opening,
    /// The opener is asked again when the turn comes: an earlier message of the same session has the same notification, or
    /// the row of the notification has vanished.
    Reopening,
    /// The notification is open, and its fan-out has not begun.
    Waiting(OpenedAs),
    /// The fan-out of this notification runs.
    Running(NotificationId),
    /// The fan-out has completed the notification, but its receipt is of a lost session. The message comes again, unless the
    /// broker got the ack.
    AwaitingRedelivery {
        /// The notification.
        notification_id: NotificationId,
        /// When the wait for the message ends.
        until: Instant,
    },
    /// The notification is completed. The ack is on its way to the broker.
    Acking(NotificationId),
    /// The notification is abandoned. The dead letter is being stored, and the ack follows.
    DeadLettering(NotificationId),
    /// The broker has the ack. It is being recorded in the ledger.
    RecordingAck(AckedMessage),
}

impl Task {
    /// Whether it has no `message_id`, so that only the ledger's records tell it from an equal message.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        self.identity.key().is_none()
    }
}

impl TaskState {
    /// The notification, unless it is not known yet or done.
    #[must_use]
    pub fn open_notification(&self) -> Option<NotificationId> {
        match self {
            Self::Waiting(opened) => Some(opened.notification().id),
            Self::Running(id) | Self::AwaitingRedelivery { notification_id: id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Whether the fan-out has not begun.
    #[must_use]
    pub fn is_unstarted(&self) -> bool {
        matches!(self, Self::Opening | Self::Reopening | Self::Waiting(_))
    }
}
