//! What a calendar has to know about the clocks of a place, for one event: the offset from UTC, or the two rules of daylight saving
//! time. Read from the tz database, which tells the offset of any time and no rules.
//!
//! Outlook approximates a zone by one `STANDARD` and one `DAYLIGHT` rule (MS-STANOICAL, on RFC 5545 section 3.6.5), each of which names
//! one weekday of a month (MS-OXCICAL section 2.1.3.1.1.19.2.2). So a place whose clocks follow no such rules gets its offset alone, and an event
//! during which they change there gets times in UTC.

use chrono::{
    DateTime, Datelike, NaiveDate, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _, Utc, Weekday,
};
use chrono_tz::Tz;

/// How closely changes are looked for. Daylight saving time is interrupted for the month of Ramadan in some places.
const STEP: TimeDelta = TimeDelta::days(14);
/// How long before an event its rules have begun at the latest.
const BEFORE: TimeDelta = TimeDelta::days(400);
/// Longer events have times in UTC where clocks change.
const LONGEST: TimeDelta = TimeDelta::days(800);
/// For how many years after the event a rule has to hold.
const YEARS_AFTER: i32 = 6;

/// The clocks of a place around an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ZoneRules {
    /// The same offset during the event, in seconds east of UTC.
    Fixed(i32),
    /// Daylight saving time, as it has been since before the event.
    Yearly {
        /// Its beginning.
        daylight: YearlyChange,
        /// Its end.
        standard: YearlyChange,
    },
}

/// A change of the clocks that repeats each year, as on the last Sunday of March.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct YearlyChange {
    /// When it took place first, by the clocks before the change.
    pub onset: NaiveDateTime,
    /// The offset before, in seconds east of UTC.
    pub from: i32,
    /// The offset after.
    pub to: i32,
    /// 1 to 4, or -1 for the last one.
    pub week: i8,
}

impl ZoneRules {
    /// The rules of `zone` for an event. `None` where no rules describe its times.
    pub fn of(zone: Tz, start: DateTime<Utc>, end: Option<DateTime<Utc>>) -> Option<Self> {
        let end = end.unwrap_or(start);
        if end - start > LONGEST {
            return None;
        }
        let changes = changes(zone, start - BEFORE, end);
        let is_steady = changes.iter().all(|change| change.at <= start);
        let fixed = || is_steady.then(|| Self::Fixed(offset(zone, start)));
        yearly(zone, &changes, start, end).or_else(fixed).filter(|rules| rules.are_whole_minutes())
    }

    /// Before there were time zones, places had offsets with seconds, which some calendars leave out (ical.js 2.2.1).
    fn are_whole_minutes(self) -> bool {
        let offsets = match self {
            Self::Fixed(offset) => [offset; 2],
            Self::Yearly { daylight, .. } => [daylight.from, daylight.to],
        };
        offsets.iter().all(|offset| offset % 60 == 0)
    }
}

/// A change of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Change {
    at: DateTime<Utc>,
    from: i32,
    to: i32,
}

/// Seconds east of UTC.
fn offset(zone: Tz, at: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

/// The changes after `from`, up to `to`.
fn changes(zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<Change> {
    let mut changes = Vec::new();
    let (mut before, mut known) = (from, offset(zone, from));
    while before < to {
        let after = (before + STEP).min(to);
        let found = offset(zone, after);
        if found != known {
            let at = first_with(zone, found, before, after);
            changes.push(Change { at, from: known, to: found });
            known = found;
        }
        before = after;
    }
    changes
}

/// When the offset `sought`, which `after` has, began after `before`.
fn first_with(zone: Tz, sought: i32, mut before: DateTime<Utc>, mut after: DateTime<Utc>) -> DateTime<Utc> {
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if offset(zone, middle) == sought {
            after = middle;
        } else {
            before = middle;
        }
    }
    after
}

/// The two rules of the last two changes before the event, if all changes follow them, also in the years after it.
fn yearly(zone: Tz, changes: &[Change], start: DateTime<Utc>, end: DateTime<Utc>) -> Option<ZoneRules> {
    let count = changes.iter().filter(|change| change.at <= start).count();
    let [first, second] = changes.get(count.checked_sub(2)?..count)? else { return None };
    let until = end.year() + YEARS_AFTER;
    let [first_rule, second_rule] = [first, second].map(|change| YearlyChange::of(zone, *change, until));
    let (first_rule, second_rule) = (first_rule?, second_rule?);
    let is_a_pair = (first.from, first.to) == (second.to, second.from);
    let follows_rule = |change: &Change| [first_rule, second_rule].iter().any(|rule| rule.matches(*change));
    let follow_rules = changes[count - 2..].iter().all(follows_rule);
    (is_a_pair && follow_rules).then_some(if first.to > first.from {
        ZoneRules::Yearly { daylight: first_rule, standard: second_rule }
    } else {
        ZoneRules::Yearly { daylight: second_rule, standard: first_rule }
    })
}

impl YearlyChange {
    /// The rule that this change follows, each year up to `until`.
    fn of(zone: Tz, change: Change, until: i32) -> Option<Self> {
        let onset = change.at.naive_utc() + TimeDelta::seconds(change.from.into());
        let day = onset.day();
        let week = i8::try_from((day - 1) / 7 + 1).ok()?;
        let is_last = day + 7 > onset.num_days_in_month().into();
        let candidates = [is_last.then_some(-1), (week < 5).then_some(week)];
        candidates
            .into_iter()
            .flatten()
            .map(|week| Self { onset, from: change.from, to: change.to, week })
            .find(|rule| (onset.year()..=until).all(|year| rule.holds_in(year, zone)))
    }

    /// `3`
    pub fn month(self) -> u32 {
        self.onset.month()
    }

    /// The day of the week on which clocks change.
    pub fn weekday(self) -> Weekday {
        self.onset.weekday()
    }

    /// When clocks change in this year.
    fn at(self, year: i32) -> Option<DateTime<Utc>> {
        let week = u8::try_from(self.week).ok();
        let date = match week {
            Some(week) => NaiveDate::from_weekday_of_month_opt(year, self.month(), self.weekday(), week),
            None => [5, 4].into_iter().find_map(|week| {
                NaiveDate::from_weekday_of_month_opt(year, self.month(), self.weekday(), week)
            }),
        };
        Some((date?.and_time(self.onset.time()) - TimeDelta::seconds(self.from.into())).and_utc())
    }

    fn holds_in(self, year: i32, zone: Tz) -> bool {
        self.at(year).is_some_and(|at| {
            offset(zone, at - TimeDelta::seconds(1)) == self.from && offset(zone, at) == self.to
        })
    }

    fn matches(self, change: Change) -> bool {
        let year = (change.at.naive_utc() + TimeDelta::seconds(change.from.into())).year();
        (self.from, self.to) == (change.from, change.to) && self.at(year) == Some(change.at)
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::TZ_VARIANTS;

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    /// The rules in short: `+0100`, or `Sun -1 of 3 at 02:00 (+0100 to +0200), …`.
    fn rules(zone: &str, start: &str, end: &str) -> Option<String> {
        let change = |change: YearlyChange| {
            let YearlyChange { onset, from, to, week } = change;
            format!(
                "{} {week} of {} at {} ({from} to {to})",
                onset.weekday(),
                onset.month(),
                onset.format("%Y %H:%M")
            )
        };
        Some(match ZoneRules::of(zone.parse().unwrap(), time(start), Some(time(end)))? {
            ZoneRules::Fixed(offset) => offset.to_string(),
            ZoneRules::Yearly { daylight, standard } => format!("{}, {}", change(daylight), change(standard)),
        })
    }

    #[test]
    fn daylight_saving_time_is_two_rules() {
        for (zone, expected) in [
            (
                "Europe/Berlin",
                "Sun -1 of 3 at 2026 02:00 (3600 to 7200), Sun -1 of 10 at 2026 03:00 (7200 to 3600)",
            ),
            (
                "America/New_York",
                "Sun 2 of 3 at 2026 02:00 (-18000 to -14400), Sun 1 of 11 at 2026 02:00 (-14400 to -18000)",
            ),
            // The tz database has standard time in summer and a negative offset in winter.
            (
                "Europe/Dublin",
                "Sun -1 of 3 at 2026 01:00 (0 to 3600), Sun -1 of 10 at 2026 02:00 (3600 to 0)",
            ),
            (
                "Australia/Sydney",
                "Sun 1 of 10 at 2026 02:00 (36000 to 39600), Sun 1 of 4 at 2026 03:00 (39600 to 36000)",
            ),
            (
                "Australia/Lord_Howe",
                "Sun 1 of 10 at 2026 02:00 (37800 to 39600), Sun 1 of 4 at 2026 02:00 (39600 to 37800)",
            ),
        ] {
            let found = rules(zone, "2026-12-24T17:00:00Z", "2027-04-20T19:00:00Z");
            assert_eq!(found.as_deref(), Some(expected), "{zone}");
        }
    }

    #[test]
    fn without_rules_there_is_an_offset_or_none() {
        for (zone, start, end, expected) in [
            ("Asia/Tokyo", "2026-12-24T17:00:00Z", "2027-12-24T17:00:00Z", Some("32400")),
            // No daylight saving time since 2019, 2021, 2022.
            ("America/Sao_Paulo", "2026-12-24T17:00:00Z", "2026-12-24T19:00:00Z", Some("-10800")),
            ("America/Sao_Paulo", "2019-03-01T17:00:00Z", "2019-03-01T19:00:00Z", Some("-10800")),
            ("America/Sao_Paulo", "2018-12-24T17:00:00Z", "2018-12-24T19:00:00Z", Some("-7200")),
            ("Pacific/Apia", "2026-12-24T17:00:00Z", "2026-12-24T19:00:00Z", Some("46800")),
            ("Asia/Tehran", "2026-07-01T17:00:00Z", "2026-07-01T19:00:00Z", Some("12600")),
            ("Asia/Tehran", "2021-07-01T17:00:00Z", "2021-07-01T19:00:00Z", Some("16200")),
            // It skipped a day.
            ("Pacific/Apia", "2011-12-29T17:00:00Z", "2012-01-01T19:00:00Z", None),
            // Clocks go back for Ramadan.
            ("Africa/Casablanca", "2026-12-24T17:00:00Z", "2026-12-24T19:00:00Z", Some("3600")),
            ("Africa/Casablanca", "2026-02-20T17:00:00Z", "2026-02-20T19:00:00Z", Some("0")),
            ("Africa/Casablanca", "2026-02-14T17:00:00Z", "2026-02-16T19:00:00Z", None),
            // The Friday before the last Sunday of March.
            ("Asia/Jerusalem", "2026-12-24T17:00:00Z", "2026-12-24T19:00:00Z", Some("7200")),
            // 3:25:24 ahead of UTC.
            ("Asia/Oral", "1915-02-05T10:38:07Z", "1915-02-05T11:38:07Z", None),
            // The tz database as it is here ends with 2099.
            ("Europe/Berlin", "2150-07-24T17:00:00Z", "2150-07-24T19:00:00Z", Some("3600")),
        ] {
            assert_eq!(rules(zone, start, end).as_deref(), expected, "{zone} {start}");
        }
    }

    /// The offset that the rules give, as RFC 5545 section 3.6.5 says: that of the last onset.
    fn offset_by(rules: ZoneRules, at: DateTime<Utc>) -> i32 {
        let (daylight, standard) = match rules {
            ZoneRules::Fixed(offset) => return offset,
            ZoneRules::Yearly { daylight, standard } => (daylight, standard),
        };
        let last = |change: YearlyChange| {
            let first = change.onset.year();
            (first..=at.year() + 1).filter_map(|year| change.at(year)).filter(|onset| *onset <= at).max()
        };
        let (in_summer, in_winter) = (last(daylight), last(standard));
        assert!(in_summer.is_some() && in_winter.is_some(), "both have begun before the event");
        if in_summer > in_winter { daylight.to } else { standard.to }
    }

    #[test]
    fn the_rules_of_every_zone_give_the_offsets_of_the_tz_database() {
        for zone in TZ_VARIANTS {
            for year in [1945, 1971, 1997, 2011, 2016, 2026, 2030, 2037, 2085] {
                for day in (3..363).step_by(45) {
                    let start =
                        NaiveDate::from_yo_opt(year, day).unwrap().and_hms_opt(12, 0, 0).unwrap().and_utc();
                    let end = start + TimeDelta::hours(30);
                    if let Some(rules) = ZoneRules::of(zone, start, Some(end)) {
                        for at in [start, end] {
                            assert_eq!(offset_by(rules, at), offset(zone, at), "{zone} {at} {rules:?}");
                        }
                    }
                }
            }
        }
    }
}
