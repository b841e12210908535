//! Lines about events.

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::commands::import::bad_lines::BadLines;
use crate::commands::import::fields::{Clock, Fields, Reasons, read_time, shown};
use crate::commands::import::key_set::KeySet;
use crate::commands::import::target::{Target, collect};
use crate::domain::time_zone::TimeZone;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::source::import_rows::{EventImport, Given};
use crate::store::source::importing::{ImportMode, Imported};

/// Imports events.
pub struct Events {
    now: DateTime<Utc>,
    local_times: bool,
    keys: KeySet,
    /// The first time without an offset in a zone that is not UTC, for people.
    taken_for_utc: Option<String>,
}

impl Events {
    /// `now` is the time of changes. With `local_times`, a time without an offset is that of the event's zone.
    pub fn new(now: DateTime<Utc>, local_times: bool) -> Self {
        Self { now, local_times, keys: KeySet::default(), taken_for_utc: None }
    }

    /// The keys of the lines so far.
    pub fn into_keys(self) -> KeySet {
        self.keys
    }

    fn time(
        &mut self,
        fields: Fields<'_>,
        name: &str,
        event: i64,
        zone: TimeZone,
    ) -> Result<Given<Option<NaiveDateTime>>, String> {
        let text = match fields.text(name)? {
            Some(Some(text)) => text,
            Some(None) => return Ok(Some(None)),
            None => return Ok(None),
        };
        let clock = if self.local_times { Clock::Local(zone) } else { Clock::Utc };
        let time = read_time(&text, clock).map_err(|reason| format!("{name} {reason}"))?;
        if !time.has_offset && clock == Clock::Utc && self.taken_for_utc.is_none() {
            self.taken_for_utc = taken_for_utc(name, event, time.utc, zone);
        }
        Ok(Some(Some(time.utc)))
    }
}

/// A sentence about the time, unless it is the same in its zone.
fn taken_for_utc(name: &str, event: i64, utc: NaiveDateTime, zone: TimeZone) -> Option<String> {
    let (local, letters) = zone.local(utc.and_utc());
    let is_other = local.naive_local() != utc;
    is_other.then(|| {
        format!(
            "times without an offset were taken for UTC: {name} of event {event} is {} UTC, which is {} {letters}; \
             if the file has local times, import it again with --local-times",
            utc.format("%F %R"),
            local.format("%F %R")
        )
    })
}

/// The zone, as text and understood. Nothing is UTC.
fn zone(fields: Fields<'_>) -> Result<(Given<String>, TimeZone), String> {
    let given = fields.text("timezone")?.map(|zone| zone.unwrap_or_else(|| "UTC".to_owned()));
    let zone = read_zone(given.as_deref().unwrap_or_default())?;
    Ok((given, zone))
}

/// # Errors
/// When the zone is not known.
pub(super) fn read_zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::parse(text).ok_or_else(|| {
        format!(
            "timezone is not one that fanmail knows: {}; expected, for example, Europe/Berlin",
            shown(text)
        )
    })
}

impl Target for Events {
    type Row = EventImport;

    fn read(&mut self, fields: Fields<'_>) -> Result<EventImport, Reasons> {
        let mut reasons = Vec::new();
        let id = collect(&mut reasons, fields.key("id")).flatten().unwrap_or_default();
        let title =
            collect(&mut reasons, fields.text("title")).map(|title| title.flatten().unwrap_or_default());
        if title.as_ref().is_some_and(String::is_empty) {
            reasons.push("title is empty".to_owned());
        }
        let mut text = |name| collect(&mut reasons, fields.text(name)).flatten();
        let (description, location, url) = (text("description"), text("location"), text("url"));
        let zone = collect(&mut reasons, zone(fields));
        let (timezone, zone) = zone.unwrap_or((None, TimeZone::unknown()));
        let mut time = |name| collect(&mut reasons, self.time(fields, name, id, zone)).flatten();
        let (starts_at, ends_at, updated_at) = (time("starts_at"), time("ends_at"), time("updated_at"));
        if let (Some(Some(starts_at)), Some(Some(ends_at))) = (starts_at, ends_at)
            && ends_at < starts_at
        {
            reasons.push("ends_at is before starts_at".to_owned());
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        if !self.keys.insert(id) {
            return Err(vec![format!("id {id} is on an earlier line, too")]);
        }
        let title = title.unwrap_or_default();
        Ok(EventImport { id, title, description, location, starts_at, ends_at, timezone, url, updated_at })
    }

    fn check(
        &mut self,
        _store: &Store,
        rows: Vec<(u64, EventImport)>,
        _bad: &mut BadLines,
    ) -> Result<Vec<EventImport>, StoreError> {
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    fn import(&self, store: &Store, rows: &[EventImport], mode: ImportMode) -> Result<Imported, StoreError> {
        store.import_events(rows, self.now.naive_utc(), mode)
    }

    fn notes(&self) -> Vec<String> {
        self.taken_for_utc.iter().cloned().collect()
    }
}
