//! Who a notification is for. Reading them page by page is left to `worker::fan_out::audience`, the SQL to the store.

use crate::domain::ids::{EventId, ParticipantId};

/// Who a notification is for, frozen when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The participants of an event.
    Event {
        /// The event.
        id: EventId,
        /// The highest participant id when the notification was opened; later participants are not part of it. 0 when
        /// the event had no participants.
        up_to: ParticipantId,
    },
}

impl Audience {
    /// The word in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event { .. } => "event",
        }
    }
}
