//! An event, as the application stores it. fanmail only reads it.

use chrono::{DateTime, Datelike, NaiveDate, Utc};

use crate::domain::ids::EventId;
use crate::domain::time_zone::TimeZone;

/// When an event begins or ends: a date stands for a whole day, whatever the zone, as in iCalendar (RFC 5545 sections 3.3.4 and
/// 3.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrTime {
    /// A time, UTC.
    Time(DateTime<Utc>),
    /// A date without a time. It is never converted to a zone.
    Date(NaiveDate),
}

impl DateOrTime {
    /// Its year, of a time in UTC.
    #[must_use]
    pub fn year(self) -> i32 {
        match self {
            Self::Time(time) => time.year(),
            Self::Date(date) => date.year(),
        }
    }
}

/// One row of `events`. Times are UTC; `timezone` says where the event takes place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The application's key.
    pub id: EventId,
    /// What the event is called.
    pub title: String,
    /// Free text about it.
    pub description: Option<String>,
    /// Where it takes place, in the application's words.
    pub location: Option<String>,
    /// When it begins; a date if it takes the whole day.
    pub starts_at: Option<DateOrTime>,
    /// When it ends; a date is the last day.
    pub ends_at: Option<DateOrTime>,
    /// Its zone, in the application's words; [`Event::zone`] reads it.
    pub timezone: String,
    /// Its page on the web.
    pub url: Option<String>,
    /// When the application last changed it.
    pub updated_at: Option<DateOrTime>,
}

impl Event {
    /// Where its clocks stand; with a zone that is not understood, [`TimeZone::unknown`].
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        TimeZone::parse(&self.timezone).unwrap_or_else(TimeZone::unknown)
    }
}
