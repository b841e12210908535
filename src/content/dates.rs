//! Writes when an event takes place, in its local time. Pure; which zone an event
//! names is read by `domain`.

use chrono::{DateTime, Datelike, FixedOffset, Utc};

use crate::domain::event::Event;
use crate::domain::time_zone::TimeZone;

/// The local time of an event, as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventTime {
    /// `Thursday, 24 December 2026`
    pub date: String,
    /// `18:00 to 20:00 (CET, Europe/Berlin)`; an end on another day is written in full.
    pub time: String,
    /// `24`
    pub day: String,
    /// `Dec`
    pub month: String,
}

impl EventTime {
    /// `None` for an event without a start, or with a year beyond 9998.
    pub fn of(event: &Event) -> Option<Self> {
        let zone = TimeZone::parse(&event.timezone).unwrap_or_else(TimeZone::unknown);
        let start = local(event.starts_at?, zone)?;
        let end = event.ends_at.and_then(|end| local(end, zone)).filter(|end| end.time > start.time);
        Some(Self {
            date: start.time.format(DATE).to_string(),
            time: time(&start, end.as_ref(), zone.name()),
            day: start.time.day().to_string(),
            month: start.time.format("%b").to_string(),
        })
    }
}

const DATE: &str = "%A, %-d %B %Y";

/// A time as the clocks of the event show it.
struct LocalTime {
    time: DateTime<FixedOffset>,
    /// `CET`; `UTC-03:00` where the tz database has no letters, and for an offset.
    letters: String,
}

fn local(time: DateTime<Utc>, zone: TimeZone) -> Option<LocalTime> {
    let local = || {
        let (time, letters) = zone.local(time);
        LocalTime { time, letters }
    };
    (1..=9998).contains(&time.year()).then(local)
}

fn time(start: &LocalTime, end: Option<&LocalTime>, zone: Option<&str>) -> String {
    let from = start.time.format("%H:%M");
    let Some(end) = end else {
        return format!("{from} ({})", zone_name(&start.letters, zone));
    };
    let to = if end.time.date_naive() == start.time.date_naive() {
        end.time.format("%H:%M").to_string()
    } else {
        end.time.format(&format!("{DATE}, %H:%M")).to_string()
    };
    let name = zone_name(&end.letters, zone);
    if start.letters == end.letters {
        format!("{from} to {to} ({name})")
    } else {
        // Daylight saving time begins or ends during the event.
        format!("{from} ({}) to {to} ({name})", start.letters)
    }
}

/// `CET, Europe/Berlin`, or just `UTC`.
fn zone_name(letters: &str, zone: Option<&str>) -> String {
    zone.filter(|zone| *zone != letters)
        .map_or_else(|| letters.to_owned(), |zone| format!("{letters}, {zone}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;

    fn when(start: &str, end: Option<&str>, zone: &str) -> Option<String> {
        let event = Event {
            starts_at: Some(start.parse().unwrap()),
            ends_at: end.map(|end| end.parse().unwrap()),
            timezone: zone.to_owned(),
            ..sample::full()
        };
        EventTime::of(&event).map(|when| format!("{}, {}", when.date, when.time))
    }

    #[test]
    fn the_same_day_is_not_written_twice() {
        assert_eq!(
            when("2026-12-24T17:00:00Z", Some("2026-12-24T19:00:00Z"), "Europe/Berlin").unwrap(),
            "Thursday, 24 December 2026, 18:00 to 20:00 (CET, Europe/Berlin)"
        );
    }

    #[test]
    fn an_end_on_another_day_is_written_in_full() {
        assert_eq!(
            when("2026-12-31T19:00:00Z", Some("2027-01-01T02:30:00Z"), "Europe/Berlin").unwrap(),
            "Thursday, 31 December 2026, 20:00 to Friday, 1 January 2027, 03:30 (CET, Europe/Berlin)"
        );
    }

    #[test]
    fn a_change_of_daylight_saving_time_is_shown() {
        assert_eq!(
            when("2026-10-24T23:00:00Z", Some("2026-10-25T03:00:00Z"), "Europe/Berlin").unwrap(),
            "Sunday, 25 October 2026, 01:00 (CEST) to 04:00 (CET, Europe/Berlin)"
        );
    }

    #[test]
    fn a_zone_is_shown_with_its_abbreviation_and_name() {
        let in_zone = |zone| when("2026-06-01T10:00:00Z", None, zone).unwrap();
        assert_eq!(in_zone("America/Sao_Paulo"), "Monday, 1 June 2026, 07:00 (UTC-03:00, America/Sao_Paulo)");
        assert_eq!(in_zone("UTC"), "Monday, 1 June 2026, 10:00 (UTC)");
        assert_eq!(in_zone("W. Europe Standard Time"), "Monday, 1 June 2026, 12:00 (CEST, Europe/Berlin)");
        assert_eq!(in_zone("GMT+2"), "Monday, 1 June 2026, 12:00 (UTC+02:00)");
        assert_eq!(in_zone(""), "Monday, 1 June 2026, 10:00 (UTC)");
    }

    #[test]
    fn an_unknown_zone_is_utc_with_its_offset() {
        assert_eq!(
            when("2026-06-01T10:00:00Z", Some("2026-06-01T11:00:00Z"), "Middle-earth/Shire").unwrap(),
            "Monday, 1 June 2026, 10:00 to 11:00 (UTC+00:00)"
        );
    }

    #[test]
    fn what_cannot_be_shown_is_left_out() {
        assert_eq!(
            when("2026-06-01T10:00:00Z", Some("2026-06-01T09:00:00Z"), "UTC").unwrap(),
            "Monday, 1 June 2026, 10:00 (UTC)"
        );
        let event = Event { starts_at: Some(DateTime::<Utc>::MAX_UTC), ..sample::full() };
        assert_eq!(EventTime::of(&event), None);
        assert_eq!(EventTime::of(&sample::bare()), None);
    }
}
