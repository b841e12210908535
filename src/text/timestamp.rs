//! Times as people and programs read them, always in UTC.

use chrono::{DateTime, SecondsFormat, Utc};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_milliseconds_and_people_seconds() {
        let time = DateTime::from_timestamp(1_772_357_400, 123_456_789).unwrap();
        assert_eq!(rfc3339(time), "2026-03-01T09:30:00.123Z");
        assert_eq!(to_the_second(time), "2026-03-01 09:30:00Z");
    }
}
