//! A notification: one accepted message, as the ledger has it.

use std::fmt;

use crate::domain::audience::Audience;
use crate::domain::ids::{EventId, NotificationId};
use crate::domain::kind::Kind;
use crate::domain::priority::Priority;

/// One accepted message: a row of `notifications`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notification {
    /// Its key in the ledger.
    pub id: NotificationId,
    /// What happened to the event.
    pub kind: Kind,
    /// The event; `None` when the notification is not about one.
    pub event_id: Option<EventId>,
    /// Who it is for.
    pub audience: Audience,
    /// How urgent it is.
    pub priority: Priority,
}

impl Notification {
    /// Why a message with the key of this notification is not sent, if it asks for something else. `key` is how its publisher calls it.
    #[must_use]
    pub fn used_before(&self, key: &str) -> String {
        format!(
            "{key} was used before, by notification {} for {self}; give every message an id of its own",
            self.id
        )
    }

    /// Why a recipient on the list gets no mail whom the application does not have any more.
    #[must_use]
    pub fn reason_for_absence(&self) -> &'static str {
        match self.audience {
            Audience::Event { .. } | Audience::Recipients { .. } => "has left the event",
            Audience::Given { .. } => "no such user",
        }
    }
}

/// What happened, as logs say it: `UPDATED of event 123`.
impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event_id {
            Some(event_id) => write!(f, "{} of event {event_id}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}
