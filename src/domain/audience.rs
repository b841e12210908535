//! Who a notification is for. Reading them page by page is left to `worker::fan_out`, the SQL to the store.

use crate::domain::ids::{EventId, ParticipantId};

/// Who a notification is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The participants of an event, whose keys are whole numbers. Frozen when the notification was opened.
    Event {
        /// The event.
        id: EventId,
        /// The highest participant id when the notification was opened; later participants are not part of it. The smallest
        /// number when the event had no participants. Versions before 0.2.0 wrote 0 then.
        up_to: ParticipantId,
    },
    /// The participants of an event, whose keys are text. Each of them is listed in the ledger, with a number, when their page
    /// is read: [`Listing`] tells how far the list is.
    Recipients {
        /// The event.
        id: EventId,
    },
    /// Those whom the message names, listed in the ledger since it was opened.
    Given {
        /// How many they are: they have the numbers from 1 on.
        count: i64,
    },
}

impl Audience {
    /// Whether nothing has to be frozen any more when the fan-out begins. It has to if it is not certain that the event had
    /// participants when the notification was opened: then those count who take part when the fan-out begins.
    #[must_use]
    pub fn is_frozen(self) -> bool {
        match self {
            Self::Event { up_to, .. } => up_to != ParticipantId::MIN && up_to != ParticipantId(0),
            Self::Recipients { .. } | Self::Given { .. } => true,
        }
    }

    /// Whether the people are listed in the ledger.
    #[must_use]
    pub fn is_listed(self) -> bool {
        matches!(self, Self::Recipients { .. } | Self::Given { .. })
    }

    /// How many they are, if nobody needs to count them.
    #[must_use]
    pub fn known_size(self) -> Option<u64> {
        match self {
            Self::Given { count } => Some(count.unsigned_abs()),
            Self::Event { .. } | Self::Recipients { .. } => None,
        }
    }

    /// The event whose participants they are.
    #[must_use]
    pub fn event_id(self) -> Option<EventId> {
        match self {
            Self::Event { id, .. } | Self::Recipients { id } => Some(id),
            Self::Given { .. } => None,
        }
    }

    /// What the ledger has as the largest participant key when the notification is opened.
    #[must_use]
    pub fn end(self) -> ParticipantId {
        match self {
            Self::Event { up_to, .. } => up_to,
            Self::Recipients { .. } => Listing::Reading.end(),
            Self::Given { count } => Listing::Frozen(count).end(),
        }
    }

    /// The word in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event { .. } => "event",
            Self::Recipients { .. } => "recipients",
            Self::Given { .. } => "given",
        }
    }
}

/// How far the recipients of a notification are listed in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// Further participants may follow behind the last key.
    Reading,
    /// All keys were read once. Who joined meanwhile with a lower key may be missing.
    ReadOnce,
    /// The list is complete, with numbers from 1 to this one. Who joins later is not part of the notification.
    Frozen(i64),
}

impl Listing {
    /// What the ledger has as the largest participant key of the notification.
    #[must_use]
    pub fn end(self) -> ParticipantId {
        match self {
            Self::Reading => ParticipantId::MIN,
            Self::ReadOnce => ParticipantId(-1),
            Self::Frozen(count) => ParticipantId(count),
        }
    }

    /// What such a number means.
    #[must_use]
    pub fn from_end(end: ParticipantId) -> Self {
        match end.0 {
            -1 => Self::ReadOnce,
            ..-1 => Self::Reading,
            count => Self::Frozen(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_as_it_was_written() {
        for listing in [Listing::Reading, Listing::ReadOnce, Listing::Frozen(0), Listing::Frozen(7)] {
            assert_eq!(Listing::from_end(listing.end()), listing);
        }
    }
}
