//! Reads an age such as `90d`.

use std::ops::RangeInclusive;

use chrono::TimeDelta;

/// Allowed ages in hours: 1 hour to 100 years.
const HOURS: RangeInclusive<u64> = 1..=100 * 365 * 24;

/// Why a text is not an age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    /// Months differ in length, and `m` is minutes to other programs.
    #[error("expected a whole number and one of h, d, w, such as 12h, 90d or 2w; a year is 365d")]
    Unreadable,
    /// Zero, or longer than 100 years.
    #[error("expected at least 1h and at most 36500d")]
    OutOfRange,
}

/// Reads hours, days or weeks.
///
/// # Errors
/// When the text is no whole number of hours, days or weeks, or not between 1 hour and 100 years.
pub fn parse(text: &str) -> Result<TimeDelta, AgeError> {
    let (number, hours) = [("h", 1), ("d", 24), ("w", 7 * 24)]
        .into_iter()
        .find_map(|(unit, hours)| Some((text.strip_suffix(unit)?, hours)))
        .ok_or(AgeError::Unreadable)?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AgeError::Unreadable);
    }
    // All are digits, so the number is too large.
    let number: u64 = number.parse().map_err(|_| AgeError::OutOfRange)?;
    number
        .checked_mul(hours)
        .filter(|hours| HOURS.contains(hours))
        .and_then(|hours| TimeDelta::try_hours(i64::try_from(hours).ok()?))
        .ok_or(AgeError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_days_and_weeks_are_read() {
        for (text, hours) in
            [("1h", 1), ("12h", 12), ("90d", 2160), ("2w", 336), ("007d", 168), ("36500d", 876_000)]
        {
            assert_eq!(parse(text), Ok(TimeDelta::hours(hours)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "", "d", "90", "3m", "3M", "1y", "90 d", " 90d", "90d ", "90D", "-1d", "+1d", "1.5d", "1e3d",
            "1d12h", "d90", "٣d", "0x10h", "90days", "1_000h",
        ] {
            assert_eq!(parse(text), Err(AgeError::Unreadable), "{text:?}");
        }
        for text in [
            "0h",
            "0d",
            "000w",
            "36501d",
            "876001h",
            "5215w",
            "18446744073709551615w",
            "99999999999999999999d",
        ] {
            assert_eq!(parse(text), Err(AgeError::OutOfRange), "{text}");
        }
    }
}
