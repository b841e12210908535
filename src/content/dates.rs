//! Writes when an event takes place, in its local time and in the language of the mail. Pure; which zone an event
//! names is read by `domain`, and how a language writes a date by `date_formats`.

use chrono::{DateTime, Datelike as _, FixedOffset, Months, NaiveDate, Timelike as _, Utc};
use icu_time::TimeZone as Place;

use crate::content::date_formats::{DateFormats, place};
use crate::content::local_span::{Local, LocalSpan};
use crate::content::text::Form;
use crate::content::timing::first_and_last_day;
use crate::content::words::Words;
use crate::domain::event::Event;
use crate::domain::time_zone::TimeZone;

/// How far away an event may be whose year is not told in subjects.
const UNTOLD_MONTHS: Months = Months::new(10);

/// How one language writes times.
#[derive(Debug)]
pub(crate) struct Times {
    /// Dates and times of a day.
    pub formats: DateFormats,
    /// The words between them, in the same language.
    pub words: Words,
}

/// The local time of an event, as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EventTime {
    /// `Thursday, 24 December 2026`
    pub date: String,
    /// `Thu 24 Dec`
    pub short_date: String,
    /// `18:00 to 20:00 (Berlin time, UTC+1)`; an end on another day is written in full. Of an event that takes the whole day,
    /// `to Saturday, 26 December 2026`, or empty if it takes no other day.
    pub time: String,
    /// Both, as one text.
    pub when: String,
    /// When it begins, as short as a subject needs it: `Thu 24 Dec, 18:00`.
    pub short: String,
    /// `24`
    pub day: String,
    /// `Dec`
    pub month: String,
    /// The same of the last day, if that is not the first one.
    pub last: Option<(String, String)>,
    /// Whether it takes the whole day.
    pub all_day: bool,
}

impl EventTime {
    /// `None` for an event without a start, or with a year beyond 9998.
    pub fn of(event: &Event, times: &Times) -> Option<Self> {
        Some(Self::of_span(&LocalSpan::of(event)?, times))
    }

    /// The same of a span.
    pub fn of_span(span: &LocalSpan, times: &Times) -> Self {
        let &LocalSpan { zone, start, .. } = span;
        let end = span.written_end();
        let formats = &times.formats;
        let date = formats.long_date(start.date);
        let (time, when) = match (start.clock, end) {
            (None, None) => (String::new(), date.clone()),
            (None, Some(end)) => {
                let end = times.until(&end, start.date, zone);
                (
                    times.write("days_until", &[("to", &end)]),
                    times.write("days_range", &[("from", &date), ("to", &end)]),
                )
            }
            (Some(clock), end) => {
                let time = times.of_day(&start, clock, end.as_ref(), zone);
                let when = times.write("date_time", &[("date", &date), ("time", &time)]);
                (time, when)
            }
        };
        let short_date = formats.short_date(start.date);
        Self {
            short: times.short(&short_date, start),
            short_date,
            day: formats.day(start.date),
            month: formats.month(start.date),
            last: Some(first_and_last_day(span))
                .filter(|(first, last)| last > first)
                .map(|(_, last)| (formats.day(last), formats.month(last))),
            all_day: start.clock.is_none(),
            date,
            time,
            when,
        }
    }
}

/// `short_date` and `short` with the year, of an event for which readers of a mail of the moment `now` would take another one.
pub(crate) fn with_year(event: &Event, times: &Times, now: DateTime<Utc>) -> Option<[String; 2]> {
    let LocalSpan { zone, start, .. } = LocalSpan::of(event)?;
    let today = zone.local(now).0.date_naive();
    let is_far = today.checked_add_months(UNTOLD_MONTHS).is_none_or(|limit| start.date > limit);
    let is_of_an_earlier_year = start.date < today && start.date.year() != today.year();
    let date = (is_far || is_of_an_earlier_year).then(|| times.formats.short_date_with_year(start.date))?;
    let short = times.short(&date, start);
    Some([date, short])
}

impl Times {
    fn write(&self, name: &str, arguments: &[(&str, &str)]) -> String {
        let value = |name: &str| arguments.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        self.words.write(name, Form::Plain, value)
    }

    /// Date and time of a start.
    fn short(&self, date: &str, start: Local) -> String {
        let Some(clock) = start.clock else { return date.to_owned() };
        let time = self.write("time_start", &[("time", &self.formats.time(clock))]);
        self.write("date_time", &[("date", date), ("time", &time)])
    }

    /// From the time of the start to the end, with the zone.
    fn of_day(
        &self,
        start: &Local,
        clock: DateTime<FixedOffset>,
        end: Option<&Local>,
        zone: TimeZone,
    ) -> String {
        let from = self.formats.time(clock);
        let in_zone = |time: &str, clock| format!("{time} ({})", self.zone(clock, zone));
        let alone = || in_zone(&self.write("time_start", &[("time", &from)]), clock);
        let Some(end) = end else { return alone() };
        let Some(end_clock) = end.clock else {
            let to = self.formats.long_date(end.date);
            return format!("{} {}", alone(), self.write("days_until", &[("to", &to)]));
        };
        // Daylight saving time begins or ends during the event: the start has its own offset.
        let has_offset = clock.offset() != end_clock.offset();
        let write = |time: &str| self.write("time_start", &[("time", time)]);
        let whole_from =
            if has_offset { format!("{} ({})", write(&from), offset(clock)) } else { write(&from) };
        let range = match self.end_on_day(start, end) {
            Some(to) if has_offset => {
                self.write("time_range_offsets", &[("from", &whole_from), ("to", &write(&to))])
            }
            Some(to) => self.write("time_range", &[("from", &from), ("to", &to)]),
            None => {
                let (date, time) = (self.formats.long_date(end.date), write(&self.formats.time(end_clock)));
                let to = self.write("date_time", &[("date", &date), ("time", &time)]);
                self.write("time_range_days", &[("from", &whole_from), ("to", &to)])
            }
        };
        in_zone(&range, end_clock)
    }

    /// The clock at the end, if that is on the day of the start. Midnight is, as people write it.
    fn end_on_day(&self, start: &Local, end: &Local) -> Option<String> {
        let clock = end.clock.filter(|_| ends_on_day_of(start, end))?;
        let time = self.formats.time(clock);
        // "24:00" does not go with a clock of 12 hours, or with other digits.
        let has_24_hours = || clock.with_hour(18).is_some_and(|six| self.formats.time(six).contains("18"));
        let is_midnight = start.date != end.date && has_24_hours();
        let midnight = if is_midnight { self.write("midnight", &[]) } else { String::new() };
        Some(if midnight.is_empty() { time } else { midnight })
    }

    /// The end of an event that begins with a whole day.
    fn until(&self, end: &Local, start: NaiveDate, zone: TimeZone) -> String {
        let date = || self.formats.long_date(end.date);
        let Some(clock) = end.clock else { return date() };
        let time = self.write("time_start", &[("time", &self.formats.time(clock))]);
        let time = format!("{time} ({})", self.zone(clock, zone));
        if end.date == start { time } else { self.write("date_time", &[("date", &date()), ("time", &time)]) }
    }

    /// `Berlin time, UTC+1`; an offset alone where the zone is no place.
    fn zone(&self, clock: DateTime<FixedOffset>, zone: TimeZone) -> String {
        match place_and_offset(clock, zone) {
            (Some(place), offset) => {
                self.write("zone", &[("city", &self.formats.city(place)), ("offset", &offset)])
            }
            (None, offset) => offset,
        }
    }
}

/// What mails say of a zone in any language: the place that it is named for, if it is one, and the offset that its clocks have.
pub(crate) fn place_and_offset(clock: DateTime<FixedOffset>, zone: TimeZone) -> (Option<Place>, String) {
    let (place, offset) = (zone.name().and_then(place), offset(clock));
    match zone {
        // Also for a zone that is not known: a time of UTC is not taken for a local one.
        TimeZone::Offset(_) if offset == "UTC" => (None, "UTC+0".to_owned()),
        _ => (place, offset),
    }
}

/// Whether an end is on the day of its start. An evening that ends at midnight has one day; a day from midnight to midnight is told with
/// both, because the two clocks are the same.
pub(crate) fn ends_on_day_of(start: &Local, end: &Local) -> bool {
    let is_midnight =
        |local: &Local| local.clock.is_some_and(|clock| (clock.hour(), clock.minute()) == (0, 0));
    start.date == end.date
        || start.date.succ_opt() == Some(end.date)
            && is_midnight(end)
            && start.clock.is_some()
            && !is_midnight(start)
}

/// `UTC`, `UTC+1`, `UTC-3:30`
fn offset(clock: DateTime<FixedOffset>) -> String {
    let minutes = clock.offset().local_minus_utc() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

#[cfg(test)]
mod tests;
