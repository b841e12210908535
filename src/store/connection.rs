//! How to connect to each database system, and what every connection is told first. The only place that knows
//! how many systems there are, beside `dialect`.

use diesel::connection::{
    AnsiTransactionManager, Instrumentation, InstrumentationEvent, SimpleConnection, TransactionManager,
};
use diesel::r2d2::{ManageConnection, R2D2Connection};
use diesel::{Connection as _, QueryResult, SqliteConnection};

use super::StoreError;
use crate::config::DatabaseConfig;
use crate::config::database::Backend;

/// One connection to whichever database is configured.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// A SQLite file.
    Sqlite(SqliteConnection),
}

/// Said to SQLite first on every connection. The timeout comes before the switch to WAL, which others may
/// attempt at the same moment. WAL lets readers and the one writer work side by side; NORMAL is safe with it
/// against a crash of the process (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
const SQLITE_PRAGMAS: &str = "PRAGMA busy_timeout = 5000;
     PRAGMA journal_mode = WAL;
     PRAGMA synchronous = NORMAL;
     PRAGMA foreign_keys = ON;";

/// Opens connections for the pool.
pub struct Connector {
    path: String,
    echo: bool,
}

impl Connector {
    /// Checks what can be said before a connection is opened.
    pub fn new(config: &DatabaseConfig) -> Result<Self, StoreError> {
        let Backend::Sqlite(path) = &config.backend;
        let doing = format!("open {}", path.display());
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty())
            && !parent.is_dir()
        {
            let cause = format!("there is no directory {}", parent.display());
            return Err(StoreError::new(&doing, &cause)
                .with_cure("create it, or name another file in DATABASE_URL".to_owned()));
        }
        let Some(path) = path.to_str() else {
            return Err(StoreError::new(&doing, &"its name is not UTF-8")
                .with_cure("name another file in DATABASE_URL".to_owned()));
        };
        Ok(Self {
            path: path.to_owned(),
            echo: config.echo,
        })
    }
}

impl ManageConnection for Connector {
    type Connection = AnyConnection;
    type Error = StoreError;

    fn connect(&self) -> Result<AnyConnection, StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::new(&format!("open {}", self.path), error);
        let mut sqlite = SqliteConnection::establish(&self.path).map_err(|error| failed(&error))?;
        sqlite
            .batch_execute(SQLITE_PRAGMAS)
            .map_err(|error| failed(&error))?;
        if self.echo {
            sqlite.set_instrumentation(Echo);
        }
        Ok(AnyConnection::Sqlite(sqlite))
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        connection
            .ping()
            .map_err(|error| StoreError::new("use a connection", &error))
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        connection.is_broken()
    }
}

/// Logs every statement, without the values bound to it: they may be addresses.
struct Echo;

impl Instrumentation for Echo {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let statement = text.split(" -- binds:").next().unwrap_or_default();
            log::info!("SQL: {statement}");
        }
    }
}

/// Runs `work` in a transaction that excludes other writers from its first statement on.
pub fn write_transaction<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    type Manager = <AnyConnection as diesel::Connection>::TransactionManager;
    match connection {
        // A transaction that begins by reading cannot start to write when another has written since: it fails
        // at once, whatever the timeout.
        AnyConnection::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")?;
        }
    }
    match work(connection) {
        Ok(value) => {
            Manager::commit_transaction(connection)?;
            Ok(value)
        }
        Err(error) => {
            // SQLite has often rolled back by itself (disk full, say). The pool gives up a connection whose
            // rollback failed, and the cause is what the caller needs.
            if let Err(rollback) = Manager::rollback_transaction(connection) {
                log::debug!("a connection is given up, its rollback failed: {rollback}");
            }
            Err(error)
        }
    }
}
