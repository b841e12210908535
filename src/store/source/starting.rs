//! Which events start in a range of time. Reads no more of them than key, start and zone. How the database compares their starts is left
//! to `start_column`, parts of all events to `parts`.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Timestamp};

use crate::domain::event::DateOrTime;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;
use crate::domain::time_zone::TimeZone;
use crate::store::Store;
use crate::store::backend::as_text::AsText;
use crate::store::backend::starts::start_column;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::schema::events;
use crate::store::source::columns::{AppText, AppTime, not_blank};
use crate::store::source::start_column::{StartColumn, refuse};
use crate::store::source::starting::parts::EventPart;
use crate::text::count::count;

pub mod parts;

const TIMEZONE: AsText<events::timezone> = AsText(events::timezone);

/// Key, start and zone of an event.
type Columns = (Nullable<Text>, Nullable<Timestamp>, Nullable<Text>);

/// An event that starts soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StartingEvent {
    /// When it starts. A date begins at midnight of the event's zone.
    pub starts_at: DateTime<Utc>,
    /// Its key.
    pub event_id: EventId,
}

/// Events whose starts are written so that [`Store::find_starting`] may not find them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddStarts {
    /// How many.
    pub events: u64,
    /// The key of one of them.
    pub example: String,
}

/// For the log and `check`.
impl fmt::Display for OddStarts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [are, their] = if self.events == 1 { ["is", "its"] } else { ["are", "their"] };
        write!(
            f,
            "{} {are} not reminded of, because {their} starts_at does not begin with a date such as 2026-11-21, for example event {}; \
             store UTC in a form such as 2026-11-21 09:00:00",
            count(self.events, "event"),
            self.example
        )
    }
}

impl Store {
    /// The events that start in the range, the first one first, each start of an event once. Those with a key that fanmail cannot use
    /// are left out.
    ///
    /// The range is a condition of the database, so that an index on `events.starts_at` serves it. What is returned was read and
    /// compared by fanmail.
    ///
    /// # Errors
    /// When the database does not answer, or the column cannot be compared with a time.
    pub fn find_starting(&self, range: &Range<DateTime<Utc>>) -> Result<Vec<StartingEvent>, StoreError> {
        self.find_starting_in(&EventPart::default(), range)
    }

    /// The same, of a part of the events. Rows of others are not looked at, where the database has an index on their keys or compares
    /// what is cheap first.
    ///
    /// # Errors
    /// The same.
    pub fn find_starting_in(
        &self,
        part: &EventPart,
        range: &Range<DateTime<Utc>>,
    ) -> Result<Vec<StartingEvent>, StoreError> {
        let keys = self.event_keys()?;
        self.run("read which events start soon", |connection| {
            let column = start_column(connection)?;
            let condition = column.is_in(range).ok_or_else(|| refuse(&column))?;
            let key = keys.events_id_as_text();
            let statement: Statement<'_, Columns> = Statement::new("SELECT ")
                .fragment(&key)
                .sql(", starts_at, ")
                .fragment(&TIMEZONE)
                .sql(" FROM events WHERE ");
            let statement = part.add_to(statement, &keys).sql("(").sql(&condition).sql(")");
            // The times are another text at each look.
            let rows: Vec<Row> = statement.prepared_each_time().load(connection)?;
            let mut zones = Zones::default();
            let mut found: Vec<StartingEvent> =
                rows.into_iter().filter_map(|row| row.starting(keys.key_type, &mut zones)).collect();
            found.retain(|event| range.contains(&event.starts_at));
            // A view may repeat an event for each of its participants.
            found.sort_unstable();
            found.dedup();
            Ok(found)
        })
    }

    /// Events whose starts may be times and are not found by a range; `None` if there are none. Where starts are text, it reads the
    /// whole table `events` once.
    ///
    /// # Errors
    /// When the database does not answer, or the column cannot be compared with a time.
    pub fn count_odd_starts(&self) -> Result<Option<OddStarts>, StoreError> {
        let keys = self.event_keys()?;
        self.run("look for starts of events that cannot be compared", |connection| {
            let column = start_column(connection)?;
            if let StartColumn::Other(_) = column {
                return Err(refuse(&column));
            }
            let Some(condition) = column.is_not_found(keys.text_type) else {
                return Ok(None);
            };
            let odd = events::table.filter(sql::<Bool>(&condition));
            let number: i64 = odd.count().get_result(connection)?;
            let odd = events::table.filter(sql::<Bool>(&condition));
            let example: Option<AppText> =
                odd.select(keys.events_id_as_text()).limit(1).first(connection).optional()?;
            Ok(example.map(|AppText(example)| OddStarts { events: number.unsigned_abs(), example }))
        })
    }
}

/// What is read of an event.
#[derive(Queryable)]
struct Row {
    key: Option<AppText>,
    starts_at: Option<AppTime>,
    zone: Option<AppText>,
}

impl Row {
    /// `None` without a key or a start that can be used.
    fn starting(self, key_type: EventKeyType, zones: &mut Zones) -> Option<StartingEvent> {
        let (AppText(key), Some(AppTime::Known(starts_at))) = (self.key?, self.starts_at) else {
            return None;
        };
        let event_id = match key_type {
            EventKeyType::Number => EventId::Number(key.parse().ok()?),
            _ => key_type.accept(EventId::from_text(&key).ok()?).ok()?,
        };
        let starts_at = match starts_at {
            DateOrTime::Time(time) => time,
            DateOrTime::Date(date) => zones.find(not_blank(self.zone)).start_of(date),
        };
        Some(StartingEvent { starts_at, event_id })
    }
}

/// Many events have the same few zones.
#[derive(Default)]
struct Zones(HashMap<String, TimeZone>);

impl Zones {
    /// UTC where there is none, or one that is not known, as in mails.
    fn find(&mut self, name: Option<String>) -> TimeZone {
        let name = name.unwrap_or_default();
        let parse = |name: &str| TimeZone::parse(name).unwrap_or_else(TimeZone::unknown);
        match self.0.get(&name) {
            Some(zone) => *zone,
            None => *self.0.entry(name.clone()).or_insert_with(|| parse(&name)),
        }
    }
}
