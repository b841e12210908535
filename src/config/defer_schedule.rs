//! The form of `DEFER_SCHEDULE`: pauses such as `5m 15m 1h`, or `off`. What is done with them is left to
//! `worker::delivery::retry_policy`.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Without `DEFER_SCHEDULE`. Greylisting takes 5 to 15 minutes, a full disk or a bad night of the relay some hours.
pub const DEFAULT: &str = "5m 15m 30m 1h 2h 4h";
/// Most pauses.
const MAX_STEPS: usize = 20;
/// Each pause, in seconds: to 7 days. Less than a second is for tests.
const PAUSE: RangeInclusive<f64> = 0.1..=604_800.0;

/// Reads a schedule; empty for `off`.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn parse(text: &str) -> Result<Vec<Duration>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Vec::new());
    }
    let pauses = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|pause| !pause.is_empty());
    let schedule = pauses.map(parse_pause).collect::<Result<Vec<_>, _>>()?;
    match schedule.len() {
        1..=MAX_STEPS => Ok(schedule),
        0 => Err(format!("has no pause; expected pauses such as {DEFAULT}, or off")),
        steps => Err(format!("has {steps} pauses; expected at most {MAX_STEPS}")),
    }
}

/// Reads one pause, such as `5m`.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn parse_pause(text: &str) -> Result<Duration, String> {
    seconds(text)?
        .filter(|pause| PAUSE.contains(pause))
        .and_then(|pause| Duration::try_from_secs_f64(pause).ok())
        .ok_or_else(|| format!("has {text:?}; expected a pause from 0.1s to 7d, for example 5m"))
}

/// Reads a length of time with its unit, in seconds; `None` if something else than a number stands before the unit.
///
/// # Errors
/// When it has no unit.
pub(super) fn seconds(text: &str) -> Result<Option<f64>, String> {
    let Some((unit, seconds)) = [('s', 1.0), ('m', 60.0), ('h', 3600.0), ('d', 86_400.0)]
        .into_iter()
        .find(|(unit, _)| text.ends_with(*unit))
    else {
        return Err(format!("has {text:?}; expected a number with its unit: s, m, h or d, for example 5m"));
    };
    let number = text.strip_suffix(unit).filter(|number| number.starts_with(|c: char| c.is_ascii_digit()));
    Ok(number.and_then(|number| number.parse::<f64>().ok()).map(|number| number * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_have_units_and_are_separated_by_blanks_or_commas() {
        let seconds =
            |text| parse(text).map(|pauses| pauses.iter().map(Duration::as_secs_f64).collect::<Vec<_>>());
        let default = vec![300.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0];
        assert_eq!(seconds(DEFAULT), Ok(default.clone()));
        assert_eq!(seconds("5m,15m, 30m\t1h ,2h, 4h,"), Ok(default));
        assert_eq!(seconds("0.1s 90s 1.5h 7d"), Ok(vec![0.1, 90.0, 5400.0, 604_800.0]));
        assert_eq!(seconds("OFF"), Ok(Vec::new()));
        assert_eq!(parse(&"1s ".repeat(20)).map(|pauses| pauses.len()), Ok(20));
    }

    #[test]
    fn an_error_names_the_part_that_is_wrong_and_what_would_be_right() {
        for (text, problem) in [
            ("5m 15", "has \"15\"; expected a number with its unit: s, m, h or d, for example 5m"),
            ("5 m", "has \"5\"; expected a number with its unit: s, m, h or d, for example 5m"),
            ("5min", "has \"5min\"; expected a number with its unit: s, m, h or d, for example 5m"),
            ("off 5m", "has \"off\"; expected a number with its unit: s, m, h or d, for example 5m"),
            ("0s", "has \"0s\"; expected a pause from 0.1s to 7d, for example 5m"),
            ("5m -5m", "has \"-5m\"; expected a pause from 0.1s to 7d, for example 5m"),
            ("8d", "has \"8d\"; expected a pause from 0.1s to 7d, for example 5m"),
            ("1e9d", "has \"1e9d\"; expected a pause from 0.1s to 7d, for example 5m"),
            ("infd", "has \"infd\"; expected a pause from 0.1s to 7d, for example 5m"),
            ("nans", "has \"nans\"; expected a pause from 0.1s to 7d, for example 5m"),
            ("é5s", "has \"é5s\"; expected a pause from 0.1s to 7d, for example 5m"),
            (" , ", "has no pause; expected pauses such as 5m 15m 30m 1h 2h 4h, or off"),
        ] {
            assert_eq!(parse(text), Err(problem.to_owned()), "{text}");
        }
        assert_eq!(parse(&"1s ".repeat(21)), Err("has 21 pauses; expected at most 20".to_owned()));
    }
}
