//! Whether an event is over, and how many days it takes, by the calendar of its own time zone. Writing dates is left to `dates`.

use chrono::{DateTime, Duration, NaiveDate, Utc};

use crate::content::local_span::{Local, LocalSpan};
use crate::domain::event::Event;

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
        let Some(span) = LocalSpan::of(event) else { return Self { is_past: false, days: None } };
        let LocalSpan { zone, start, .. } = span;
        let is_past = match (span.end, start.clock) {
            (Some(Local { clock: Some(end), .. }), _) => end < now,
            (Some(Local { date: last, .. }), _) => last < zone.local(now).0.date_naive(),
            (None, None) => start.date < zone.local(now).0.date_naive(),
            (None, Some(start)) => start + Duration::days(1) < now,
        };
        let (first, last) = first_and_last_day(&span);
        Self { is_past, days: Some((last - first).num_days() + 1) }
    }
}

/// The first and the last day: the same, if the event takes place on one day.
pub(crate) fn first_and_last_day(span: &LocalSpan) -> (NaiveDate, NaiveDate) {
    let first = span.start.date;
    // Whatever the offset, the local time of years up to 9998 exists.
    let before_night = |end: DateTime<Utc>| span.zone.local(end - Duration::hours(NIGHT_ENDS)).0.date_naive();
    let last = span.end.map(|end| end.clock.map_or(end.date, |end| before_night(end.to_utc())));
    (first, last.map_or(first, |last| last.max(first)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::sample;
    use crate::domain::event::DateOrTime;

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
