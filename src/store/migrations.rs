//! Creates and updates the tables, and checks that whatever has their names has their columns.

use diesel::QueryResult;
use diesel::migration::{Migration, MigrationSource as _};
use diesel::prelude::*;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel::result::Error;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::store::backend::any::{AnyConnection, MultiBackend};
use crate::store::backend::dispatch;
use crate::store::schema::{
    __diesel_schema_migrations, deliveries, events, notifications, participants, workers,
};
use crate::store::{Store, StoreError};

// They are part of the binary, so that a deployment is one file.
pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
pub(super) const POSTGRESQL: EmbeddedMigrations = embed_migrations!("migrations/postgresql");
#[cfg(feature = "mysql")]
pub(super) const MYSQL: EmbeddedMigrations = embed_migrations!("migrations/mysql");

impl Store {
    /// Brings the tables up to date and names the migrations that were applied, none when all were there.
    /// Several processes may do this at once. What already has the name of a table, such as a view, stays.
    ///
    /// # Errors
    /// When the database does not answer or refuses a statement; then nothing has changed (with `MySQL`, which
    /// cannot take back such statements, what was done is left out the next time).
    pub fn migrate(&self) -> Result<Vec<String>, StoreError> {
        // Only who has something to change needs the right to: a worker's user may do with less.
        if self.run("see whether the tables are up to date", is_up_to_date).is_ok_and(|yes| yes) {
            return Ok(Vec::new());
        }
        self.run("bring the tables up to date", |connection| {
            dispatch::migrate_alone(connection, apply_pending)
        })
    }

    /// Checks that this user may write to the ledger now, by a statement that changes nothing.
    ///
    /// # Errors
    /// When the database refuses that, or does not answer.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        self.write("write to the ledger", |connection| {
            diesel::delete(workers::table.find("")).execute(connection).map(drop)
        })
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
        self.run("use events and participants", dispatch::check_types)
    }

    /// Runs `nothing`, a query of all columns that finds no row.
    fn check_table<Q>(&self, name: &str, nothing: Q) -> Result<(), StoreError>
    where
        Q: QueryFragment<MultiBackend> + QueryId + RunQueryDsl<AnyConnection>,
    {
        self.run(&format!("read {name}"), |connection| nothing.execute(connection).map(drop))
    }
}

/// The migrations of the connection's system.
fn all(connection: &AnyConnection) -> EmbeddedMigrations {
    match connection {
        AnyConnection::Sqlite(_) => SQLITE,
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => POSTGRESQL,
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(_) => MYSQL,
    }
}

/// Whether nothing is missing, without a statement that needs more than the right to read.
fn is_up_to_date(connection: &mut AnyConnection) -> QueryResult<bool> {
    let applied: Vec<String> =
        __diesel_schema_migrations::table.select(__diesel_schema_migrations::version).load(connection)?;
    let all: Vec<Box<dyn Migration<MultiBackend>>> =
        all(connection).migrations().map_err(Error::QueryBuilderError)?;
    Ok(all.iter().all(|migration| applied.contains(&migration.name().version().to_string())))
}

/// Applies what is missing, in order.
fn apply_pending(connection: &mut AnyConnection) -> QueryResult<Vec<String>> {
    let all = all(connection);
    let pending = connection.pending_migrations(all).map_err(Error::QueryBuilderError)?;
    pending
        .iter()
        .map(|migration| {
            connection.run_migration(migration).map_err(Error::QueryBuilderError)?;
            Ok(migration.name().to_string())
        })
        .collect()
}
