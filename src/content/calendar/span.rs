//! When an event takes place, as calendars have it: whole days, or times. How that is written is left to others.

use chrono::{DateTime, NaiveDate, SubsecRound as _, TimeDelta, Utc};

use crate::domain::event::{DateOrTime, Event};
use crate::domain::time_zone::TimeZone;

/// Years that calendars can show. An earlier one means "none" to the programs that write it, such as 0001 and 1601.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9998;

/// When an event takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Whole days, wherever the reader is.
    Days {
        /// The first one.
        first: NaiveDate,
        /// The one after the last one.
        after: NaiveDate,
    },
    /// From a time on.
    Times {
        /// The beginning.
        start: DateTime<Utc>,
        /// The end, after the beginning.
        end: Option<DateTime<Utc>>,
        /// Where the event takes place.
        zone: TimeZone,
    },
}

impl Span {
    /// `None` for an event without a start, or in a year that calendars do not show. An end that is not after the start is left out, as
    /// the texts of the mails do.
    pub fn of(event: &Event) -> Option<Self> {
        let zone = event.zone();
        let is_shown = |moment: &DateOrTime| YEARS.contains(&moment.year());
        let start = event.starts_at.filter(is_shown)?;
        let end = event.ends_at.filter(is_shown);
        match start {
            DateOrTime::Date(first) => {
                let last = end.map_or(first, |end| last_day(end, zone)).max(first);
                Some(Self::Days { first, after: last.succ_opt()? })
            }
            DateOrTime::Time(start) => {
                let start = start.trunc_subsecs(0);
                let end = end.and_then(|end| end_of(end, start, zone)).filter(|end| *end > start);
                Some(Self::Times { start, end, zone })
            }
        }
    }
}

/// The last day of an event of whole days. What ends at midnight does not reach into the next day.
fn last_day(end: DateOrTime, zone: TimeZone) -> NaiveDate {
    match end {
        DateOrTime::Date(date) => date,
        DateOrTime::Time(time) => {
            let before = time.checked_sub_signed(TimeDelta::seconds(1)).unwrap_or(time);
            zone.local(before).0.date_naive()
        }
    }
}

/// When an event ends that begins at `start`: with the end of the last day, if that is all that is known.
fn end_of(end: DateOrTime, start: DateTime<Utc>, zone: TimeZone) -> Option<DateTime<Utc>> {
    match end {
        DateOrTime::Time(time) => Some(time.trunc_subsecs(0)),
        DateOrTime::Date(date) if date > zone.local(start).0.date_naive() => {
            date.succ_opt().map(|after| zone.start_of(after))
        }
        DateOrTime::Date(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;
    use crate::domain::times;

    fn event(start: &str, end: Option<&str>, zone: &str) -> Event {
        let read = |text: &str| times::parse(text);
        Event {
            starts_at: read(start),
            ends_at: end.and_then(read),
            timezone: zone.to_owned(),
            ..sample::full()
        }
    }

    fn days(start: &str, end: Option<&str>, zone: &str) -> (String, String) {
        match Span::of(&event(start, end, zone)) {
            Some(Span::Days { first, after }) => (first.to_string(), after.to_string()),
            other => panic!("{other:?}"),
        }
    }

    fn times(start: &str, end: Option<&str>, zone: &str) -> (String, Option<String>) {
        match Span::of(&event(start, end, zone)) {
            Some(Span::Times { start, end, .. }) => (shown(start), end.map(shown)),
            other => panic!("{other:?}"),
        }
    }

    fn shown(time: DateTime<Utc>) -> String {
        time.format("%F %T").to_string()
    }

    fn pair(first: &str, second: &str) -> (String, String) {
        (first.to_owned(), second.to_owned())
    }

    #[test]
    fn the_end_of_whole_days_is_the_day_after_them() {
        let zone = "Europe/Berlin";
        for (end, after) in [
            (None, "2026-12-25"),
            (Some("2026-12-24"), "2026-12-25"),
            (Some("2026-12-26"), "2026-12-27"),
            (Some("2026-12-20"), "2026-12-25"),
            (Some("2026-12-26T16:00:00Z"), "2026-12-27"),
            // Midnight in Berlin.
            (Some("2026-12-25T23:00:00Z"), "2026-12-26"),
            (Some("9999-12-31"), "2026-12-25"),
        ] {
            assert_eq!(days("2026-12-24", end, zone), pair("2026-12-24", after), "{end:?}");
        }
    }

    #[test]
    fn an_end_is_after_the_start_or_none() {
        let (start, zone) = ("2026-12-24T17:00:00.9Z", "Europe/Berlin");
        let from = "2026-12-24 17:00:00";
        for (end, expected) in [
            (None, None),
            (Some("2026-12-24T17:00:00Z"), None),
            (Some("2026-12-24T16:00:00Z"), None),
            (Some("2026-12-24T19:00:00Z"), Some("2026-12-24 19:00:00")),
            (Some("2026-12-24"), None),
            (Some("2026-12-25"), Some("2026-12-25 23:00:00")),
            (Some("9999-01-01T00:00:00Z"), None),
        ] {
            let expected = (from.to_owned(), expected.map(str::to_owned));
            assert_eq!(times(start, end, zone), expected, "{end:?}");
        }
    }

    #[test]
    fn without_a_start_that_calendars_show_there_is_none() {
        assert_eq!(Span::of(&sample::bare()), None);
        for start in ["0001-01-01T00:00:00", "1899-12-30", "9999-01-01", "9999-12-31T23:59:59Z"] {
            assert_eq!(Span::of(&event(start, None, "UTC")), None, "{start}");
        }
        let last = DateOrTime::Time(DateTime::<Utc>::MAX_UTC);
        assert_eq!(Span::of(&Event { starts_at: Some(last), ..sample::full() }), None);
    }
}
