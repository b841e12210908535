//! The form of `COALESCE`: two times such as `60s,10m`, or `off`. What is done with them is left to the store.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::defer_schedule::seconds;

/// How long an UPDATED waits for further ones of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coalescing {
    /// It begins once none has come for so long.
    pub quiet: Duration,
    /// It begins when the first of those whose place it takes has waited for so long.
    pub longest: Duration,
}

/// Each time, in seconds: to a day. Less than a second is for tests.
const TIME: RangeInclusive<f64> = 0.1..=86_400.0;

/// Reads the quiet time and the longest wait; `None` for `off`.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn parse(text: &str) -> Result<Option<Coalescing>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let times = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|time| !time.is_empty());
    let times = times.map(parse_time).collect::<Result<Vec<_>, _>>()?;
    match times[..] {
        [quiet, longest] if quiet <= longest => Ok(Some(Coalescing { quiet, longest })),
        [_, _] => {
            Err("has a longest wait that is shorter than the quiet time; expected such as 60s,10m".to_owned())
        }
        _ => Err(format!(
            "has {}; expected the quiet time and the longest wait such as 60s,10m, or off",
            if times.len() == 1 { "one time".to_owned() } else { format!("{} times", times.len()) }
        )),
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    seconds(text)?
        .filter(|time| TIME.contains(time))
        .and_then(|time| Duration::try_from_secs_f64(time).ok())
        .ok_or_else(|| format!("has {text:?}; expected a time from 0.1s to 1d, for example 60s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_two_times_or_none() {
        let read =
            |text| parse(text).map(|times| times.map(|Coalescing { quiet, longest }| [quiet, longest]));
        let seconds = |times: [u64; 2]| Ok(Some(times.map(Duration::from_secs)));
        assert_eq!(read("60s,10m"), seconds([60, 600]));
        assert_eq!(read(" 1m 1m "), seconds([60, 60]));
        assert_eq!(read("Off"), Ok(None));
        for (text, error) in [
            ("60s", "has one time; expected the quiet time and the longest wait such as 60s,10m, or off"),
            ("1s,2s,3s", "has 3 times; expected the quiet time and the longest wait such as 60s,10m, or off"),
            ("10m,60s", "has a longest wait that is shorter than the quiet time; expected such as 60s,10m"),
            ("60,10m", "has \"60\"; expected a number with its unit: s, m, h or d, for example 5m"),
            ("0s,10m", "has \"0s\"; expected a time from 0.1s to 1d, for example 60s"),
            ("60s,2d", "has \"2d\"; expected a time from 0.1s to 1d, for example 60s"),
        ] {
            assert_eq!(read(text), Err(error.to_owned()), "{text}");
        }
    }
}
