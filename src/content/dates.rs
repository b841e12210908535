//! Writes when an event takes place, in its local time. Pure; time zones come from the tz database that is compiled in.

use chrono::{DateTime, Datelike, Utc};
use chrono_tz::{OffsetName, Tz};

use crate::domain::event::Event;

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
        let zone: Tz = event.timezone.trim().parse().unwrap_or(Tz::UTC);
        let start = local(event.starts_at?, zone)?;
        let end = event.ends_at.and_then(|end| local(end, zone)).filter(|end| *end > start);
        Some(Self {
            date: start.format(DATE).to_string(),
            time: time(&start, end.as_ref(), zone),
            day: start.day().to_string(),
            month: start.format("%b").to_string(),
        })
    }
}

const DATE: &str = "%A, %-d %B %Y";

fn local(time: DateTime<Utc>, zone: Tz) -> Option<DateTime<Tz>> {
    (1..=9998).contains(&time.year()).then(|| time.with_timezone(&zone))
}

fn time(start: &DateTime<Tz>, end: Option<&DateTime<Tz>>, zone: Tz) -> String {
    let from = start.format("%H:%M");
    let Some(end) = end else {
        return format!("{from} ({})", zone_name(start, zone));
    };
    let to = if end.date_naive() == start.date_naive() {
        end.format("%H:%M").to_string()
    } else {
        end.format(&format!("{DATE}, %H:%M")).to_string()
    };
    let (before, after) = (abbreviation(start), abbreviation(end));
    if before == after {
        format!("{from} to {to} ({})", zone_name(start, zone))
    } else {
        // Daylight saving time begins or ends during the event.
        format!("{from} ({before}) to {to} ({})", zone_name(end, zone))
    }
}

/// `CET, Europe/Berlin`, or just `UTC`.
fn zone_name(time: &DateTime<Tz>, zone: Tz) -> String {
    let abbreviation = abbreviation(time);
    if abbreviation == zone.name() { abbreviation } else { format!("{abbreviation}, {}", zone.name()) }
}

/// `CET`; `UTC-03:00` where the tz database has no letters.
fn abbreviation(time: &DateTime<Tz>) -> String {
    let letters = time.offset().abbreviation().map(str::to_owned);
    letters.unwrap_or_else(|| time.format("UTC%:z").to_string())
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
        assert_eq!(in_zone("Middle-earth/Shire"), "Monday, 1 June 2026, 10:00 (UTC)");
        assert_eq!(in_zone(""), "Monday, 1 June 2026, 10:00 (UTC)");
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
