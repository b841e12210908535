//! What the mails of a notification tell: gathered once by its fan-out. What templates see of it is left to `content`.

use crate::domain::event::Event;
use crate::domain::event_snapshot::EventSnapshot;
use crate::domain::kind::Kind;
use crate::domain::message::details::MessageDetails;

/// What all mails of one notification tell.
#[derive(Debug, Clone)]
pub struct NotificationFacts {
    /// What happened to the event.
    pub kind: Kind,
    /// The event, as the notification saw it; `None` if it is about none.
    pub event: Option<Event>,
    /// What the message carries beyond kind and event.
    pub details: MessageDetails,
    /// The event as an earlier notification has told it, if people have got that and it counts what changed since.
    pub previous: Option<EventSnapshot>,
}

impl NotificationFacts {
    /// A notification about this event, or about none, whose message carries these details.
    #[must_use]
    pub fn new(kind: Kind, event: Option<Event>, details: MessageDetails) -> Self {
        Self { kind, event, details, previous: None }
    }

    /// A notification about an event, whose message carries nothing else.
    #[must_use]
    pub fn of_event(kind: Kind, event: Event) -> Self {
        Self::new(kind, Some(event), MessageDetails::default())
    }

    /// A notification about no event.
    #[must_use]
    pub fn of_message(kind: Kind, details: MessageDetails) -> Self {
        Self::new(kind, None, details)
    }
}
