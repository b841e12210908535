//! What passes between the thread that looks at the data and the summary of it, and the keys that were seen.

use std::fmt;
use std::time::Duration;

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::{EventId, ParticipantId};
use crate::store::error::StoreError;
use crate::store::source::sample::{DoubledKeys, ParticipantSample};
use crate::store::source::zones::UnknownZones;

/// How much is looked at, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Events, from the largest key on.
    pub events: u32,
    /// Participants of each event, from the smallest key on.
    pub participants: u32,
    /// After so long, `check` goes on with what it has.
    pub time: Duration,
}

/// What one query has found.
pub enum Look {
    /// There are so many events, up to the limit.
    Events(usize),
    /// Which keys events have.
    EventKeys(EventKeyType),
    /// The event has so many rows, and should have one.
    Rows(EventId, u64),
    /// The columns of an event with something else than a time.
    Times(EventId, Vec<&'static str>),
    /// The first participants of an event.
    Participants(EventId, ParticipantSample),
    /// None of the events has a participant, although there are some.
    NoneTakesPart,
    /// Events with a zone that fanmail does not know.
    Zones(UnknownZones),
    /// Keys that an event has twice, or none.
    Doubled(EventId, Option<DoubledKeys>),
    /// Something could not be read.
    Failed(StoreError),
}

/// The keys of some participants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keys {
    /// The smallest and the largest.
    Numbers(ParticipantId, ParticipantId),
    /// Those of some are text, or something that is read as text: what people call such keys.
    Text(&'static str),
}

impl Keys {
    /// Those of both.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        match (self, others) {
            (Self::Numbers(first, last), Self::Numbers(smallest, largest)) => {
                Self::Numbers(first.min(smallest), last.max(largest))
            }
            (Self::Text(name), _) | (_, Self::Text(name)) => Self::Text(name),
        }
    }
}

/// Behind the number of the participants.
impl fmt::Display for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbers(first, last) => write!(f, " with keys from {first} to {last}"),
            Self::Text(name) => write!(f, " with keys that are {name}"),
        }
    }
}
