//! Transactions: what they see, what they exclude, and repeating one that lost against another.

use std::time::Duration;

use diesel::connection::TransactionManager;
use diesel::{Connection, QueryResult};

use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::backend::errors;

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
    dispatch!(connection, AnyConnection(own) => connect::begin_read(own))?;
    finish(connection, work)
}

/// Runs `work` in a transaction, again when it was defeated by another: by a deadlock, or because both inserted
/// the same key.
pub fn write<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    repeat(connection, |connection| {
        dispatch!(connection, AnyConnection(own) => connect::begin_write(own))?;
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
            Err(error) if tries < TRIES && errors::is_conflict(connection, &error) => {
                log::debug!("a transaction is repeated: {error}");
                std::thread::sleep(Duration::from_millis(fastrand::u64(0..=FIRST_PAUSE << tries)));
                tries += 1;
            }
            result => return result,
        }
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
