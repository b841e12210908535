//! Times that are written as text or as numbers, in the ways of programs and libraries. Types of a database for times are left to
//! `store`.

use std::ops::Range;

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

use crate::domain::event::DateOrTime;

/// The day number of 1970-01-01 00:00 UTC that SQLite counts with: the Julian day.
const EPOCH_IN_JULIAN_DAYS: f64 = 2_440_587.5;

/// The seconds of the years 2000 to 2099. A number that means another year counts from another day than 1970-01-01, as those of .NET,
/// Windows and Apple do, or is no time.
const SECONDS: Range<i64> = 946_684_800..4_102_444_800;

/// The Julian days of these years. No number of seconds is as small.
const JULIAN_DAYS: Range<f64> = 2_451_544.5..2_488_069.5;

/// Forms with an offset after the blank or the `T` was made a blank. The offset may stand behind a blank, and have no minutes.
const WITH_OFFSET: [&str; 3] = ["%F %T%.f%#z", "%F %R%#z", "%Y%m%d %H%M%S%#z"];

/// The same without an offset.
const WITHOUT_OFFSET: [&str; 3] = ["%F %T%.f", "%F %R", "%Y%m%d %H%M%S"];

/// Reads a date, or a time with or without an offset, in the forms of ISO 8601 and in those that Go, Ruby and Java print; a number
/// as [`from_integer`] and [`from_real`] do. A time without an offset is UTC.
#[must_use]
pub fn parse(text: &str) -> Option<DateOrTime> {
    let text = text.trim();
    // The most likely one first: trying all forms takes 20,000 instructions.
    if let Ok(time) = NaiveDateTime::parse_from_str(text, "%F %T%.f") {
        return Some(DateOrTime::Time(time.and_utc()));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return match text.parse::<i64>() {
            Ok(number) => from_integer(number),
            Err(_) => from_real(text.parse().ok()?),
        };
    }
    parse_date(text).or_else(|| parse_time(text).map(DateOrTime::Time))
}

/// `2026-12-24`, also with a `Z`, as XML writes it.
fn parse_date(text: &str) -> Option<DateOrTime> {
    let date = text.strip_suffix('Z').unwrap_or(text);
    NaiveDate::parse_from_str(date, "%F").ok().map(DateOrTime::Date)
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    // `…+01:00[Europe/Berlin]` of Java, `… +0100 CET m=+0.01` of Go.
    let text = text.split('[').next()?.split(" m=").next()?.trim_end();
    let time = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let letters = &text[time.len()..];
    let time = time.trim_end().replacen(['T', 't'], " ", 1);
    let with_offset = WITH_OFFSET.iter().find_map(|form| DateTime::parse_from_str(&time, form).ok());
    // Other letters are a zone that is not known here, or PM.
    let is_utc = ["", "Z", "z", "UTC", "GMT"].contains(&letters);
    let without = || WITHOUT_OFFSET.iter().find_map(|form| NaiveDateTime::parse_from_str(&time, form).ok());
    with_offset
        .map(|time| time.to_utc())
        .or_else(|| without().filter(|_| is_utc).map(|time| time.and_utc()))
        .or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|time| time.to_utc()))
}

/// A date, or a time in UTC as RFC 3339 writes it: [`parse`] reads the same.
#[must_use]
pub fn written(moment: DateOrTime) -> String {
    match moment {
        DateOrTime::Date(date) => date.to_string(),
        DateOrTime::Time(time) => time.to_rfc3339_opts(SecondsFormat::AutoSi, true),
    }
}

/// Reads a whole number: `20261224`, `202612241700`, `20261224170000`, or seconds, milliseconds, microseconds or nanoseconds since
/// 1970, in the years 2000 to 2099: its size tells which. Other numbers, such as the 0 that means "none" to some programs, are no times.
#[must_use]
pub fn from_integer(number: i64) -> Option<DateOrTime> {
    let text = number.to_string();
    match number {
        19_000_101..=99_991_231 => NaiveDate::parse_from_str(&text, "%Y%m%d").ok().map(DateOrTime::Date),
        190_001_010_000..=209_912_312_359 => parse_digits(&text, "%Y%m%d%H%M"),
        19_000_101_000_000..=99_991_231_235_959 => parse_digits(&text, "%Y%m%d%H%M%S"),
        _ => {
            let units = [1, 1_000, 1_000_000, 1_000_000_000];
            let unit = units.into_iter().find(|unit| SECONDS.contains(&(number / unit)))?;
            let nanoseconds = u32::try_from(number % unit * (1_000_000_000 / unit)).ok()?;
            DateTime::from_timestamp(number / unit, nanoseconds).map(DateOrTime::Time)
        }
    }
}

fn parse_digits(text: &str, form: &str) -> Option<DateOrTime> {
    NaiveDateTime::parse_from_str(text, form).ok().map(|time| DateOrTime::Time(time.and_utc()))
}

/// Reads a number with a fraction: a Julian day, as SQLite's functions make it, or seconds since 1970. Without a fraction it is the
/// same as a whole number.
#[must_use]
pub fn from_real(number: f64) -> Option<DateOrTime> {
    if JULIAN_DAYS.contains(&number) {
        // SQLite counts in milliseconds.
        let milliseconds = (number - EPOCH_IN_JULIAN_DAYS) * 86_400_000.0;
        return DateTime::from_timestamp_millis(rounded(milliseconds)).map(DateOrTime::Time);
    }
    if SECONDS.contains(&rounded(number)) {
        return DateTime::from_timestamp_micros(rounded(number * 1e6)).map(DateOrTime::Time);
    }
    (number < 9e18).then(|| from_integer(rounded(number)))?
}

#[expect(clippy::cast_possible_truncation, reason = "`as` gives the nearest number, and 0 for what is none")]
fn rounded(number: f64) -> i64 {
    number.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse(text).map(|read| match read {
            DateOrTime::Time(time) => time.to_rfc3339(),
            DateOrTime::Date(date) => date.to_string(),
        })
    }

    /// 2026-11-21 09:00 UTC, as libraries write it.
    #[test]
    fn times_are_read_as_libraries_write_them() {
        for text in [
            "2026-11-21 09:00:00",         // Django, Rails, Laravel, Entity Framework
            "2026-11-21 09:00:00.000000",  // SQLAlchemy
            "2026-11-21 09:00:00.0000000", // Entity Framework
            "2026-11-21T09:00:00",
            "2026-11-21t09:00:00z",
            "2026-11-21T09:00:00.000Z",                  // JavaScript
            "2026-11-21T10:00:00.000+01:00",             // Prisma with an adapter
            "2026-11-21 09:00:00.000 +00:00",            // Sequelize
            "2026-11-21 10:00:00+01",                    // PostgreSQL
            "2026-11-21 09:00:00 UTC",                   // Ruby
            "2026-11-21 10:00:00 +0100",                 // Ruby
            "2026-11-21 10:00:00 +0100 CET",             // Go
            "2026-11-21 10:00:00 +0100 CET m=+0.000018", // Go
            "2026-11-21T10:00:00+01:00[Europe/Berlin]",  // Java
            "2026-11-21 09:00",
            "2026-11-21T09:00Z",
            " 2026-11-21 09:00:00\n",
            "20261121T090000Z", // iCalendar
            "20261121090000",   // MediaWiki
            "Sat, 21 Nov 2026 10:00:00 +0100",
            "Sat, 21 Nov 2026 09:00:00 GMT",
            "1795251600",    // Moodle, Drupal
            "1795251600.0",  // Python
            "1795251600000", // Prisma, Hibernate with SQLite
            "1795251600000000",
            "1795251600000000000", // Go
            "2461365.875",         // SQLite's julianday()
        ] {
            assert_eq!(read(text).as_deref(), Some("2026-11-21T09:00:00+00:00"), "{text:?}");
        }
        assert_eq!(read("2026-11-21 09:00:00.1234567").unwrap(), "2026-11-21T09:00:00.123456700+00:00");
        assert_eq!(read("1795251600.25").unwrap(), "2026-11-21T09:00:00.250+00:00");
        assert_eq!(read("946684800").unwrap(), "2000-01-01T00:00:00+00:00");
        assert_eq!(read("946684800001").unwrap(), "2000-01-01T00:00:00.001+00:00");
        assert_eq!(read("4102444799999999999").unwrap(), "2099-12-31T23:59:59.999999999+00:00");
        for text in ["202611210900", "20261121090000"] {
            assert_eq!(read(text).unwrap(), "2026-11-21T09:00:00+00:00", "{text}");
        }
    }

    #[test]
    fn a_date_stays_a_date() {
        for text in ["2026-12-24", " 2026-12-24 ", "2026-12-24Z", "20261224", "20261224.0"] {
            assert_eq!(read(text).as_deref(), Some("2026-12-24"), "{text:?}");
        }
        assert_eq!(read("2026-12-24 00:00:00").unwrap(), "2026-12-24T00:00:00+00:00");
    }

    #[test]
    fn nothing_else_is_guessed() {
        for text in [
            "",
            "next Tuesday",
            "0",
            "-1",
            "101",
            "2026",
            "2026.5",
            "20261324",
            "20261121250000",
            "202611212500",
            "261121090000",
            "820515600",          // seconds since 2001, as Apple counts
            "100000000",          // 1973
            "4102444800",         // 2100
            "639345276000000000", // .NET counts from the year 1
            "134085912000000000", // Windows counts from 1601
            "13429818000000000",  // and so does Chrome
            "1721425.5",          // the Julian day of year 1
            "0000-00-00",
            "0000-00-00 00:00:00",
            "2026-02-30",
            "2026-00-00",
            "2026-12",
            "24.12.2026",
            "12/24/2026",
            "17:00:00",
            "2026-11-21 09:00 PM",
            "2026-11-21 09:00:00 CET",
            "2026-11-21 25:00:00",
            "infinity",
            "NaN",
            "1e9",
            "1.2.3",
            ".",
            "日本",
            "99999999999999999999999999",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0, 0.0, 1e300] {
            assert_eq!(from_real(number), None, "{number}");
        }
    }
}
