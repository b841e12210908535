//! Times as people and programs read them, always in UTC.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// RFC 3339 with milliseconds, for programs: `2026-11-21T09:00:00.250Z`.
#[must_use]
pub fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Date and time to the second, for people: `2026-11-21 09:00:00Z`.
#[must_use]
pub fn to_the_second(time: DateTime<Utc>) -> String {
    time.format("%F %TZ").to_string()
}

/// A time that is written for programs, to the second for people.
#[must_use]
pub fn shown_time(rfc3339: &str) -> String {
    rfc3339.parse::<DateTime<Utc>>().map_or_else(|_| rfc3339.to_owned(), to_the_second)
}

/// A time in a table, as short as it is clear beside `now`: `09:00Z` of the same day, `11-21 09:00Z` of the half year around it, else
/// `2025-11-21`.
#[must_use]
pub fn short(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let is_near = (now - time).abs() < TimeDelta::days(183);
    let format = match time.date_naive() == now.date_naive() {
        true => "%H:%MZ",
        false if is_near => "%m-%d %H:%MZ",
        false => "%F",
    };
    time.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_time_has_what_is_not_clear_anyway() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = time("2026-01-02T12:00:00Z");
        for (text, shown) in [
            ("2026-01-02T09:05:59Z", "09:05Z"),
            ("2026-01-01T23:59:00Z", "01-01 23:59Z"),
            ("2025-12-31T09:05:00Z", "12-31 09:05Z"),
            ("2025-06-30T09:05:00Z", "2025-06-30"),
            ("2026-01-03T00:05:00Z", "01-03 00:05Z"),
        ] {
            assert_eq!(short(time(text), now), shown);
        }
    }

    #[test]
    fn programs_get_milliseconds_and_people_seconds() {
        let time = DateTime::from_timestamp(1_772_357_400, 123_456_789).unwrap();
        assert_eq!(rfc3339(time), "2026-03-01T09:30:00.123Z");
        assert_eq!(to_the_second(time), "2026-03-01 09:30:00Z");
        assert_eq!((shown_time(&rfc3339(time)), shown_time("-")), (to_the_second(time), "-".to_owned()));
    }
}
