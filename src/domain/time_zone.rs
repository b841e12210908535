//! The time zone of an event, as applications write it: IANA's names, those of Windows, and offsets from UTC. Pure; the
//! tz database is compiled in. How a time is shown is left to `content`.

mod windows;

use std::collections::HashMap;
use std::sync::LazyLock;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime, Offset, TimeZone as _, Utc};
use chrono_tz::{OffsetName, TZ_VARIANTS, Tz};

/// Where the clocks of an event stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeZone {
    /// A place of the tz database, with its daylight saving time.
    Place(Tz),
    /// The same offset all year.
    Offset(FixedOffset),
}

impl TimeZone {
    /// UTC, shown with its offset: for a zone that is not understood, so that its time is not taken for a local one.
    #[must_use]
    pub fn unknown() -> Self {
        Self::Offset(Utc.fix())
    }

    /// Reads a name: `Europe/Berlin` in any capitals, `W. Europe Standard Time`, `GMT+2`, `UTC+01:00`, `+0530`. `None` for
    /// anything else. Nothing at all is UTC.
    ///
    /// IANA's names come first, also where they look like an offset: `Etc/GMT+2` is two hours behind UTC, by POSIX.
    /// Everywhere else `+2` is two hours ahead, as people mean it. Abbreviations that IANA does not have (`PST`, `IST`) are
    /// used for several zones, and are not guessed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.trim();
        // POSIX wants a colon before a name in TZ.
        let name = name.strip_prefix(':').unwrap_or(name);
        if name.is_empty() || name.eq_ignore_ascii_case("z") {
            return Some(Self::Place(Tz::UTC));
        }
        let place = iana(name).or_else(|| windows::find(name));
        place.map(Self::Place).or_else(|| offset(name).map(Self::Offset))
    }

    /// The local time, and the letters of the zone then: `CET`, or `UTC-03:00` where the tz database has none.
    #[must_use]
    pub fn local(self, time: DateTime<Utc>) -> (DateTime<FixedOffset>, String) {
        let (local, letters) = match self {
            Self::Place(place) => {
                let local = time.with_timezone(&place);
                (local.fixed_offset(), local.offset().abbreviation().map(str::to_owned))
            }
            Self::Offset(offset) => (time.with_timezone(&offset), None),
        };
        (local, letters.unwrap_or_else(|| local.format("UTC%:z").to_string()))
    }

    /// When the day begins there: at midnight, or where clocks go forward at midnight, with the first hour that there is.
    #[must_use]
    pub fn start_of(self, date: NaiveDate) -> DateTime<Utc> {
        let hours = (0..24).filter_map(|hour| date.and_hms_opt(hour, 0, 0));
        let first = match self {
            Self::Place(place) => hours
                .filter_map(|local| place.from_local_datetime(&local).earliest())
                .map(|time| time.to_utc())
                .next(),
            Self::Offset(offset) => hours
                .filter_map(|local| offset.from_local_datetime(&local).earliest())
                .map(|time| time.to_utc())
                .next(),
        };
        // Only a whole day that a place has left out has no hour, as 2011-12-30 in Samoa.
        first.unwrap_or_else(|| date.and_time(NaiveTime::MIN).and_utc())
    }

    /// IANA's name, or the offset: `+02:00`. [`Self::parse`] reads the same.
    #[must_use]
    pub fn written(self) -> String {
        match self {
            Self::Place(place) => place.name().to_owned(),
            Self::Offset(offset) => offset.to_string(),
        }
    }

    /// IANA's name.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Place(place) => Some(place.name()),
            Self::Offset(_) => None,
        }
    }
}

/// The places by their names in small letters. Each mail to a participant with a zone looks for one.
static BY_NAME: LazyLock<HashMap<String, Tz>> =
    LazyLock::new(|| TZ_VARIANTS.into_iter().map(|zone| (zone.name().to_ascii_lowercase(), zone)).collect());

/// A name of the tz database, in any capitals, with blanks in the place of underscores, and with the folder `posix/`.
fn iana(name: &str) -> Option<Tz> {
    // Nearly all names are written as IANA does.
    if let Ok(zone) = name.parse() {
        return Some(zone);
    }
    let name = name.replace(' ', "_");
    let name = if name.is_ascii() { name.to_ascii_lowercase() } else { return None };
    let name = name.strip_prefix("posix/").unwrap_or(&name);
    BY_NAME.get(name).copied()
}

/// `GMT+2`, `UTC+01:00`, `utc -3`, `+0530`, `-05`: a sign, then hours with or without minutes. At most 14 hours, the
/// largest offset that is in use.
fn offset(text: &str) -> Option<FixedOffset> {
    const MINUTE: i32 = 60;
    const LARGEST: i32 = 14 * 60 * MINUTE;
    let text = ["utc", "gmt"].into_iter().find_map(|prefix| without_prefix(text, prefix)).unwrap_or(text);
    let text = text.trim_start();
    let (sign, digits) = match text.chars().next()? {
        '+' => (1, &text[1..]),
        '-' => (-1, &text[1..]),
        // The minus sign of typographers, U+2212.
        minus @ '\u{2212}' => (-1, &text[minus.len_utf8()..]),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if matches!(digits.len(), 3 | 4) && digits.is_ascii() => digits.split_at(digits.len() - 2),
        None => (digits, "0"),
    };
    let (hours, minutes) = (number(hours)?, number(minutes).filter(|minutes| *minutes < 60)?);
    let seconds = (hours * 60 + minutes) * MINUTE;
    (seconds <= LARGEST).then(|| FixedOffset::east_opt(sign * seconds))?
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// One or two digits.
fn number(digits: &str) -> Option<i32> {
    let is_number = (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_of_its_zone() {
        for (zone, date, start) in [
            ("Europe/Berlin", "2026-12-24", "2026-12-23T23:00:00Z"),
            ("Pacific/Kiritimati", "2026-12-24", "2026-12-23T10:00:00Z"),
            ("-05:00", "2026-12-24", "2026-12-24T05:00:00Z"),
            // Clocks go forward at midnight there.
            ("America/Santiago", "2026-09-06", "2026-09-06T04:00:00Z"),
            // They go back to the hour before midnight: the first of the two.
            ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),
            ("Pacific/Apia", "2011-12-30", "2011-12-30T00:00:00Z"),
        ] {
            let start_of = TimeZone::parse(zone).unwrap().start_of(date.parse().unwrap());
            assert_eq!(start_of, start.parse::<DateTime<Utc>>().unwrap(), "{zone}");
        }
    }

    /// IANA's name, or the offset.
    fn read(name: &str) -> Option<String> {
        let zone = TimeZone::parse(name)?;
        let (_, letters) = zone.local("2026-07-01T12:00:00Z".parse().unwrap());
        Some(zone.name().map_or(letters, str::to_owned))
    }

    #[test]
    fn names_of_iana_are_known_in_any_capitals() {
        for (name, expected) in [
            ("Europe/Berlin", "Europe/Berlin"),
            ("europe/berlin", "Europe/Berlin"),
            ("EUROPE/BERLIN", "Europe/Berlin"),
            (" Europe/Berlin\n", "Europe/Berlin"),
            ("america/new york", "America/New_York"),
            ("America/Argentina/buenos_aires", "America/Argentina/Buenos_Aires"),
            ("Asia/Calcutta", "Asia/Calcutta"),
            ("Europe/Kyiv", "Europe/Kyiv"),
            ("us/eastern", "US/Eastern"),
            ("posix/Europe/Berlin", "Europe/Berlin"),
            (":Europe/Berlin", "Europe/Berlin"),
            ("utc", "UTC"),
            ("gmt", "GMT"),
            ("Z", "UTC"),
            ("zulu", "Zulu"),
            ("", "UTC"),
            ("cet", "CET"),
            ("EST5EDT", "EST5EDT"),
            // POSIX counts the other way round.
            ("Etc/GMT+2", "Etc/GMT+2"),
            ("etc/gmt-14", "Etc/GMT-14"),
            ("GMT+0", "GMT+0"),
        ] {
            assert_eq!(read(name).as_deref(), Some(expected), "{name:?}");
        }
    }

    #[test]
    fn names_of_windows_are_known() {
        for (name, expected) in [
            ("W. Europe Standard Time", "Europe/Berlin"),
            ("w. europe standard time", "Europe/Berlin"),
            ("Romance Standard Time", "Europe/Paris"),
            ("Eastern Standard Time", "America/New_York"),
            ("Pacific Daylight Time", "America/Los_Angeles"),
            ("India Standard Time", "Asia/Calcutta"),
            ("GMT Standard Time", "Europe/London"),
            ("Central Standard Time (Mexico)", "America/Mexico_City"),
            ("Tokyo Standard Time", "Asia/Tokyo"),
            ("UTC-11", "Etc/GMT+11"),
            ("UTC+13", "Etc/GMT-13"),
        ] {
            assert_eq!(read(name).as_deref(), Some(expected), "{name:?}");
        }
    }

    #[test]
    fn offsets_are_ahead_with_plus() {
        for (name, expected) in [
            ("GMT+2", "UTC+02:00"),
            ("gmt +2", "UTC+02:00"),
            ("GMT-0330", "UTC-03:30"),
            ("UTC+1", "UTC+01:00"),
            ("UTC+01:00", "UTC+01:00"),
            ("UTC+530", "UTC+05:30"),
            ("utc\u{2212}5", "UTC-05:00"),
            ("+02:00", "UTC+02:00"),
            ("+0545", "UTC+05:45"),
            ("-5", "UTC-05:00"),
            ("-03", "UTC-03:00"),
            ("+14:00", "UTC+14:00"),
            ("UTC+0", "UTC+00:00"),
        ] {
            assert_eq!(read(name).as_deref(), Some(expected), "{name:?}");
        }
    }

    #[test]
    fn anything_else_is_not_guessed() {
        for name in [
            "Middle-earth/Shire",
            "Berlin",
            "PST",
            "IST",
            "CEST",
            "Local",
            "tzone://Microsoft/Custom",
            "2",
            "+",
            "GMT+",
            "UTC+",
            "UTC+15",
            "+14:01",
            "+02:60",
            "+02:0",
            "+2:00:00",
            "+1 2",
            "+ 2",
            "UTC2",
            "GMT+2x",
            "+٢",
            "+12345",
            "Etc/UTC+2",
            "Europe/Bérlin",
            "日本",
            "Standard Time",
            "(UTC+01:00) Amsterdam, Berlin, Bern, Rome",
        ] {
            assert_eq!(TimeZone::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn a_zone_has_its_daylight_saving_time_and_an_offset_has_none() {
        let shown = |zone: &str, time: &str| {
            let (local, letters) = TimeZone::parse(zone).unwrap().local(time.parse().unwrap());
            format!("{} {letters}", local.format("%H:%M"))
        };
        assert_eq!(shown("W. Europe Standard Time", "2026-07-24T16:00:00Z"), "18:00 CEST");
        assert_eq!(shown("W. Europe Standard Time", "2026-12-24T16:00:00Z"), "17:00 CET");
        assert_eq!(shown("GMT+2", "2026-12-24T16:00:00Z"), "18:00 UTC+02:00");
        assert_eq!(shown("Etc/GMT+2", "2026-12-24T16:00:00Z"), "14:00 UTC-02:00");
        assert_eq!(shown("America/Sao_Paulo", "2026-12-24T16:00:00Z"), "13:00 UTC-03:00");
    }
}
