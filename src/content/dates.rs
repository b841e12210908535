//! Writes when an event takes place, in its local time. Pure; which zone an event
//! names is read by `domain`.

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate};

use crate::domain::event::{DateOrTime, Event};
use crate::domain::time_zone::TimeZone;

/// The local time of an event, as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventTime {
    /// `Thursday, 24 December 2026`
    pub date: String,
    /// `18:00 to 20:00 (CET, Europe/Berlin)`; an end on another day is written in full. Of an event that takes the whole day,
    /// `to Saturday, 26 December 2026`, or empty if it takes no other day.
    pub time: String,
    /// Both, as one text.
    pub when: String,
    /// When it begins, as short as a subject needs it: `Thu 24 Dec, 18:00`.
    pub short: String,
    /// `24`
    pub day: String,
    /// `Dec`
    pub month: String,
    /// Whether it takes the whole day.
    pub all_day: bool,
}

impl EventTime {
    /// `None` for an event without a start, or with a year beyond 9998.
    pub fn of(event: &Event) -> Option<Self> {
        let zone = TimeZone::parse(&event.timezone).unwrap_or_else(TimeZone::unknown);
        let start = Local::of(event.starts_at?, zone)?;
        let end = event.ends_at.and_then(|end| Local::of(end, zone)).filter(|end| end.is_after(&start));
        let date = written(start.date);
        let all_day = start.clock.is_none();
        let time = time(&start, end.as_ref(), zone.name());
        let when = match (all_day, time.is_empty()) {
            (true, true) => date.clone(),
            (true, false) => format!("{date} {time}"),
            (false, _) => format!("{date}, {time}"),
        };
        let short = short(&start);
        let (day, month) = (start.date.day().to_string(), start.date.format("%b").to_string());
        Some(Self { date, time, when, short, day, month, all_day })
    }
}

fn written(date: NaiveDate) -> String {
    date.format("%A, %-d %B %Y").to_string()
}

/// Without the year: what is far away is told in the mail.
fn short(start: &Local) -> String {
    let date = start.date.format("%a %-d %b");
    match &start.clock {
        Some(clock) => format!("{date}, {}", clock.time.format("%H:%M")),
        None => date.to_string(),
    }
}

/// A moment as the calendar and the clocks of the event show it.
struct Local {
    date: NaiveDate,
    /// None for a whole day.
    clock: Option<Clock>,
}

struct Clock {
    time: DateTime<FixedOffset>,
    /// `CET`; `UTC-03:00` where the tz database has no letters, and for an offset.
    letters: String,
}

impl Local {
    /// A date is the same in every zone.
    fn of(moment: DateOrTime, zone: TimeZone) -> Option<Self> {
        let local = || match moment {
            DateOrTime::Time(time) => {
                let (time, letters) = zone.local(time);
                Self { date: time.date_naive(), clock: Some(Clock { time, letters }) }
            }
            DateOrTime::Date(date) => Self { date, clock: None },
        };
        (1..=9998).contains(&moment.year()).then(local)
    }

    /// Whether it says more about the end of an event than the start does.
    fn is_after(&self, start: &Self) -> bool {
        match (&start.clock, &self.clock) {
            (Some(start), Some(end)) => end.time > start.time,
            (None, Some(_)) => self.date >= start.date,
            (_, None) => self.date > start.date,
        }
    }

    /// `18:00`, after a date that differs from `other`, and with its zone.
    fn as_end(&self, other: NaiveDate, zone: Option<&str>) -> String {
        let clock = self
            .clock
            .as_ref()
            .map(|clock| format!("{} ({})", clock.time.format("%H:%M"), zone_name(&clock.letters, zone)));
        let date = (self.date != other).then(|| written(self.date));
        [date, clock].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

fn time(start: &Local, end: Option<&Local>, zone: Option<&str>) -> String {
    let to = end.map(|end| format!("to {}", end.as_end(start.date, zone)));
    let from = start.clock.as_ref().map(|clock| {
        let from = clock.time.format("%H:%M");
        let same_zone = |end: &Local| end.clock.as_ref().is_some_and(|end| end.letters == clock.letters);
        match end {
            Some(end) if same_zone(end) => from.to_string(),
            // Daylight saving time begins or ends during the event: the end names the zone.
            Some(Local { clock: Some(_), .. }) => format!("{from} ({})", clock.letters),
            _ => format!("{from} ({})", zone_name(&clock.letters, zone)),
        }
    });
    [from, to].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// `CET, Europe/Berlin`, or just `UTC`.
fn zone_name(letters: &str, zone: Option<&str>) -> String {
    zone.filter(|zone| *zone != letters)
        .map_or_else(|| letters.to_owned(), |zone| format!("{letters}, {zone}"))
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;
    use crate::content::sample;

    fn when(start: &str, end: Option<&str>, zone: &str) -> Option<String> {
        let event = Event {
            starts_at: Some(moment(start)),
            ends_at: end.map(moment),
            timezone: zone.to_owned(),
            ..sample::full()
        };
        EventTime::of(&event).map(|time| time.when)
    }

    fn moment(text: &str) -> DateOrTime {
        match text.parse() {
            Ok(date) => DateOrTime::Date(date),
            Err(_) => DateOrTime::Time(text.parse().unwrap()),
        }
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
    fn a_date_is_the_same_day_in_every_zone() {
        let zones = [
            "Etc/GMT+12",
            "America/New_York",
            "UTC",
            "Europe/Berlin",
            "Pacific/Kiritimati",
            "-12",
            "+14:00",
            "?",
        ];
        for zone in zones {
            assert_eq!(when("2026-12-24", None, zone).unwrap(), "Thursday, 24 December 2026", "{zone}");
            assert_eq!(when("2026-12-24", Some("2026-12-24"), zone).unwrap(), "Thursday, 24 December 2026");
            assert_eq!(
                when("2026-12-24", Some("2026-12-26"), zone).unwrap(),
                "Thursday, 24 December 2026 to Saturday, 26 December 2026",
                "{zone}"
            );
        }
        let event = EventTime::of(&sample::all_day()).unwrap();
        assert_eq!((event.date.as_str(), event.time.as_str()), ("Thursday, 24 December 2026", ""));
        assert_eq!((event.day.as_str(), event.month.as_str(), event.all_day), ("24", "Dec", true));
        assert!(!EventTime::of(&sample::full()).unwrap().all_day);
        assert_eq!(when("2026-12-24", Some("2026-12-23"), "UTC").unwrap(), "Thursday, 24 December 2026");
        assert_eq!(when("9999-01-01", None, "UTC"), None);
    }

    #[test]
    fn one_of_start_and_end_may_be_a_date() {
        let (time, zone) = ("2026-12-24T23:30:00Z", "Europe/Berlin");
        let from = "Friday, 25 December 2026, 00:30 (CET, Europe/Berlin)";
        assert_eq!(when(time, Some("2026-12-25"), zone).unwrap(), from);
        assert_eq!(
            when(time, Some("2026-12-26"), zone).unwrap(),
            format!("{from} to Saturday, 26 December 2026")
        );
        let day = "Thursday, 24 December 2026";
        assert_eq!(when("2026-12-24", Some(time), zone).unwrap(), format!("{day} to {from}"));
        assert_eq!(
            when("2026-12-25", Some(time), zone).unwrap(),
            "Friday, 25 December 2026 to 00:30 (CET, Europe/Berlin)"
        );
    }

    #[test]
    fn what_cannot_be_shown_is_left_out() {
        assert_eq!(
            when("2026-06-01T10:00:00Z", Some("2026-06-01T09:00:00Z"), "UTC").unwrap(),
            "Monday, 1 June 2026, 10:00 (UTC)"
        );
        let event = Event { starts_at: Some(DateOrTime::Time(DateTime::<Utc>::MAX_UTC)), ..sample::full() };
        assert_eq!(EventTime::of(&event), None);
        assert_eq!(EventTime::of(&sample::bare()), None);
    }
}
