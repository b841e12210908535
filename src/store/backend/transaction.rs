//! Transactions: what they see, what they exclude, and their repetition after a conflict. How a database begins one is left
//! to its folder.

use std::time::Duration;

use diesel::connection::TransactionManager;
use diesel::{Connection, QueryResult};

use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::backend::errors;

type Manager = <AnyConnection as Connection>::TransactionManager;

/// Most tries of a transaction that conflicts with others.
const MAX_TRIES: u32 = 8;

/// Longest pause after the first conflict, in milliseconds. It doubles with each conflict.
const FIRST_PAUSE_MS: u64 = 5;

/// Runs `work` in a transaction that sees one state of the database, whatever other connections write meanwhile.
pub fn read<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    dispatch!(connection, AnyConnection(own) => connect::begin_read(own))?;
    commit_or_roll_back(connection, work)
}

/// Runs `work` in a transaction, and repeats it after a conflict with another one: a deadlock, or the same key inserted by
/// both.
pub fn write<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    repeat(connection, |connection| {
        dispatch!(connection, AnyConnection(own) => connect::begin_write(own))?;
        commit_or_roll_back(connection, &mut work)
    })
}

/// Runs `work`, a transaction or a single statement, and repeats it after a conflict.
pub fn repeat<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    let mut tries = 1;
    loop {
        match work(connection) {
            Err(error) if tries < MAX_TRIES && errors::is_conflict(connection, &error) => {
                log::debug!("repeating a transaction after a conflict: {error}");
                std::thread::sleep(Duration::from_millis(fastrand::u64(0..=FIRST_PAUSE_MS << tries)));
                tries += 1;
            }
            result => return result,
        }
    }
}

fn commit_or_roll_back<T>(
    connection: &mut AnyConnection,
    work: impl FnOnce(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    match work(connection) {
        // A commit that is refused is rolled back by diesel.
        Ok(value) => Manager::commit_transaction(connection).map(|()| value),
        Err(error) => {
            // The database has often rolled back by itself, for example when the disk is full. The pool discards a
            // connection whose rollback failed. The caller needs the first cause.
            if let Err(rollback) = Manager::rollback_transaction(connection) {
                log::debug!("discarding a connection: its rollback failed: {rollback}");
            }
            Err(error)
        }
    }
}
