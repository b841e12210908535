//! Creates and updates the tables, and checks that whatever has their names has their columns.

use diesel::QueryResult;
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{AnyConnection, MultiBackend};
use super::schema::{deliveries, events, notifications, participants, workers};
use super::{Store, StoreError, dialect};

/// They are part of the binary, so that a deployment is one file.
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

impl Store {
    /// Brings the tables up to date and names the migrations that were applied, none when all were there.
    /// Several processes may do this at once. What already has the name of a table, such as a view, stays.
    ///
    /// # Errors
    /// When the database does not answer or refuses a statement; then nothing has changed.
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.write("bring the tables up to date", apply_pending)
    }

    /// Checks that every table or view has the columns that fanmail uses, and keys to page by.
    ///
    /// # Errors
    /// Names a column that is missing, with its table, or says why the database does not answer.
    pub fn check_schema(&self) -> Result<(), StoreError> {
        self.check_table("events", events::table.limit(0))?;
        self.check_table("participants", participants::table.limit(0))?;
        self.check_table("notifications", notifications::table.limit(0))?;
        self.check_table("deliveries", deliveries::table.limit(0))?;
        self.check_table("workers", workers::table.limit(0))?;
        self.run("check the keys of participants", dialect::check_participant_keys)
    }

    /// Runs `nothing`, a query of all columns that finds no row.
    fn check_table<Q>(&self, name: &str, nothing: Q) -> Result<(), StoreError>
    where
        Q: QueryFragment<MultiBackend> + QueryId + RunQueryDsl<AnyConnection>,
    {
        self.run(&format!("read {name}"), |connection| nothing.execute(connection).map(drop))
    }
}

/// Applies what is missing, in order.
fn apply_pending(connection: &mut AnyConnection) -> QueryResult<Vec<String>> {
    let pending = connection.pending_migrations(SQLITE).map_err(Error::QueryBuilderError)?;
    pending
        .iter()
        .map(|migration| {
            connection.run_migration(migration).map_err(Error::QueryBuilderError)?;
            Ok(migration.name().to_string())
        })
        .collect()
}
