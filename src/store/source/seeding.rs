//! Made-up data for trying things out: the only statements that write to the application's tables.

use chrono::NaiveDateTime;
use diesel::dsl::max;
use diesel::prelude::*;

use crate::domain::ids::EventId;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::schema::{events, participants};
use crate::store::{Store, StoreError};

/// An event to be.
#[derive(Debug, Clone, Insertable)]
#[diesel(table_name = events)]
pub struct NewEvent {
    /// Its key.
    pub id: EventId,
    /// What it is called.
    pub title: String,
    /// Free text about it.
    pub description: String,
    /// Where it takes place.
    pub location: String,
    /// When it begins, UTC.
    pub starts_at: NaiveDateTime,
    /// When it ends, UTC.
    pub ends_at: NaiveDateTime,
    /// IANA name of its zone.
    pub timezone: String,
    /// Its page on the web.
    pub url: String,
    /// When it was made, UTC.
    pub updated_at: NaiveDateTime,
}

/// A participant to be; the database chooses the key.
#[derive(Debug, Clone, PartialEq, Eq, Insertable)]
#[diesel(table_name = participants, treat_none_as_default_value = false)]
pub struct NewParticipant {
    /// Which event they take part in.
    pub event_id: EventId,
    /// Where their mail goes.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// BCP 47 tag of their language.
    pub locale: Option<String>,
}

impl Store {
    /// Which of `events` and `participants` are views over somebody's own tables.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_views(&self) -> Result<Vec<&'static str>, StoreError> {
        self.run("look for views", |connection| {
            let mut views = Vec::new();
            for name in ["events", "participants"] {
                if dispatch::is_view(connection, name)? {
                    views.push(name);
                }
            }
            Ok(views)
        })
    }

    /// Adds an event unless its key is taken, and tells whether it did.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn add_event(&self, event: &NewEvent) -> Result<bool, StoreError> {
        self.write("add an event", |connection| {
            let taken = events::table.find(event.id).count().get_result::<i64>(connection)? > 0;
            if !taken {
                diesel::insert_into(events::table).values(event).execute(connection)?;
            }
            Ok(!taken)
        })
    }

    /// How many people take part in an event.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn count_participants(&self, event_id: EventId) -> Result<u64, StoreError> {
        self.run("count participants", |connection| {
            participants::table
                .filter(participants::event_id.eq(event_id))
                .count()
                .get_result(connection)
                .map(i64::unsigned_abs)
        })
    }

    /// Adds `count` participants, all or none. `make` gets a number that no participant of the table had from
    /// it before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn add_participants(
        &self,
        count: u32,
        make: impl Fn(u64) -> NewParticipant,
    ) -> Result<(), StoreError> {
        self.write("add participants", |connection| {
            let newest = find_newest_key(connection)?;
            let rows: Vec<_> = (1..=u64::from(count)).map(|n| make(newest + n)).collect();
            dispatch::insert_participants(connection, &rows)
        })
    }
}

fn find_newest_key(connection: &mut AnyConnection) -> QueryResult<u64> {
    participants::table
        .select(max(participants::id))
        .first(connection)
        .map(|id: Option<i64>| id.unwrap_or(0).unsigned_abs())
}
