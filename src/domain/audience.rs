//! Who a notification is for. Reading them page by page is left to `worker::fan_out::audience`, the SQL to the store.

use crate::domain::ids::{EventId, ParticipantId};

/// Who a notification is for, frozen when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The participants of an event.
    Event {
        /// The event.
        id: EventId,
        /// The highest participant id when the notification was opened; later participants are not part of it. The smallest
        /// number when the event had no participants. Versions before 0.2.0 wrote 0 then.
        up_to: ParticipantId,
    },
}

impl Audience {
    /// Whether it is certain that the event had participants when the notification was opened. Otherwise those count who take
    /// part when the fan-out begins.
    #[must_use]
    pub fn is_frozen(self) -> bool {
        let Self::Event { up_to, .. } = self;
        up_to != ParticipantId::MIN && up_to != ParticipantId(0)
    }

    /// The word in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event { .. } => "event",
        }
    }
}
