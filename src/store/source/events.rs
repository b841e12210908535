//! Reads events. The application owns them, perhaps as a view over its own tables. Columns that are NULL or unreadable are
//! filled in, so that one bad column does not cost all participants their mail.

use std::collections::BTreeSet;

use diesel::prelude::*;
use diesel::result::Error;

use crate::domain::event::Event;
use crate::domain::ids::EventId;
use crate::domain::missing_event::MissingEvent;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::as_text::AsText;
use crate::store::error::StoreError;
use crate::store::schema::events;
use crate::store::source::columns::{AppKey, AppText, AppTime, not_blank};
use crate::store::source::event_keys::{AppEvent, EventKeys, IsTextKey};
use crate::store::source::zones;

/// Shown where an event has no title.
const UNTITLED: &str = "(untitled)";

/// Most rows that are read of one key: a collation may take several keys for one, and a view may repeat a row.
const SAME_KEY_MAX: i64 = 1_000;

impl Store {
    /// The event, if the database has it. A time that cannot be read is left out, with a warning; a zone that is not known
    /// is told once.
    ///
    /// # Errors
    /// When the database does not answer. When the event has several rows that differ, because nothing tells which one is right.
    pub fn find_event(&self, event_id: EventId) -> Result<Option<Event>, StoreError> {
        let row = self.find_row(event_id)?;
        Ok(row.map(|row| row.into_event(event_id)).inspect(zones::tell_if_unknown))
    }

    /// Whether the database has the event.
    ///
    /// # Errors
    /// When the database does not answer, or the row cannot be read.
    pub fn has_event(&self, event_id: EventId) -> Result<bool, StoreError> {
        Ok(self.find_row(event_id)?.is_some())
    }

    /// An event that was not found, with the key that is meant, if the database takes another one for the same: collations may
    /// ignore capitals, accents and blanks at the end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn describe_missing_event(&self, event_id: EventId) -> Result<MissingEvent, StoreError> {
        let keys = self.event_keys()?;
        let AppEvent::Text(condition) = keys.in_events(event_id) else {
            return Ok(MissingEvent { event_id, keys: keys.key_type, similar: None });
        };
        self.run("look for an event with a similar key", |connection| {
            let found: Option<AppText> = events::table
                .filter(condition)
                .select(keys.events_id_as_text())
                .limit(1)
                .first(connection)
                .optional()?;
            let similar = found.and_then(|AppText(key)| EventId::from_text(&key).ok());
            let similar = similar.filter(|similar| *similar != event_id);
            Ok(MissingEvent { event_id, keys: keys.key_type, similar })
        })
    }

    /// The columns of the event with something else than a time. The event may be gone.
    ///
    /// # Errors
    /// When the database does not answer, or the row cannot be read.
    pub fn find_unreadable_times(&self, event_id: EventId) -> Result<Vec<&'static str>, StoreError> {
        let row = self.find_row(event_id)?;
        Ok(row.map_or_else(Vec::new, |row| row.unreadable_times()))
    }

    fn find_row(&self, event_id: EventId) -> Result<Option<EventRow>, StoreError> {
        let keys = self.event_keys()?;
        self.run("read an event", |connection| {
            let rows = match keys.in_events(event_id) {
                AppEvent::Number(id) => events::table
                    .find(id)
                    .select(EventRow::as_select())
                    .limit(SAME_KEY_MAX)
                    .load(connection)?,
                AppEvent::Text(condition) => find_rows_of_text(connection, &keys, condition, event_id)?,
            };
            the_only(event_id, rows)
        })
    }
}

/// The row of the event. Rows that are the same in every column count as one.
fn the_only(event_id: EventId, rows: Vec<EventRow>) -> QueryResult<Option<EventRow>> {
    let number = rows.len();
    let mut rows = rows.into_iter();
    let Some(first) = rows.next() else { return Ok(None) };
    let columns: BTreeSet<&str> = rows.flat_map(|other| first.differing(&other)).collect();
    if columns.is_empty() {
        return Ok(Some(first));
    }
    let columns: Vec<&str> = columns.into_iter().collect();
    let number = if number < usize::try_from(SAME_KEY_MAX).unwrap_or(usize::MAX) {
        number.to_string()
    } else {
        format!("{number} or more")
    };
    let cause = format!(
        "event {event_id} has {number} rows in events, which differ in {}; an event needs one row: in a view, make one row of \
         them with GROUP BY id",
        columns.join(", ")
    );
    Err(Error::DeserializationError(cause.into()))
}

/// A collation may take different texts for one key. The event is the one whose key is the same byte by byte, as it is in the
/// ledger.
fn find_rows_of_text(
    connection: &mut AnyConnection,
    keys: &EventKeys,
    condition: IsTextKey,
    event_id: EventId,
) -> QueryResult<Vec<EventRow>> {
    let rows: Vec<(AppText, EventRow)> = events::table
        .filter(condition)
        .select((keys.events_id_as_text(), EventRow::as_select()))
        .limit(SAME_KEY_MAX)
        .load(connection)?;
    let is_same = |(AppText(key), _): &(AppText, EventRow)| EventId::from_text(key) == Ok(event_id);
    Ok(rows.into_iter().filter(is_same).map(|(_, row)| row).collect())
}

/// Those of these events that exist, with their keys, in any order.
pub(super) fn find_events_by_ids(
    connection: &mut AnyConnection,
    ids: &[i64],
) -> QueryResult<Vec<(i64, Event)>> {
    let rows: Vec<(AppKey, EventRow)> = events::table
        .filter(events::id.eq_any(ids))
        .select((events::id, EventRow::as_select()))
        .load(connection)?;
    Ok(rows.into_iter().map(|(AppKey(id), row)| (id, row.into_event(EventId::Number(id)))).collect())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = events)]
struct EventRow {
    #[diesel(select_expression = AsText(events::title), select_expression_type = AsText<events::title>)]
    title: Option<AppText>,
    #[diesel(select_expression = AsText(events::description), select_expression_type = AsText<events::description>)]
    description: Option<AppText>,
    #[diesel(select_expression = AsText(events::location), select_expression_type = AsText<events::location>)]
    location: Option<AppText>,
    starts_at: Option<AppTime>,
    ends_at: Option<AppTime>,
    #[diesel(select_expression = AsText(events::timezone), select_expression_type = AsText<events::timezone>)]
    timezone: Option<AppText>,
    #[diesel(select_expression = AsText(events::url), select_expression_type = AsText<events::url>)]
    url: Option<AppText>,
    updated_at: Option<AppTime>,
}

impl EventRow {
    /// The columns in which two rows differ.
    fn differing(&self, other: &Self) -> Vec<&'static str> {
        let same = [
            ("title", self.title == other.title),
            ("description", self.description == other.description),
            ("location", self.location == other.location),
            ("starts_at", self.starts_at == other.starts_at),
            ("ends_at", self.ends_at == other.ends_at),
            ("timezone", self.timezone == other.timezone),
            ("url", self.url == other.url),
            ("updated_at", self.updated_at == other.updated_at),
        ];
        same.into_iter().filter(|(_, is_same)| !is_same).map(|(column, _)| column).collect()
    }

    fn unreadable_times(&self) -> Vec<&'static str> {
        let times =
            [("starts_at", &self.starts_at), ("ends_at", &self.ends_at), ("updated_at", &self.updated_at)];
        let is_unreadable = |time: &Option<AppTime>| matches!(time, Some(AppTime::Unreadable));
        times.into_iter().filter(|(_, time)| is_unreadable(time)).map(|(column, _)| column).collect()
    }

    fn into_event(self, id: EventId) -> Event {
        let time = |column: &str, value: Option<AppTime>| match value {
            None => None,
            Some(AppTime::Known(time)) => Some(time),
            Some(AppTime::Unreadable) => {
                log::warn!(
                    "event {id}: {column} is not a time that fanmail can read and is left out; \
                     store it as UTC in a form such as 2026-11-21 09:00:00, or as 2026-11-21 for a whole day"
                );
                None
            }
        };
        Event {
            id,
            title: not_blank(self.title).unwrap_or_else(|| UNTITLED.to_owned()),
            description: not_blank(self.description),
            location: not_blank(self.location),
            starts_at: time("starts_at", self.starts_at),
            ends_at: time("ends_at", self.ends_at),
            timezone: not_blank(self.timezone).unwrap_or_else(|| "UTC".to_owned()),
            url: not_blank(self.url),
            updated_at: time("updated_at", self.updated_at),
        }
    }
}
