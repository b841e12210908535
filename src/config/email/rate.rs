//! A number of mails in a time, as providers publish their limits: `14/s`, `30/min`, `1000/h`. Keeping to it is left to
//! `worker::delivery::pace`.

use std::time::Duration;

use crate::config::reader::Reader;

/// The largest number of mails.
const MAX_MAILS: u32 = 1_000_000;

/// A number of mails in a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    mails: u32,
    per: Duration,
}

impl Rate {
    /// Reads `SMTP_RATE` or `SMTP_RATE_PER_SECOND`, which is a plain number.
    pub(super) fn read(reader: &mut Reader<'_>, name: &str) -> Option<Self> {
        if name.ends_with("_PER_SECOND") {
            let mails = reader.integer(name, &(1..=MAX_MAILS))?;
            return Some(Self { mails, per: Duration::from_secs(1) });
        }
        let expected = "a whole number of mails, 1 or more, and the time: 14/s, 30/min or 1000/h; remove it for no limit";
        reader.parsed(name, expected, Self::parse)
    }

    fn parse(text: &str) -> Option<Self> {
        let (mails, unit) = text.split_once('/')?;
        let seconds = match unit.trim().to_ascii_lowercase().as_str() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            _ => return None,
        };
        let mails = mails.trim().parse().ok().filter(|mails| (1..=MAX_MAILS).contains(mails))?;
        Some(Self { mails, per: Duration::from_secs(seconds) })
    }

    /// The time between two mails that are evenly spaced.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.per / self.mails
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_units_of_providers_are_understood() {
        for (text, interval_ms) in [
            ("1/s", 1000),
            ("20/sec", 50),
            (" 10 / Second ", 100),
            ("30/m", 2000),
            ("30/min", 2000),
            ("600/minute", 100),
            ("1000/h", 3600),
            ("3600/hour", 1000),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!(rate.interval(), Duration::from_millis(interval_ms), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in
            ["0/s", "14", "/s", "14/", "1.5/s", "-1/s", "14/day", "14/s/s", "1000001/s", "14 per second"]
        {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }
}
