//! What passes between the thread that looks at the data and the summary of it.

use std::time::Duration;

use crate::domain::ids::EventId;
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
