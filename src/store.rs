//! The database: every SQL statement of the house, each a small function named for its intent. Knows no mail
//! and no broker.
//!
//! What differs between database systems is in `connection` (how to connect), `transaction` and `dialect` (a few
//! statements); everything else is written once.

use std::time::Duration;

use diesel::QueryResult;
use r2d2::{ManageConnection, NopErrorHandler, Pool, PooledConnection};

use crate::config::database::DatabaseConfig;
use crate::store::backend::any::{AnyConnection, IfMissing};
use crate::store::backend::dispatch;
use crate::store::backend::transaction;
use crate::store::error::StoreError;
use crate::store::pool::DatabaseConnector;

pub mod backend;
pub mod error;
mod ids;
pub mod ledger;
pub mod migrations;
pub(crate) mod pool;
mod schema;
pub mod source;
#[cfg(test)]
mod tests;
pub mod workers;

/// Longest wait for a connection of the pool. After that the database counts as away, and the caller decides
/// when to try again.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// A pool of connections to one database. Cheap to clone; its methods block, and each is safe to repeat when
/// it has failed.
#[derive(Clone)]
pub struct Store {
    connector: DatabaseConnector,
    pool: Pool<DatabaseConnector>,
    /// SQLite has one writer at a time. Ours wait in line for this pool's only connection: SQLite itself would let
    /// them sleep for milliseconds over a lock that is held for microseconds, and that connection's cache stays
    /// good, since nobody else writes.
    writer: Option<Pool<DatabaseConnector>>,
}

impl Store {
    /// Connects; a SQLite file that does not exist is created, without tables. `pool_size` is how many
    /// threads can be served at once, at least 1.
    ///
    /// # Errors
    /// When the database cannot be opened or does not answer.
    pub fn connect(config: &DatabaseConfig, pool_size: u32) -> Result<Self, StoreError> {
        Self::connect_with(DatabaseConnector::new(config, IfMissing::Create)?, pool_size)
    }

    /// Like [`Self::connect`], for commands that use a database and make none.
    ///
    /// # Errors
    /// Also when there is no such database, or when its tables have another version than this binary.
    pub fn connect_existing(config: &DatabaseConfig, pool_size: u32) -> Result<Self, StoreError> {
        let connector = DatabaseConnector::new(config, IfMissing::Fail)?;
        let store = Self::connect_with(connector, pool_size)?;
        store.check_version()?;
        Ok(store)
    }

    fn connect_with(connector: DatabaseConnector, pool_size: u32) -> Result<Self, StoreError> {
        // Once directly: the pool would only repeat it until its timeout.
        let connected = connector.connect();
        connected.map_err(|error| StoreError::new(&format!("open {}", connector.place()), &error))?;
        let writer = connector.has_one_writer().then(|| pool_of(connector.clone(), 1));
        Ok(Self { pool: pool_of(connector.clone(), pool_size.max(1)), connector, writer })
    }

    /// The same database over connections that nobody else takes, at most `pool_size`.
    #[must_use]
    pub fn with_own_connections(&self, pool_size: u32) -> Self {
        Self { pool: pool_of(self.connector.clone(), pool_size), ..self.clone() }
    }

    /// Name and version of the database system, for people.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn version(&self) -> Result<String, StoreError> {
        self.run("ask for the version", dispatch::version)
    }

    /// Runs statements on a connection. `doing` completes "could not …".
    fn run<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let connection = take_connection(&self.pool);
        run_on(connection.map_err(|error| StoreError::new("get a connection", &error))?, doing, work)
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
        self.write_once(doing, |connection| transaction::write(connection, work))
    }

    /// Runs a change that is one statement: it happens or not without a transaction around it.
    fn write_once<T>(
        &self,
        doing: &str,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let Some(writer) = &self.writer else {
            return self.run(doing, work);
        };
        let connection = take_connection(writer).map_err(|error| match error.to_string() {
            // Whoever has it waits for another program.
            cause if cause.ends_with("waiting for connection") => {
                StoreError::new(doing, &"database is locked")
            }
            cause => StoreError::new("get a connection", &cause),
        })?;
        run_on(connection, doing, work)
    }
}

fn pool_of(connector: DatabaseConnector, size: u32) -> Pool<DatabaseConnector> {
    Pool::builder()
        .max_size(size)
        // Opened when needed: most commands need one.
        .min_idle(Some(0))
        .connection_timeout(CONNECTION_TIMEOUT)
        // A broken connection shows in its error (`Pooled::examine`); asking first would cost a statement each time.
        .test_on_check_out(false)
        // The error that reaches the caller names the cause; it is logged where it is handled.
        .error_handler(Box::new(NopErrorHandler))
        .build_unchecked(connector)
}

/// Leaves out those of the pool that were lost with another one.
fn take_connection(
    pool: &Pool<DatabaseConnector>,
) -> Result<PooledConnection<DatabaseConnector>, r2d2::Error> {
    loop {
        let connection = pool.get()?;
        if !connection.is_suspect() {
            return Ok(connection);
        }
    }
}

fn run_on<T>(
    mut connection: PooledConnection<DatabaseConnector>,
    doing: &str,
    work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> Result<T, StoreError> {
    work(connection.get()).map_err(|error| {
        connection.examine(&error);
        StoreError::new(doing, &error)
    })
}
