//! The form of `REMINDERS`: times before the start of an event, such as `24h,1h`, or `off`. What is done with them is left to
//! `worker::reminders`.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::defer_schedule::seconds;

/// Most reminders of one event.
const MAX_OFFSETS: usize = 10;
/// Each time before the start, in seconds: to 30 days.
const OFFSET: RangeInclusive<f64> = 60.0..=2_592_000.0;

/// Reads the offsets, the longest first; empty for `off`.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn parse(text: &str) -> Result<Vec<Duration>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Vec::new());
    }
    let offsets = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|offset| !offset.is_empty());
    let mut offsets = offsets.map(parse_offset).collect::<Result<Vec<_>, _>>()?;
    offsets.sort_unstable_by(|one, other| other.cmp(one));
    offsets.dedup();
    match offsets.len() {
        1..=MAX_OFFSETS => Ok(offsets),
        0 => Err("has no time; expected times before the start such as 24h,1h, or off".to_owned()),
        number => Err(format!("has {number} times; expected at most {MAX_OFFSETS}")),
    }
}

fn parse_offset(text: &str) -> Result<Duration, String> {
    seconds(text)?
        .filter(|offset| OFFSET.contains(offset) && offset.fract() == 0.0)
        .and_then(|offset| Duration::try_from_secs_f64(offset).ok())
        .ok_or_else(|| format!("has {text:?}; expected whole seconds from 1m to 30d, for example 24h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<u64>, String> {
        Ok(parse(text)?.iter().map(Duration::as_secs).collect())
    }

    #[test]
    fn offsets_are_separated_by_commas_or_blanks_and_the_longest_comes_first() {
        assert_eq!(read("24h,1h").unwrap(), [86_400, 3600]);
        assert_eq!(read("90s 1h, 1d,60m 1.5h").unwrap(), [86_400, 5400, 3600, 90]);
        assert!(read("OFF").unwrap().is_empty());
    }

    #[test]
    fn an_error_says_what_would_be_right() {
        for (text, error) in [
            (",", "has no time; expected times before the start such as 24h,1h, or off"),
            ("24", "has \"24\"; expected a number with its unit: s, m, h or d, for example 5m"),
            ("59s", "has \"59s\"; expected whole seconds from 1m to 30d, for example 24h"),
            ("31d", "has \"31d\"; expected whole seconds from 1m to 30d, for example 24h"),
            ("60.5s", "has \"60.5s\"; expected whole seconds from 1m to 30d, for example 24h"),
            ("xh", "has \"xh\"; expected whole seconds from 1m to 30d, for example 24h"),
            ("1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 11m", "has 11 times; expected at most 10"),
        ] {
            assert_eq!(read(text).unwrap_err(), error, "{text}");
        }
    }
}
