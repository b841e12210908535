//! Values of one line of a file: texts, keys, times. A reason never has the value, which may be a person's, but for keys, times
//! and zones. Which values a row needs is left to `events` and `participants`.

use std::borrow::Cow;

use chrono::{
    DateTime, Datelike as _, MappedLocalTime, NaiveDate, NaiveDateTime, SubsecRound as _, TimeZone as _,
};
use csv::ByteRecord;

use crate::commands::import::columns::Columns;
use crate::domain::time_zone::TimeZone;
use crate::store::source::import_rows::Given;
use crate::text::clean::cut;
use crate::text::mask::masked_line;

/// Longest value in bytes: that of a TEXT of `MySQL`.
const MAX_VALUE: usize = 65_535;

/// One line.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    columns: &'a Columns,
    record: &'a ByteRecord,
}

/// What is wrong with a line. One reason for each value.
pub type Reasons = Vec<String>;

impl<'a> Fields<'a> {
    /// The fields of a record. A record may have fewer than there are headers: some spreadsheets leave out what is empty at
    /// the end of a line.
    ///
    /// # Errors
    /// When there is a value without a header.
    pub fn new(columns: &'a Columns, record: &'a ByteRecord) -> Result<Self, Reasons> {
        let without_header = |place: usize| columns.headers.get(place).is_none_or(String::is_empty);
        let value =
            |(place, value): &(usize, &[u8])| without_header(*place) && !value.trim_ascii().is_empty();
        match record.iter().enumerate().find(value) {
            None => Ok(Self { columns, record }),
            Some((place, _)) => Err(vec![format!(
                "value {} has no header (put quotes around a value that has the separator in it)",
                place + 1
            )]),
        }
    }

    /// A text without blanks around it; `None` inside when nothing is left, `None` outside when the file has no such column.
    ///
    /// # Errors
    /// Why it cannot be stored.
    pub fn text(&self, name: &str) -> Result<Given<Option<String>>, String> {
        let Some(place) = self.columns.place(name) else { return Ok(None) };
        let bytes = self.record.get(place).unwrap_or_default();
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(format!("{name} is not UTF-8 (save the file as \"CSV UTF-8\")"));
        };
        let text = text.trim();
        if text.contains('\0') {
            return Err(format!("{name} has a NUL character"));
        }
        if text.len() > MAX_VALUE {
            return Err(format!("{name} is longer than {MAX_VALUE} bytes"));
        }
        Ok(Some(Some(text.to_owned()).filter(|text| !text.is_empty())))
    }

    /// A key. `None` when the file has no such column.
    ///
    /// # Errors
    /// When it is not a whole number that a database can hold.
    pub fn key(&self, name: &str) -> Result<Option<i64>, String> {
        match self.text(name)? {
            None => Ok(None),
            Some(None) => Err(format!("{name} is empty")),
            Some(Some(text)) => read_key(&text).map(Some).map_err(|reason| format!("{name} {reason}")),
        }
    }
}

fn read_key(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    match text.parse() {
        Ok(key) => Ok(key),
        Err(_) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("{} is out of range ({} to {})", shown(text), i64::MIN, i64::MAX))
        }
        Err(_) => Err(format!("is not a whole number: {}", shown(text))),
    }
}

/// A value for people.
pub fn shown(text: &str) -> String {
    cut(masked_line(text), 40)
}

/// How a time without an offset is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// UTC, as in the table.
    Utc,
    /// The clock where the event takes place.
    Local(TimeZone),
}

/// A time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileTime {
    /// UTC, to the microsecond, as every database stores it.
    pub utc: NaiveDateTime,
    /// Whether the file says how far it is from UTC.
    pub has_offset: bool,
}

/// Reads `2026-11-21 18:00`, with a `T` for the blank, with seconds, with an offset or `Z`.
///
/// # Errors
/// What is wrong with it, and what would be right.
pub fn read_time(text: &str, clock: Clock) -> Result<FileTime, String> {
    let is_utc = text.strip_suffix(['Z', 'z']).or_else(|| text.strip_suffix("UTC"));
    let normal = is_utc.map_or(Cow::Borrowed(text), |time| Cow::Owned(format!("{}+00:00", time.trim_end())));
    let normal = normal.replacen(['T', 't'], " ", 1);
    let with_offset = |form| DateTime::parse_from_str(&normal, form).ok();
    let without = |form| NaiveDateTime::parse_from_str(&normal, form).ok();
    let (utc, has_offset) = if let Some(time) =
        ["%F %T%.f%#z", "%F %R%#z", "%F %T%.f %#z", "%F %R %#z"].into_iter().find_map(with_offset)
    {
        (time.naive_utc(), true)
    } else if let Some(time) = ["%F %T%.f", "%F %R"].into_iter().find_map(without) {
        (to_utc(time, clock)?, false)
    } else if NaiveDate::parse_from_str(&normal, "%F").is_ok() {
        return Err(format!("has no time of day: {}; expected, for example, {} 18:00", shown(text), normal));
    } else {
        return Err(format!("is not a time: {}; expected, for example, 2026-11-21 18:00", shown(text)));
    };
    if !(1000..=9999).contains(&utc.year()) {
        return Err(format!("has the year {}, which not every database can store", utc.year()));
    }
    Ok(FileTime { utc: utc.trunc_subsecs(6), has_offset })
}

fn to_utc(time: NaiveDateTime, clock: Clock) -> Result<NaiveDateTime, String> {
    let mapped = match clock {
        Clock::Utc => return Ok(time),
        Clock::Local(TimeZone::Place(place)) => place.from_local_datetime(&time).map(|time| time.naive_utc()),
        Clock::Local(TimeZone::Offset(offset)) => {
            offset.from_local_datetime(&time).map(|time| time.naive_utc())
        }
    };
    match mapped {
        MappedLocalTime::Single(utc) => Ok(utc),
        MappedLocalTime::Ambiguous(..) => {
            Err(format!("{time} is there twice, because the clocks go back; add an offset, such as +01:00"))
        }
        MappedLocalTime::None => Err(format!("{time} does not exist, because the clocks go forward")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_numbers_of_64_bits() {
        for (text, key) in [
            ("0", 0),
            ("-7", -7),
            ("+7", 7),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(read_key(text), Ok(key));
        }
        for (text, reason) in [
            (
                "9223372036854775808",
                "9223372036854775808 is out of range (-9223372036854775808 to 9223372036854775807)",
            ),
            ("1.0", "is not a whole number: 1.0"),
            ("1,234", "is not a whole number: 1,234"),
            ("ann@example.com", "is not a whole number: a***@example.com"),
            ("٣", "is not a whole number: ٣"),
            ("-", "is not a whole number: -"),
        ] {
            assert_eq!(read_key(text), Err(reason.to_owned()));
        }
    }

    #[test]
    fn times_are_read_with_and_without_an_offset() {
        let berlin = Clock::Local(TimeZone::parse("Europe/Berlin").unwrap());
        let read = |text: &str, clock| {
            read_time(text, clock).map(|time| format!("{} {}", time.utc, time.has_offset))
        };
        for (text, clock, expected) in [
            ("2026-11-21 18:00", Clock::Utc, "2026-11-21 18:00:00 false"),
            ("2026-11-21T18:00:30", Clock::Utc, "2026-11-21 18:00:30 false"),
            ("2026-11-21 18:00:30.1234567", Clock::Utc, "2026-11-21 18:00:30.123456 false"),
            ("2026-11-21T18:00:00Z", berlin, "2026-11-21 18:00:00 true"),
            ("2026-11-21 18:00 UTC", berlin, "2026-11-21 18:00:00 true"),
            ("2026-11-21 18:00:00+01", berlin, "2026-11-21 17:00:00 true"),
            ("2026-11-21 18:00+05:30", berlin, "2026-11-21 12:30:00 true"),
            ("2026-11-21 18:00:00 -0500", berlin, "2026-11-21 23:00:00 true"),
            ("2026-11-21 18:00", berlin, "2026-11-21 17:00:00 false"),
            ("2026-07-21 18:00", berlin, "2026-07-21 16:00:00 false"),
        ] {
            assert_eq!(read(text, clock).as_deref(), Ok(expected), "{text}");
        }
        for (text, clock, reason) in [
            ("21.11.2026 18:00", Clock::Utc, "is not a time: 21.11.2026 18:00; expected"),
            ("11/21/2026", Clock::Utc, "is not a time"),
            ("tomorrow", Clock::Utc, "is not a time"),
            (
                "2026-11-21",
                Clock::Utc,
                "has no time of day: 2026-11-21; expected, for example, 2026-11-21 18:00",
            ),
            ("2026-02-30 18:00", Clock::Utc, "is not a time"),
            ("0026-11-21 18:00", Clock::Utc, "has the year 26"),
            ("2026-10-25 02:30", berlin, "2026-10-25 02:30:00 is there twice"),
            ("2026-03-29 02:30", berlin, "2026-03-29 02:30:00 does not exist"),
        ] {
            let error = read(text, clock).unwrap_err();
            assert!(error.starts_with(reason), "{text}: {error}");
        }
    }
}
