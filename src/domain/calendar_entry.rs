//! An event as calendars keep it (RFC 5545), before a channel adds sender and recipient. What is in it is left to `content`.

use crate::domain::ids::EventId;

/// What the calendar of a recipient does with an entry (RFC 5546).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CalendarMethod {
    /// Shows it, and its reader may add it.
    Publish,
    /// Adds it, or changes the one that it has.
    Request,
    /// Removes the one that it has, or shows it as cancelled.
    Cancel,
}

impl CalendarMethod {
    /// The word of `METHOD` and of the parameter of `Content-Type`, which must be the same (RFC 6047 section 2.4).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::Request => "REQUEST",
            Self::Cancel => "CANCEL",
        }
    }

    /// Whether an entry names its recipient: where it is published, it must not (RFC 5546 section 3.2.1).
    #[must_use]
    pub const fn has_attendee(self) -> bool {
        !matches!(self, Self::Publish)
    }
}

/// What is the same in the entries of all recipients of a notification.
#[derive(Debug, PartialEq, Eq)]
pub struct CalendarEntry {
    /// What calendars do with it.
    pub method: CalendarMethod,
    /// The event that it is about.
    pub event_id: EventId,
    /// Content lines from `BEGIN:VCALENDAR` on, the last ones within `VEVENT`. Folded, each with `\n` at its end. `UID`, `DTSTAMP`,
    /// `ORGANIZER`, `ATTENDEE` and the ends of the components are still to come.
    pub lines: String,
}
