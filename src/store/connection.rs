//! How to connect to each database system, and what every connection is told first. The only place that knows
//! how many systems there are, beside `dialect`.

use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::{
    AnsiTransactionManager, DebugQuery, InstrumentationEvent, SimpleConnection, TransactionManager,
};
use diesel::r2d2::R2D2Connection;
use diesel::result::Error;
use diesel::{Connection as _, QueryResult, SqliteConnection};
use r2d2::ManageConnection;

use super::StoreError;
use crate::config::DatabaseConfig;
use crate::config::database::Backend;

/// One connection to whichever database is configured.
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    /// A SQLite file.
    Sqlite(SqliteConnection),
}

/// Said to SQLite first on every connection. NORMAL is safe with WAL when a process dies, and loses at most the
/// last commits when the machine does (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
const SQLITE_PRAGMAS: &str =
    "PRAGMA busy_timeout = 5000; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON";

/// How long others may hold up the switch to WAL.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(5);

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
        Ok(Self { path: path.to_owned(), echo: config.echo })
    }

    /// Fails unless the database is there: a command that only reads must not leave an empty one behind.
    pub fn must_exist(&self) -> Result<(), StoreError> {
        let path = Path::new(&self.path);
        if path.exists() {
            return Ok(());
        }
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Err(StoreError::new("open the database", &format!("there is no {}", absolute.display())).with_cure(
            "a relative path in DATABASE_URL begins in the current directory; `fanmail migrate` makes a new one"
                .to_owned(),
        ))
    }

    /// What errors call the database.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl ManageConnection for Connector {
    type Connection = AnyConnection;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<AnyConnection, Self::Error> {
        let mut sqlite = SqliteConnection::establish(&self.path)?;
        sqlite.batch_execute(SQLITE_PRAGMAS)?;
        switch_to_wal(&mut sqlite)?;
        if self.echo {
            sqlite.set_instrumentation(|event: InstrumentationEvent<'_>| {
                if let InstrumentationEvent::StartQuery { query, .. } = event {
                    log::info!("SQL: {}", statement(query));
                }
            });
        }
        Ok(AnyConnection::Sqlite(sqlite))
    }

    fn is_valid(&self, connection: &mut AnyConnection) -> Result<(), Self::Error> {
        Ok(connection.ping()?)
    }

    fn has_broken(&self, connection: &mut AnyConnection) -> bool {
        connection.is_broken()
    }
}

/// WAL lets readers and the one writer work side by side, and the file remembers it. While another process
/// switches the same new file, SQLite refuses at once, whatever its timeout.
fn switch_to_wal(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    let began = Instant::now();
    loop {
        match sqlite.batch_execute("PRAGMA journal_mode = WAL") {
            Err(Error::DatabaseError(_, cause))
                if cause.message().contains("locked") && began.elapsed() < SWITCH_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

/// A statement as it is logged: without the values bound to it, which may be addresses.
fn statement(query: &dyn DebugQuery) -> String {
    let mut text = query.to_string();
    if let Some(end) = text.find(" -- binds:") {
        text.truncate(end);
    }
    text
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use diesel::prelude::*;

    use super::*;
    use crate::store::schema::participants;

    #[test]
    fn a_logged_statement_has_no_values() {
        let (seen, statements) = mpsc::channel();
        let mut connection = AnyConnection::Sqlite(SqliteConnection::establish(":memory:").unwrap());
        connection.batch_execute("CREATE TABLE participants (id INTEGER PRIMARY KEY, email TEXT)").unwrap();
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                seen.send((query.to_string(), statement(query))).unwrap();
            }
        });
        let found: Vec<i64> = participants::table
            .filter(participants::email.eq("somebody@example.com"))
            .select(participants::id)
            .load(&mut connection)
            .unwrap();
        assert!(found.is_empty());
        let (whole, logged) = statements.recv().unwrap();
        assert!(whole.contains("somebody@example.com"), "else this proves nothing: {whole}");
        assert!(logged.starts_with("SELECT") && logged.contains("WHERE"), "{logged}");
        assert!(!logged.contains("somebody"), "{logged}");
    }
}
