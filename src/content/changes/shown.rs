//! When an event takes place, as far as mails show it, and what is another time for people. Writing it is left to `dates`.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};
use icu_time::TimeZone as Place;

use crate::content::dates::place_and_offset;
use crate::content::local_span::{Local, LocalSpan};
use crate::domain::event::Event;

/// How the time of an event has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Whether it begins at another time.
    pub start: bool,
    /// Whether it is another day, or other days, and not the clock alone.
    pub date: bool,
}

/// When an event takes place, as far as mails show it.
#[derive(Debug)]
pub(crate) struct Shown {
    start: Moment,
    end: Option<Moment>,
    /// Where the clocks stand, if it shows any: a place, which is the same under each of its names, or else an offset.
    zone: Option<Result<Place, String>>,
}

/// A day, and the clock then; none for a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    date: NaiveDate,
    clock: Option<NaiveTime>,
    /// How far the clock is from UTC: clocks that go back show an hour twice.
    offset: Option<FixedOffset>,
}

impl Moment {
    fn of(local: Local) -> Self {
        let minute = |clock: DateTime<FixedOffset>| {
            NaiveTime::from_hms_opt(clock.hour(), clock.minute(), 0).unwrap_or_default()
        };
        Self {
            date: local.date,
            clock: local.clock.map(minute),
            offset: local.clock.map(|clock| *clock.offset()),
        }
    }

    /// None for a whole day.
    fn utc(self) -> Option<NaiveDateTime> {
        self.date.and_time(self.clock?).checked_sub_offset(self.offset?)
    }

    fn is_same_instant(self, other: Self) -> bool {
        self.utc().is_some() && self.utc() == other.utc()
    }
}

impl Shown {
    /// `None` for an event without a time that mails show.
    pub fn of(event: &Event) -> Option<Self> {
        let span = LocalSpan::of(event)?;
        let (start, end) = (span.start, span.written_end());
        let clocks = [start.clock, end.and_then(|end| end.clock)];
        let zone = clocks.iter().flatten().next().map(|clock| {
            let (place, offset) = place_and_offset(*clock, span.zone);
            place.ok_or(offset)
        });
        Some(Self { start: Moment::of(start), end: end.map(Moment::of), zone })
    }

    /// Whether it takes place at another time.
    pub fn has_moved_from(&self, old: &Self) -> bool {
        let end = match (self.end, old.end) {
            (Some(end), Some(other)) => self.differs(end, other, old),
            (end, other) => end.is_some() != other.is_some(),
        };
        self.differs(self.start, old.start, old) || end
    }

    /// How its time is another one.
    pub fn moved_from(&self, old: &Self) -> Moved {
        let (start, other) = (self.start, old.start);
        let is_of_days = start.clock.is_none() && other.clock.is_none();
        let has_other_date = start.date != other.date && !start.is_same_instant(other);
        // A clock that was not known before, or is not any more, moves nothing.
        let has_other_clock =
            start.clock.is_some() && other.clock.is_some() && self.differs(start, other, old);
        Moved { start: has_other_date || has_other_clock, date: has_other_date || is_of_days }
    }

    /// Whether a moment is another one for people: by the same clocks, or by other ones that show something else. What the clocks of
    /// another place show at the same instant is no other moment.
    fn differs(&self, moment: Moment, other: Moment, old: &Self) -> bool {
        let clock = |moment: Moment| (moment.date, moment.clock);
        let is_other =
            clock(moment) != clock(other) || self.zone == old.zone && moment.offset != other.offset;
        is_other && !moment.is_same_instant(other)
    }

    /// Whether its clocks are those of another place. Where only one of them shows clocks, that is what has changed.
    pub fn has_other_zone_than(&self, old: &Self) -> bool {
        self.zone.is_some() && old.zone.is_some() && self.zone != old.zone
    }
}
