//! How the pool opens a connection to the configured database, and which connections it discards. The settings of a
//! connection are left to the folders of the databases.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::{DebugQuery, InstrumentationEvent, SimpleConnection as _};
use diesel::r2d2::R2D2Connection;
use diesel::result::Error;
use diesel::{Connection as _, QueryResult};
use r2d2::ManageConnection;

use crate::config::database::{Backend, DatabaseConfig};
use crate::store::backend::any::{AnyConnection, Preparation, dispatch};
use crate::store::backend::errors;
use crate::store::error::StoreError;

/// How long a database may keep the plan of a prepared statement at first; then twice as long, and so on up to the second
/// one. `PostgreSQL` keeps a plan that it made while the tables were tiny until it happens to look at them again:
/// completing one notification then reads all participants (2.4 s at a million).
const PLAN_LIFETIME: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Opens connections for the pool. Clones share the count of lost connections.
#[derive(Clone)]
pub struct DatabaseConnector {
    backend: Backend,
    preparation: Preparation,
    echo: bool,
    lost_connections: Arc<AtomicU64>,
}

impl DatabaseConnector {
    /// Checks what can be checked before a connection is opened.
    pub fn new(config: &DatabaseConfig, preparation: Preparation) -> Result<Self, StoreError> {
        dispatch!(&config.backend, Backend(target) => connect::check(target, preparation))?;
        Ok(Self {
            backend: config.backend.clone(),
            preparation,
            echo: config.echo,
            lost_connections: Arc::default(),
        })
    }

    /// Whether writers exclude each other.
    pub fn has_one_writer(&self) -> bool {
        dispatch!(self.backend, Backend => connect::HAS_ONE_WRITER)
    }

    /// How the names of the files of its client libraries begin.
    pub fn client_libraries(&self) -> &'static [&'static str] {
        dispatch!(self.backend, Backend => connect::CLIENT_LIBRARIES)
    }

    /// The database as errors name it: without user and password.
    pub fn display_name(&self) -> &dyn fmt::Display {
        &self.backend
    }

    /// The user that logs in, if it is configured.
    pub fn user(&self) -> Option<&str> {
        self.backend.user()
    }

    fn open(&self) -> Result<AnyConnection, diesel::r2d2::Error> {
        dispatch!(&self.backend, Backend(target) => connect::open(target, self.preparation))
    }
}

impl ManageConnection for DatabaseConnector {
    type Connection = Pooled;
    type Error = diesel::r2d2::Error;

    fn connect(&self) -> Result<Pooled, Self::Error> {
        let lost_before_opening = self.lost_connections.load(Ordering::Relaxed);
        let mut any = self.open()?;
        if self.echo {
            any.set_instrumentation(|event: InstrumentationEvent<'_>| {
                if let InstrumentationEvent::StartQuery { query, .. } = event {
                    log::info!("SQL: {}", statement(query));
                }
            });
        }
        Ok(Pooled {
            any,
            lost_connections: Arc::clone(&self.lost_connections),
            lost_before_opening,
            discarded: false,
            planned_at: Instant::now(),
            plan_lifetime: PLAN_LIFETIME[0],
        })
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), Self::Error> {
        Ok(pooled.any.ping()?)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.discarded || pooled.is_suspect() || pooled.any.is_broken() || std::thread::panicking()
    }
}

/// A connection of the pool. No client library notices a lost connection before a statement fails. When one is lost, the
/// others of the pool are usually lost, too, because the server was restarted.
pub struct Pooled {
    any: AnyConnection,
    /// Lost connections so far, of all pools of this database.
    lost_connections: Arc<AtomicU64>,
    lost_before_opening: u64,
    discarded: bool,
    /// When the plans of its prepared statements were discarded last.
    planned_at: Instant,
    plan_lifetime: Duration,
}

impl Pooled {
    pub fn get(&mut self) -> &mut AnyConnection {
        &mut self.any
    }

    /// Has the database plan anew if its plans are old (see [`PLAN_LIFETIME`]).
    pub fn discard_old_plans(&mut self) -> QueryResult<()> {
        let Some(statement) = dispatch!(self.any, AnyConnection => connect::DISCARD_PLANS) else {
            return Ok(());
        };
        if self.planned_at.elapsed() > self.plan_lifetime {
            self.any.batch_execute(statement)?;
            self.planned_at = Instant::now();
            self.plan_lifetime = PLAN_LIFETIME[1].min(self.plan_lifetime * 2);
        }
        Ok(())
    }

    /// Whether it was opened before another connection was found lost.
    pub fn is_suspect(&self) -> bool {
        self.lost_before_opening < self.lost_connections.load(Ordering::Relaxed)
    }

    /// Discards the connection unless the error is one that is known to leave a connection intact.
    pub fn record_error(&mut self, error: &Error) {
        match error {
            // After any error among the rows of a result, MariaDB's client library may wait for ever on the same connection.
            Error::NotFound | Error::DeserializationError(_) => {}
            other => {
                self.discarded = true;
                if errors::is_connection_lost(&self.any, other) {
                    self.lost_connections.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

/// A statement for the log, without the values that are bound to it: they may be addresses.
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
