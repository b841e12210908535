//! How old a signature may be. A report that is posted again changes nothing, so this need not be short; and providers try for up to a day,
//! with the signature of the first time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::http::webhooks::refusal::Refusal;

/// Longest age: the longest time for which a provider tries (SendGrid: a day), and an hour.
const AGE_MAX: TimeDelta = TimeDelta::hours(25);

/// How far the clocks may differ.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(10);

/// Refuses a time that is too far from `now`.
pub(super) fn check(signed_at: DateTime<Utc>, now: DateTime<Utc>) -> Result<(), Refusal> {
    let age = now.signed_duration_since(signed_at);
    if age <= AGE_MAX && age >= -AHEAD_MAX { Ok(()) } else { Err(Refusal::Old) }
}

/// The same, of seconds since 1970.
pub(super) fn check_seconds(seconds: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
    let seconds = seconds.parse().map_err(|_| Refusal::Old)?;
    check(DateTime::from_timestamp(seconds, 0).ok_or(Refusal::Old)?, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_a_day_and_an_hour() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, is_good) in [
            ("1800000000", true),
            ("1799910000", true),
            ("1799909999", false),
            ("1800000600", true),
            ("1800000601", false),
            ("", false),
            ("-1", false),
            ("9223372036854775807", false),
            ("-9223372036854775808", false),
            ("1800000000.5", false),
            ("now", false),
        ] {
            assert_eq!(check_seconds(seconds, now).is_ok(), is_good, "{seconds}");
        }
    }
}
