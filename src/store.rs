//! The database: the connection pools, and below it every SQL statement of fanmail as a small function that is named for
//! its intent. Mails and the broker are left to others.
//!
//! What differs between databases is in `backend`; everything else is written once.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::{QueryDsl as _, QueryResult, RunQueryDsl as _};
use r2d2::{ManageConnection, NopErrorHandler, Pool, PooledConnection};

use crate::config::coalesce::Coalescing;
use crate::config::database::DatabaseConfig;
use crate::store::backend::any::{AnyConnection, Preparation};
use crate::store::backend::dispatch;
use crate::store::backend::errors::is_unreadable;
use crate::store::backend::transaction;
use crate::store::client_library::ClientLibrary;
use crate::store::error::{StoreError, with_causes};
use crate::store::known_rows::check_reading;
use crate::store::pool::DatabaseConnector;
use crate::store::schema::installation;
use crate::store::source::keys::AppKeys;
use crate::store::source::user_ids::UserIds;
use crate::store::source::zone_column::ZoneColumn;

pub mod backend;
pub mod client_library;
pub mod error;
mod ids;
mod known_rows;
pub mod ledger;
pub mod migrations;
pub mod person;
pub(crate) mod pool;
mod schema;
pub mod source;
pub mod suppressions;
#[cfg(test)]
mod tests;
pub mod workers;

/// Longest wait for a connection of the pool. After that the database counts as unavailable, and the caller decides when
/// to try again.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// The same when the question is only whether the database answers.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// A pool of connections to one database. Cheap to clone; its methods block, and each is safe to repeat when
/// it has failed.
#[derive(Clone)]
pub struct Store {
    connector: DatabaseConnector,
    pool: Pool<DatabaseConnector>,
    /// SQLite has one writer at a time. The threads of this process wait for this pool's only connection: SQLite itself
    /// would let them sleep for milliseconds over a lock that is held for microseconds. The connection's cache stays
    /// valid, as no other connection writes.
    writer: Option<Pool<DatabaseConnector>>,
    /// How long UPDATEDs that are opened wait for further ones of their event.
    coalescing: Option<Coalescing>,
    /// How the application's tables hold keys, once that was found.
    app_keys: Arc<Mutex<Option<AppKeys>>>,
    /// How the application's table of users holds ids, once that was found.
    user_ids: Arc<Mutex<Option<(UserIds, ZoneColumn)>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.connector.display_name())
    }
}

impl Store {
    /// Connects. A SQLite file that does not exist is created, without tables; any is switched to WAL. `pool_size` is the
    /// number of connections, at least 1.
    ///
    /// # Errors
    /// When the database cannot be opened or does not answer, or the client library reads wrong data.
    pub fn connect(config: &DatabaseConfig, pool_size: u32) -> Result<Self, StoreError> {
        Self::connect_with(DatabaseConnector::new(config, Preparation::Prepare)?, pool_size)
    }

    /// Like [`Self::connect`], for commands that use a database and create none. They leave the journal of a SQLite file as
    /// it is.
    ///
    /// # Errors
    /// Also when there is no such database, or when its tables have another version than this binary.
    pub fn connect_existing(config: &DatabaseConfig, pool_size: u32) -> Result<Self, StoreError> {
        Self::refuse_missing_default(config)?;
        let connector = DatabaseConnector::new(config, Preparation::LeaveAsIs)?;
        let store = Self::connect_with(connector, pool_size)?;
        store.check_version()?;
        Ok(store)
    }

    /// Refuses a default file that does not exist.
    ///
    /// # Errors
    /// When no database is configured, and the file is not there.
    pub fn refuse_missing_default(config: &DatabaseConfig) -> Result<(), StoreError> {
        match &config.default_file {
            Some(path) if !path.exists() => Err(StoreError::no_default_file(path)),
            _ => Ok(()),
        }
    }

    fn connect_with(connector: DatabaseConnector, pool_size: u32) -> Result<Self, StoreError> {
        // Once directly: the pool would only repeat it until its timeout.
        let connected = connector.connect();
        let mut connection = connected
            .map_err(|error| StoreError::new(&format!("open {}", connector.display_name()), &error))?;
        check_reading(connection.get(), connector.client_libraries())?;
        let writer = connector.has_one_writer().then(|| pool_of(connector.clone(), 1));
        let pool = pool_of(connector.clone(), pool_size.max(1));
        let (coalescing, app_keys, user_ids) = (None, Arc::default(), Arc::default());
        Ok(Self { connector, pool, writer, coalescing, app_keys, user_ids })
    }

    /// The same database over a pool of its own, of at most `pool_size` connections.
    #[must_use]
    pub fn with_own_connections(&self, pool_size: u32) -> Self {
        Self { pool: pool_of(self.connector.clone(), pool_size), ..self.clone() }
    }

    /// The same, which has the UPDATEDs that it opens wait for so long.
    #[must_use]
    pub fn coalescing(self, coalescing: Option<Coalescing>) -> Self {
        Self { coalescing, ..self }
    }

    /// Whether the UPDATEDs that it opens wait.
    #[must_use]
    pub fn coalesces(&self) -> bool {
        self.coalescing.is_some()
    }

    /// Name and version of the database system, for people.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn version(&self) -> Result<String, StoreError> {
        self.run("read the version of the database", dispatch::version)
    }

    /// What the clock of the database says, UTC.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn clock(&self) -> Result<NaiveDateTime, StoreError> {
        self.run("read the clock of the database", dispatch::clock)
    }

    /// The client library of the database. `None` when it is a part of this program, or the system does not tell.
    #[must_use]
    pub fn client_library(&self) -> Option<ClientLibrary> {
        ClientLibrary::find(self.connector.client_libraries())
    }

    /// Whether the database answers: a statement over a table of fanmail's own succeeds.
    #[must_use]
    pub fn answers(&self) -> bool {
        let read_ledger =
            |connection: &mut AnyConnection| installation::table.count().get_result::<i64>(connection);
        let connection = take_connection(&self.pool, ANSWER_TIMEOUT);
        connection.is_ok_and(|connection| run_on(connection, "read the ledger", read_ledger).is_ok())
    }

    /// Runs statements on a connection. `operation` completes "could not …".
    fn run<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let connection = take_connection(&self.pool, CONNECTION_TIMEOUT);
        run_on(connection.map_err(|error| StoreError::new("get a connection", &error))?, operation, work)
            .map_err(|error| error.with_grant(self.connector.user()))
    }

    /// Runs statements that see one state of the database, whatever other connections write meanwhile.
    fn read<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.run(operation, |connection| transaction::read(connection, work))
    }

    /// Runs statements of which all happen or none, and repeats them after a conflict with another transaction.
    fn write<T>(
        &self,
        operation: &str,
        work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        self.write_once(operation, |connection| transaction::write(connection, work))
    }

    /// Runs a change that is one statement: it happens or not without a transaction around it.
    fn write_once<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
    ) -> Result<T, StoreError> {
        let Some(writer) = &self.writer else {
            return self.run(operation, work);
        };
        let connection =
            take_connection(writer, CONNECTION_TIMEOUT).map_err(|error| match error.to_string() {
                // The writer connection is busy: its transaction waits for another process's lock.
                cause if cause.ends_with("waiting for connection") => {
                    StoreError::new(operation, &"database is locked")
                }
                cause => StoreError::new("get a connection", &cause),
            })?;
        run_on(connection, operation, work).map_err(|error| error.with_grant(self.connector.user()))
    }
}

fn pool_of(connector: DatabaseConnector, size: u32) -> Pool<DatabaseConnector> {
    Pool::builder()
        .max_size(size)
        // Opened when needed: most commands need one.
        .min_idle(Some(0))
        .connection_timeout(CONNECTION_TIMEOUT)
        // A lost connection shows in its error (`Pooled::record_error`); a test would cost a statement each time.
        .test_on_check_out(false)
        // The caller gets the error with its cause, and logs it where it is handled.
        .error_handler(Box::new(NopErrorHandler))
        .build_unchecked(connector)
}

/// A connection of the pool. Skips those that are probably lost since another one was.
fn take_connection(
    pool: &Pool<DatabaseConnector>,
    timeout: Duration,
) -> Result<PooledConnection<DatabaseConnector>, r2d2::Error> {
    loop {
        let connection = pool.get_timeout(timeout)?;
        if !connection.is_suspect() {
            return Ok(connection);
        }
    }
}

fn run_on<T>(
    mut connection: PooledConnection<DatabaseConnector>,
    operation: &str,
    work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> Result<T, StoreError> {
    connection.discard_old_plans().and_then(|()| work(connection.get())).map_err(|error| {
        connection.record_error(&error);
        let new =
            if is_unreadable(connection.get(), &error) { StoreError::unreadable } else { StoreError::new };
        new(operation, &with_causes(&error))
    })
}
