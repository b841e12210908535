//! Transactions: what they see, what they exclude, and repeating one that lost against another.

use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error};
use diesel::{Connection, QueryResult};

use crate::store::backend::any::AnyConnection;

type Manager = <AnyConnection as Connection>::TransactionManager;

/// How often a transaction is tried that others keep defeating.
const TRIES: u32 = 8;

/// Most that is waited after the first defeat; it doubles with each. In milliseconds.
const FIRST_PAUSE: u64 = 5;

/// Runs `work` in a transaction that sees one state of the database, whatever others write meanwhile.
pub fn read<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    begin_reading(connection)?;
    finish(connection, work)
}

/// Runs `work` in a transaction, again when it was defeated by another: by a deadlock, or because both inserted
/// the same key.
pub fn write<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    repeat(connection, |connection| {
        begin_writing(connection)?;
        finish(connection, &mut work)
    })
}

/// Runs `work`, again when it was defeated by another: a transaction, or a statement that is one by itself.
pub fn repeat<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    let mut tries = 1;
    loop {
        match work(connection) {
            Err(error) if tries < TRIES && is_defeat(&error) => {
                log::debug!("a transaction is repeated: {error}");
                std::thread::sleep(Duration::from_millis(fastrand::u64(0..=FIRST_PAUSE << tries)));
                tries += 1;
            }
            result => return result,
        }
    }
}

fn begin_reading(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN"),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(postgres) => AnsiTransactionManager::begin_transaction_sql(
            postgres,
            "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        ),
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(mysql) => {
            use diesel::connection::SimpleConnection as _;
            // For the next transaction only.
            mysql.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")?;
            AnsiTransactionManager::begin_transaction_sql(mysql, "START TRANSACTION READ ONLY")
        }
    }
}

fn begin_writing(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        // A transaction that begins by reading cannot start to write when another has written since: it fails
        // at once, whatever the timeout.
        AnyConnection::Sqlite(sqlite) => {
            AnsiTransactionManager::begin_transaction_sql(sqlite, "BEGIN IMMEDIATE")
        }
        #[cfg(any(feature = "mysql", feature = "postgres"))]
        server => Manager::begin_transaction(server),
    }
}

fn finish<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    match work(connection) {
        // A commit that is refused is rolled back by diesel.
        Ok(value) => Manager::commit_transaction(connection).map(|()| value),
        Err(error) => {
            // The database has often rolled back by itself (disk full, say). The pool gives up a connection whose
            // rollback failed, and the cause is what the caller needs.
            if let Err(rollback) = Manager::rollback_transaction(connection) {
                log::debug!("a connection is given up, its rollback failed: {rollback}");
            }
            Err(error)
        }
    }
}

/// Whether nothing was wrong with the transaction but its neighbours.
fn is_defeat(error: &Error) -> bool {
    // PostgreSQL's deadlock, MySQL's wait for a lock, MariaDB's changed row: diesel has no kinds for them.
    const WORDS: [&str; 3] =
        ["deadlock detected", "try restarting transaction", "Record has changed since last read"];
    match error {
        Error::DatabaseError(
            DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::UniqueViolation,
            _,
        ) => true,
        Error::DatabaseError(_, cause) => WORDS.iter().any(|words| cause.message().contains(words)),
        _ => false,
    }
}
