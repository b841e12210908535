//! When an event takes place by the calendar and the clocks of its zone, as far as mails say it. How it is written is left to `dates`,
//! what calendars get of it to `calendar::span`.

use std::ops::RangeInclusive;

use chrono::{DateTime, FixedOffset, NaiveDate};

use crate::domain::event::{DateOrTime, Event};
use crate::domain::time_zone::TimeZone;

/// The years that mails write.
const YEARS: RangeInclusive<i32> = 1..=9998;

/// Start and end of an event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalSpan {
    /// Where the clocks stand.
    pub zone: TimeZone,
    /// The start.
    pub start: Local,
    /// The end, unless it is before the start.
    pub end: Option<Local>,
}

/// A moment as the calendar and the clocks of the event show it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Local {
    /// The day.
    pub date: NaiveDate,
    /// None for a whole day.
    pub clock: Option<DateTime<FixedOffset>>,
}

impl LocalSpan {
    /// `None` for an event without a start, or with one in a year beyond 9998.
    pub fn of(event: &Event) -> Option<Self> {
        Self::in_zone(event, event.zone())
    }

    /// The same by the clocks of another zone.
    pub fn in_zone(event: &Event, zone: TimeZone) -> Option<Self> {
        let start = Local::of(event.starts_at?, zone)?;
        let is_possible = |end: &Local| match (start.clock, end.clock) {
            (Some(start), Some(end)) => end > start,
            _ => end.date >= start.date,
        };
        let end = event.ends_at.and_then(|end| Local::of(end, zone)).filter(is_possible);
        Some(Self { zone, start, end })
    }

    /// The end, if it says more than the start does: a date that is that of the start does not.
    pub fn written_end(&self) -> Option<Local> {
        self.end.filter(|end| end.clock.is_some() || end.date > self.start.date)
    }
}

impl Local {
    /// A date is the same in every zone. `None` in a year that mails do not write.
    pub fn of(moment: DateOrTime, zone: TimeZone) -> Option<Self> {
        let local = || match moment {
            DateOrTime::Time(time) => {
                let (time, _) = zone.local(time);
                Self { date: time.date_naive(), clock: Some(time) }
            }
            DateOrTime::Date(date) => Self { date, clock: None },
        };
        YEARS.contains(&moment.year()).then(local)
    }
}
