//! Notices new rows of the outbox, over a connection of its own. How a database tells of them is left to its folder.

use std::time::Duration;

use diesel::prelude::*;
use r2d2::ManageConnection as _;

use crate::store::Store;
use crate::store::backend::dispatch;
use crate::store::error::{StoreError, with_causes};
use crate::store::pool::Pooled;
use crate::store::schema::outbox;

/// A connection that notices new rows.
pub struct OutboxWatch {
    connection: Pooled,
    /// What the database said last.
    seen: i64,
}

impl Store {
    /// Watches the outbox.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn watch_outbox(&self) -> Result<OutboxWatch, StoreError> {
        let failed = |cause: &dyn std::fmt::Display| StoreError::new("watch the outbox", cause);
        let mut connection = self.connector.connect().map_err(|error| failed(&error))?;
        dispatch::begin_watch_of_outbox(connection.get()).map_err(|error| failed(&with_causes(&error)))?;
        Ok(OutboxWatch { connection, seen: i64::MIN })
    }
}

impl OutboxWatch {
    /// Shortest and longest pause between two calls of [`Self::has_changed`].
    #[must_use]
    pub fn pauses(&mut self) -> [Duration; 2] {
        dispatch::pauses_of_outbox(self.connection.get())
    }

    /// Whether rows may have come since the last call.
    ///
    /// # Errors
    /// When the connection is of no use any more.
    pub fn has_changed(&mut self) -> Result<bool, StoreError> {
        dispatch::has_outbox_changed(self.connection.get(), &mut self.seen)
            .map_err(|error| StoreError::new("watch the outbox", &with_causes(&error)))
    }

    /// Whether a row is due that no worker has taken.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn has_rows(&mut self) -> Result<bool, StoreError> {
        let connection = self.connection.get();
        let mut look = || -> QueryResult<bool> {
            let clock = dispatch::clock(connection)?;
            let untaken = || outbox::table.filter(outbox::taken_at.is_null()).select(outbox::id).limit(1);
            let at_once: Option<i64> =
                untaken().filter(outbox::not_before.is_null()).first(connection).optional()?;
            if at_once.is_some() {
                return Ok(true);
            }
            let due: Option<i64> =
                untaken().filter(outbox::not_before.le(clock)).first(connection).optional()?;
            Ok(due.is_some())
        };
        look().map_err(|error| StoreError::new("look into the outbox", &with_causes(&error)))
    }
}
