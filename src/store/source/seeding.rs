//! Adds made-up data to try fanmail with.

use diesel::dsl::max;
use diesel::prelude::*;

use crate::domain::ids::EventId;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::dispatch;
use crate::store::error::StoreError;
use crate::store::schema::{events, participants};
use crate::store::source::event_keys::of_event;
use crate::store::source::new_rows::{NewEvent, NewParticipant};

impl Store {
    /// Which of `events` and `participants` are views over tables of the application.
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

    /// Adds an event unless its key exists. Returns whether it was added.
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

    /// The number of participants of an event.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn count_participants(&self, event_id: EventId) -> Result<u64, StoreError> {
        let event = self.event_keys()?.in_participants(event_id);
        self.run("count participants", |connection| {
            of_event!(event, participants::event_id, is_of_event => {
                participants::table.filter(is_of_event).count().get_result(connection).map(i64::unsigned_abs)
            })
        })
    }

    /// Adds `count` participants, all or none. `make` gets a number that it
    /// has never got for another participant of the table.
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
        .map(|id: Option<i64>| id.unwrap_or(0).max(0).unsigned_abs())
}
