//! One connection to whichever database is configured, and the pool's way to open one and to tell when it has to
//! be given up. What each system is told first is in a file of its own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::Connection as _;
use diesel::connection::{DebugQuery, InstrumentationEvent};
use diesel::r2d2::R2D2Connection;
use diesel::result::{DatabaseErrorKind, Error};
use r2d2::ManageConnection;

use crate::config::database::{Backend, DatabaseConfig};
use crate::store::backend::any::{AnyConnection, IfMissing, dispatch};
use crate::store::backend::errors;
use crate::store::error::StoreError;

/// Opens connections for the pool. Clones know of each other's losses.
#[derive(Clone)]
pub struct DatabaseConnector {
    backend: Backend,
    echo: bool,
    losses: Arc<AtomicU64>,
}

impl DatabaseConnector {
    /// Checks what can be said before a connection is opened.
    pub fn new(config: &DatabaseConfig, if_missing: IfMissing) -> Result<Self, StoreError> {
        dispatch!(&config.backend, Backend(target) => connect::check(target, if_missing))?;
        Ok(Self { backend: config.backend.clone(), echo: config.echo, losses: Arc::default() })
    }

    /// Whether writers exclude each other.
    pub fn has_one_writer(&self) -> bool {
        dispatch!(self.backend, Backend => connect::HAS_ONE_WRITER)
    }

    /// What errors call the database.
    pub fn place(&self) -> &dyn fmt::Display {
        &self.backend
    }

    fn open(&self) -> Result<AnyConnection, diesel::r2d2::Error> {
        dispatch!(&self.backend, Backend(target) => connect::open(target))
    }
}

impl ManageConnection for DatabaseConnector {
    type Connection = Pooled;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Pooled, Self::Error> {
        let losses_before = self.losses.load(Ordering::Relaxed);
        let mut any = self.open()?;
        if self.echo {
            any.set_instrumentation(|event: InstrumentationEvent<'_>| {
                if let InstrumentationEvent::StartQuery { query, .. } = event {
                    log::info!("SQL: {}", statement(query));
                }
            });
        }
        Ok(Pooled { any, losses: Arc::clone(&self.losses), losses_before, given_up: false })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), Self::Error> {
        Ok(pooled.any.ping()?)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.given_up || pooled.is_suspect() || pooled.any.is_broken() || std::thread::panicking()
    }
}

/// A connection of the pool, with what the pool has to know of it. Neither client library tells whether a
/// connection is lost before a statement fails, and when one is, the others of the pool are lost as a rule, too:
/// the server was restarted.
pub struct Pooled {
    any: AnyConnection,
    /// How many connections of the pool were found lost.
    losses: Arc<AtomicU64>,
    losses_before: u64,
    given_up: bool,
}

impl Pooled {
    pub fn get(&mut self) -> &mut AnyConnection {
        &mut self.any
    }

    /// Whether it was opened before another connection was found lost.
    pub fn is_suspect(&self) -> bool {
        self.losses_before < self.losses.load(Ordering::Relaxed)
    }

    /// Draws the conclusions from an error. Only what is known to leave a connection intact lets it live.
    pub fn examine(&mut self, error: &Error) {
        use DatabaseErrorKind as Kind;
        match error {
            Error::NotFound
            | Error::DeserializationError(_)
            | Error::DatabaseError(
                Kind::UniqueViolation | Kind::SerializationFailure | Kind::CheckViolation,
                _,
            ) => {}
            other => {
                self.given_up = true;
                if errors::is_connection_lost(&self.any, other) {
                    self.losses.fetch_add(1, Ordering::Relaxed);
                }
            }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use diesel::SqliteConnection;
    use diesel::connection::SimpleConnection as _;
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
