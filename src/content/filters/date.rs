//! The filter `date`: writes a time as the language of the mail does, or by a pattern. Which formats there are is left to `format`.
//!
//! `{{ event.starts_at | date(format="short") }}`, `{{ payload.due | date(format="%d.%m.%Y %H:%M", timezone="Europe/Berlin") }}`

pub(crate) mod format;

use std::sync::Arc;

use chrono::DateTime;
use tera::{Error, Filter, Kwargs, State, TeraResult, Value};

use crate::content::filters::arguments::{LOCALE, check_arguments, language};
use crate::content::filters::date::format::Format;
use crate::content::local_span::Local;
use crate::content::locales::Locales;
use crate::domain::event::DateOrTime;
use crate::domain::time_zone::TimeZone;
use crate::domain::times;

/// Its name.
pub(crate) const NAME: &str = "date";

/// The argument that says how the time is written.
pub(crate) const FORMAT: &str = "format";

/// The argument that says by which clocks.
pub(crate) const TIMEZONE: &str = "timezone";

/// The filter.
pub(super) struct DateFilter {
    /// How languages write dates.
    pub locales: Arc<Locales>,
}

impl Filter<Value, TeraResult<Value>> for DateFilter {
    fn call(&self, value: Value, kwargs: Kwargs, state: &State<'_>) -> TeraResult<Value> {
        check_arguments(NAME, &[FORMAT, TIMEZONE, LOCALE], &kwargs)?;
        let format =
            kwargs.get::<&str>(FORMAT)?.map_or(Ok(Format::Long), Format::parse).map_err(Error::message)?;
        let zone = kwargs.get::<Value>(TIMEZONE)?.filter(|zone| !zone.is_none());
        let zone = zone.map(|zone| read_zone(zone.as_str().unwrap_or_default())).transpose();
        let zone = zone.map_err(Error::message)?;
        if value.is_none() {
            return Ok(Value::none());
        }
        let tag = language(NAME, "dates", &kwargs, state)?;
        let moment = read(&value).ok_or_else(|| Error::message(unreadable(&value)))?;
        // A year that mails do not write is shown as nothing, as in `event.when`.
        let Some(local) = local(moment, zone) else { return Ok(Value::none()) };
        let locale = self.locales.locale(tag);
        Ok(format.write(local, &locale.times.formats).into())
    }
}

/// A zone, as applications write it.
///
/// # Errors
/// When it is not known, in plain words.
pub(crate) fn read_zone(zone: &str) -> Result<TimeZone, String> {
    let zone = Some(zone).filter(|zone| !zone.trim().is_empty());
    zone.and_then(TimeZone::parse).ok_or_else(|| {
        format!(
            "the filter {NAME} does not know the time zone \"{}\"; give it a name such as Europe/Berlin",
            zone.unwrap_or_default()
        )
    })
}

/// A date, or a time with the offset of its clocks: UTC, where the text has none.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Clock(DateTime<chrono::FixedOffset>),
    Other(DateOrTime),
}

fn read(value: &Value) -> Option<Moment> {
    if let Some(number) = value.as_i64() {
        return times::from_integer(number).map(Moment::Other);
    }
    if let Some(number) = value.as_f64() {
        return times::from_real(number).map(Moment::Other);
    }
    let text = value.as_str()?.trim();
    match DateTime::parse_from_rfc3339(text) {
        Ok(clock) => Some(Moment::Clock(clock)),
        Err(_) => times::parse(text).map(Moment::Other),
    }
}

/// By the clocks of the zone, or of the value itself. `None` in a year that mails do not write.
fn local(moment: Moment, zone: Option<TimeZone>) -> Option<Local> {
    let utc = || TimeZone::Offset(chrono::Offset::fix(&chrono::Utc));
    match moment {
        Moment::Clock(clock) => {
            let zone = zone.unwrap_or(TimeZone::Offset(*clock.offset()));
            Local::of(DateOrTime::Time(clock.to_utc()), zone)
        }
        Moment::Other(moment) => Local::of(moment, zone.unwrap_or_else(utc)),
    }
}

fn unreadable(value: &Value) -> String {
    let shown: String = value.to_string().chars().take(40).collect();
    format!(
        "the filter {NAME} cannot read \"{shown}\" as a time; it reads 2026-12-24, 2026-12-24 17:00 (UTC), 2026-12-24T18:00:00+01:00 and \
         seconds since 1970"
    )
}
