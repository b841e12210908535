//! Whether an event is over, and how many days it takes, by the calendar of its own time zone. Writing dates is left to `dates`.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use crate::domain::event::{DateOrTime, Event};
use crate::domain::time_zone::TimeZone;

/// What ends before this hour belongs to the day before, for people.
const NIGHT_ENDS: i64 = 6;

/// Facts about the time of an event that are no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Whether it is over. An event without an end is over a day after its start; one without a start never is.
    pub is_past: bool,
    /// On how many days it takes place; none without a start. A night until 6 o'clock belongs to the day before.
    pub days: Option<i64>,
}

impl Timing {
    /// Those of `event` at the moment `now`.
    pub fn of(event: &Event, now: DateTime<Utc>) -> Self {
        let Some((start, end, zone)) = start_and_end(event) else {
            return Self { is_past: false, days: None };
        };
        let is_past = match (end, start) {
            (Some(DateOrTime::Time(end)), _) => end < now,
            (Some(DateOrTime::Date(last)), _) | (None, DateOrTime::Date(last)) => {
                last < day(DateOrTime::Time(now), zone, 0)
            }
            (None, DateOrTime::Time(start)) => start + Duration::days(1) < now,
        };
        let days = first_and_last_day(event).map(|(first, last)| (last - first).num_days() + 1);
        Self { is_past, days }
    }
}

/// The first and the last day of an event with a start: the same, if it takes place on one day.
pub(crate) fn first_and_last_day(event: &Event) -> Option<(NaiveDate, NaiveDate)> {
    let (start, end, zone) = start_and_end(event)?;
    let first = day(start, zone, 0);
    Some((first, end.map_or(first, |end| day(end, zone, NIGHT_ENDS)).max(first)))
}

/// As far as mails write them.
fn start_and_end(event: &Event) -> Option<(DateOrTime, Option<DateOrTime>, TimeZone)> {
    let zone = TimeZone::parse(&event.timezone).unwrap_or_else(TimeZone::unknown);
    let start = event.starts_at.filter(|start| is_written(*start))?;
    let end = event.ends_at.filter(|end| is_written(*end) && is_after(*end, start, zone));
    Some((start, end, zone))
}

/// The years that mails write.
fn is_written(moment: DateOrTime) -> bool {
    (1..=9998).contains(&moment.year())
}

/// The day of a moment, some hours before it.
fn day(moment: DateOrTime, zone: TimeZone, hours: i64) -> NaiveDate {
    match moment {
        // Whatever the offset, the local time of years up to 9998 exists.
        DateOrTime::Time(time) => zone.local(time - Duration::hours(hours)).0.date_naive(),
        DateOrTime::Date(date) => date,
    }
}

fn is_after(end: DateOrTime, start: DateOrTime, zone: TimeZone) -> bool {
    match (end, start) {
        (DateOrTime::Time(end), DateOrTime::Time(start)) => end > start,
        (end, start) => day(end, zone, 0) >= day(start, zone, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;

    fn timing(start: &str, end: Option<&str>, now: &str) -> Timing {
        let moment = |text: &str| match text.parse() {
            Ok(date) => DateOrTime::Date(date),
            Err(_) => DateOrTime::Time(text.parse().unwrap()),
        };
        let event = Event {
            starts_at: Some(moment(start)),
            ends_at: end.map(moment),
            timezone: "Europe/Berlin".to_owned(),
            ..sample::full()
        };
        Timing::of(&event, now.parse().unwrap())
    }

    #[test]
    fn days_are_counted_as_people_do() {
        for (start, end, days) in [
            ("2026-12-24T17:00:00Z", None, 1),
            ("2026-12-24T17:00:00Z", Some("2026-12-24T19:00:00Z"), 1),
            ("2026-12-24T17:00:00Z", Some("2026-12-25T03:00:00Z"), 1),
            ("2026-12-24T22:30:00Z", Some("2026-12-24T23:30:00Z"), 1),
            ("2026-12-24T17:00:00Z", Some("2026-12-25T17:00:00Z"), 2),
            ("2026-12-24", None, 1),
            ("2026-12-24", Some("2026-12-26"), 3),
            ("2026-12-24", Some("2026-12-23"), 1),
            ("2026-12-24T17:00:00Z", Some("2026-12-23T17:00:00Z"), 1),
            ("2026-12-24T02:00:00Z", Some("2026-12-24T03:00:00Z"), 1),
        ] {
            assert_eq!(
                timing(start, end, "2026-01-01T00:00:00Z"),
                Timing { is_past: false, days: Some(days) },
                "{start} {end:?}"
            );
        }
    }

    #[test]
    fn an_event_is_over_when_its_end_is() {
        for (start, end, now, is_past) in [
            ("2026-12-24T17:00:00Z", Some("2026-12-24T19:00:00Z"), "2026-12-24T18:59:00Z", false),
            ("2026-12-24T17:00:00Z", Some("2026-12-24T19:00:00Z"), "2026-12-24T19:01:00Z", true),
            ("2026-12-24T17:00:00Z", None, "2026-12-25T16:00:00Z", false),
            ("2026-12-24T17:00:00Z", None, "2026-12-25T18:00:00Z", true),
            ("2026-12-24", None, "2026-12-24T22:59:00Z", false),
            ("2026-12-24", None, "2026-12-24T23:00:00Z", true),
            ("2026-12-24", Some("2026-12-26"), "2026-12-25T23:30:00Z", false),
        ] {
            assert_eq!(timing(start, end, now).is_past, is_past, "{start} {end:?} {now}");
        }
    }

    #[test]
    fn an_event_without_a_time_is_never_over() {
        let now = DateTime::<Utc>::MAX_UTC;
        assert_eq!(Timing::of(&sample::bare(), now), Timing { is_past: false, days: None });
        let event = Event { starts_at: Some(DateOrTime::Time(now)), ..sample::full() };
        assert_eq!(Timing::of(&event, now).days, None);
    }
}
