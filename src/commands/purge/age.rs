//! How old something is, as a person says it: `90d`.

use std::ops::RangeInclusive;

use chrono::TimeDelta;

/// Hours that may be asked for: 1 hour to 100 years.
const HOURS: RangeInclusive<u64> = 1..=100 * 365 * 24;

/// Why a text is no age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAge {
    /// Months differ in length, and `m` is minutes to other programs.
    #[error("expected a whole number and one of h, d, w, such as 12h, 90d or 2w; a year is 365d")]
    Unreadable,
    /// Nothing, or more than a calendar has.
    #[error("expected at least 1h and at most 36500d")]
    OutOfRange,
}

/// Reads hours, days or weeks.
///
/// # Errors
/// When it is nothing of that kind, not even an hour, or longer than 100 years.
pub fn parse(text: &str) -> Result<TimeDelta, NotAnAge> {
    let (number, hours) = [("h", 1), ("d", 24), ("w", 7 * 24)]
        .into_iter()
        .find_map(|(unit, hours)| Some((text.strip_suffix(unit)?, hours)))
        .ok_or(NotAnAge::Unreadable)?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotAnAge::Unreadable);
    }
    // Digits that are no number are too many.
    let number: u64 = number.parse().map_err(|_| NotAnAge::OutOfRange)?;
    number
        .checked_mul(hours)
        .filter(|hours| HOURS.contains(hours))
        .and_then(|hours| TimeDelta::try_hours(i64::try_from(hours).ok()?))
        .ok_or(NotAnAge::OutOfRange)
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
            assert_eq!(parse(text), Err(NotAnAge::Unreadable), "{text:?}");
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
            assert_eq!(parse(text), Err(NotAnAge::OutOfRange), "{text}");
        }
    }
}
