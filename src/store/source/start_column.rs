//! Conditions for events that start in a range of time, for each type that `events.starts_at` may have. They hold for a few events
//! more: the caller reads each start, and leaves out what is not in the range. None of them calls a function of the column, so that an
//! index on it is used.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::result::Error;

/// Zones are up to 14 hours away from UTC, so a date, or a time with an offset, may be written as that of the day before or after.
const ZONES: TimeDelta = TimeDelta::days(1);

/// Parts of a second in the numbers of programs.
const UNITS: [i64; 4] = [1, 1_000, 1_000_000, 1_000_000_000];

/// What `events.starts_at` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartColumn {
    /// A type for times, UTC; what stands before and behind one in a statement.
    Times([&'static str; 2]),
    /// Days.
    Dates,
    /// Numbers, of seconds or of digits.
    Numbers,
    /// Texts.
    Texts,
    /// Each row has a type of its own: SQLite stores any value in any column.
    OfEachRow,
    /// A type that cannot be compared with a time: the database's name of it.
    Other(String),
}

impl StartColumn {
    /// The condition for starts in the range. `None`: this type has none.
    #[must_use]
    pub fn is_in(&self, range: &Range<DateTime<Utc>>) -> Option<String> {
        match self {
            Self::Times([before, behind]) => {
                let bound = |time: DateTime<Utc>| format!("{before}{}{behind}", time.format("%F %T%.6f"));
                Some(format!("starts_at >= {} AND starts_at < {}", bound(range.start), bound(range.end)))
            }
            Self::Dates => {
                let bound = |time: DateTime<Utc>| format!("CAST('{}' AS DATE)", time.format("%F"));
                let [from, to] = [range.start - ZONES, range.end + ZONES].map(bound);
                Some(format!("starts_at >= {from} AND starts_at <= {to}"))
            }
            Self::Numbers => Some(is_number_in(range)),
            Self::Texts => Some(is_text_in(range)),
            Self::OfEachRow => Some(format!("{} OR {}", is_text_in(range), is_number_in(range))),
            Self::Other(_) => None,
        }
    }

    /// The condition for rows with a text that [`Self::is_in`] may not find, although it may be a time; `text_type` is that of any
    /// text in a CAST. `None`: there are no such rows.
    #[must_use]
    pub fn is_not_found(&self, text_type: &str) -> Option<String> {
        let is_odd = format!("CAST(starts_at AS {text_type}) NOT LIKE '____-__-__%'");
        match self {
            Self::Texts => Some(format!("starts_at IS NOT NULL AND {is_odd}")),
            Self::OfEachRow => {
                Some(format!("typeof(starts_at) = 'blob' OR typeof(starts_at) = 'text' AND {is_odd}"))
            }
            Self::Times(_) | Self::Dates | Self::Numbers | Self::Other(_) => None,
        }
    }
}

/// Why starts in a column of another type are not found.
#[must_use]
pub fn refuse(column: &StartColumn) -> Error {
    let StartColumn::Other(kind) = column else { return Error::NotFound };
    Error::DeserializationError(
        format!(
            "events.starts_at is of the type {kind}, which cannot be compared with a time, and REMINDERS is set; in a view over \
             your own tables, give the column a type for times"
        )
        .into(),
    )
}

/// Texts that begin with the date, as ISO 8601 has it, are in the order of time up to their zones.
fn is_text_in(range: &Range<DateTime<Utc>>) -> String {
    let [from, to] = [range.start - ZONES, range.end + ZONES * 2].map(|time| time.format("%F"));
    format!("(starts_at >= '{from}' AND starts_at < '{to}')")
}

/// Each form that [`crate::domain::times`] reads has a range of its own.
fn is_number_in(range: &Range<DateTime<Utc>>) -> String {
    let (from, to) = (range.start.timestamp(), range.end.timestamp() + 1);
    let since_1970 = UNITS.map(|unit| between(from.saturating_mul(unit), to.saturating_mul(unit)));
    let [first, last] = [range.start - ZONES, range.end + ZONES];
    let digits =
        ["%Y%m%d", "%Y%m%d%H%M", "%Y%m%d%H%M%S"].map(|form| between(first.format(form), last.format(form)));
    let julian = |seconds: i64| julian_day(seconds);
    let days = between(julian(from - 1), julian(to + 1));
    let all: Vec<String> = since_1970.into_iter().chain(digits).chain([days]).collect();
    all.join(" OR ")
}

fn between(from: impl std::fmt::Display, to: impl std::fmt::Display) -> String {
    format!("(starts_at >= {from} AND starts_at <= {to})")
}

#[expect(clippy::cast_precision_loss, reason = "a second has room for it")]
fn julian_day(seconds: i64) -> String {
    format!("{:.6}", seconds as f64 / 86_400.0 + 2_440_587.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range() -> Range<DateTime<Utc>> {
        let at = |text: &str| text.parse().unwrap();
        at("2026-11-21T09:00:00Z")..at("2026-11-21T11:30:00.25Z")
    }

    #[test]
    fn times_have_exact_bounds_and_days_and_texts_have_room_for_their_zones() {
        let times = StartColumn::Times(["CAST('", "' AS TIMESTAMP)"]);
        assert_eq!(
            times.is_in(&range()).unwrap(),
            "starts_at >= CAST('2026-11-21 09:00:00.000000' AS TIMESTAMP) AND \
             starts_at < CAST('2026-11-21 11:30:00.250000' AS TIMESTAMP)"
        );
        assert_eq!(
            StartColumn::Dates.is_in(&range()).unwrap(),
            "starts_at >= CAST('2026-11-20' AS DATE) AND starts_at <= CAST('2026-11-22' AS DATE)"
        );
        assert_eq!(
            StartColumn::Texts.is_in(&range()).unwrap(),
            "(starts_at >= '2026-11-20' AND starts_at < '2026-11-23')"
        );
        assert_eq!(StartColumn::Other("interval".to_owned()).is_in(&range()), None);
    }

    #[test]
    fn every_form_of_a_number_has_a_range() {
        let condition = StartColumn::Numbers.is_in(&range()).unwrap();
        for part in [
            "(starts_at >= 1795251600 AND starts_at <= 1795260601)",
            "(starts_at >= 1795251600000 AND ",
            "(starts_at >= 1795251600000000000 AND ",
            "(starts_at >= 20261120 AND starts_at <= 20261122)",
            "(starts_at >= 202611200900 AND starts_at <= 202611221130)",
            "(starts_at >= 20261120090000 AND ",
            "(starts_at >= 2461365.874988 AND starts_at <= 2461365.979190)",
        ] {
            assert!(condition.contains(part), "{part}: {condition}");
        }
        assert!(StartColumn::OfEachRow.is_in(&range()).unwrap().ends_with(&condition));
    }
}
