//! The database: every SQL statement of the house, each a small function named for its intent. Knows no mail
//! and no broker.
//!
//! What differs between database systems is in `connection` (how to connect), `transaction` and `dialect` (a few
//! statements); everything else is written once.

use std::time::Duration;

use diesel::QueryResult;
use r2d2::{ManageConnection, NopErrorHandler, Pool, PooledConnection};

use crate::config::DatabaseConfig;
use connection::{AnyConnection, Connector};

mod connection;
pub mod deliveries;
mod dialect;
pub mod entry;
mod error;
pub mod events;
pub mod leases;
pub mod ledger;
pub mod migrations;
pub mod participants;
pub mod retention;
mod schema;
pub mod seeding;
pub mod tally;
#[cfg(test)]
mod tests;
mod transaction;
pub mod workers;

pub use error::StoreError;

/// Longest wait for a connection of the pool. After that the database counts as away, and the caller decides
/// when to try again.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// A pool of connections to one database. Cheap to clone; its methods block, and each is safe to repeat when
/// it has failed.
#[derive(Clone)]
pub struct Store {
    pool: Pool<Connector>,
}

impl Store {
    /// Connects; a SQLite file that does not exist is created, without tables. `pool_size` is how many
    /// threads can be served at once, at least 1.
    ///
    /// # Errors
    /// When the database cannot be opened or does not answer.
    pub fn connect(config: &DatabaseConfig, pool_size: u32) -> Result<Self, StoreError> {
        Self::connect_with(Connector::new(config)?, pool_size)
    }

    /// Like [`Self::connect`], for commands that use a database and make none.
    ///
    /// # Errors
    /// Also when there is no such database.
    pub fn connect_existing(config: &DatabaseConfig, pool_size: u32) -> Result<Self, StoreError> {
        let connector = Connector::new(config)?;
        connector.must_exist()?;
        Self::connect_with(connector, pool_size)
    }

    fn connect_with(connector: Connector, pool_size: u32) -> Result<Self, StoreError> {
        // Once directly: the pool would only repeat it until its timeout.
        let connected = connector.connect();
        connected.map_err(|error| StoreError::new(&format!("open {}", connector.place()), &error))?;
        let pool = Pool::builder()
            .max_size(pool_size.max(1))
            // Opened when needed: most commands need one.
            .min_idle(Some(0))
            .connection_timeout(CONNECTION_TIMEOUT)
            // A broken connection shows in its error (`Pooled::examine`); asking first would cost a statement each time.
            .test_on_check_out(false)
            // The error that reaches the caller names the cause; it is logged where it is handled.
            .error_handler(Box::new(NopErrorHandler))
            .build_unchecked(connector);
        Ok(Self { pool })
    }

    /// Name and version of the database system, for people.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn version(&self) -> Result<String, StoreError> {
        self.run("ask for the version", dialect::version)
    }

    /// Runs statements on a connection. `doing` completes "could not …".
    fn run<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.take_connection()?;
        work(connection.get()).map_err(|error| {
            connection.examine(&error);
            StoreError::new(doing, &error)
        })
    }

    /// Leaves out those of the pool that were lost with another one.
    fn take_connection(&self) -> Result<PooledConnection<Connector>, StoreError> {
        loop {
            let connection = self.pool.get().map_err(|error| StoreError::new("get a connection", &error))?;
            if !connection.is_suspect() {
                return Ok(connection);
            }
        }
    }

    /// Runs statements that see one state of the database, whatever others write meanwhile.
    fn read<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.run(doing, |connection| transaction::read(connection, work))
    }

    /// Runs statements that all happen or none; again, when another transaction was in the way.
    fn write<T>(
        &self,
        doing: &str,
        work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.run(doing, |connection| transaction::write(connection, work))
    }
}
