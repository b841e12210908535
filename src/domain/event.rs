//! An event, as the application stores it. fanmail only reads it.

use chrono::{DateTime, Utc};

use crate::domain::ids::EventId;

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
    /// When it begins.
    pub starts_at: Option<DateTime<Utc>>,
    /// When it ends.
    pub ends_at: Option<DateTime<Utc>>,
    /// Its zone, in the application's words; [`crate::domain::time_zone::TimeZone`] reads it.
    pub timezone: String,
    /// Its page on the web.
    pub url: Option<String>,
    /// When the application last changed it.
    pub updated_at: Option<DateTime<Utc>>,
}
