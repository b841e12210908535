//! Rows of the outbox in SQLite: a write transaction has locked them already, and a counter in the file tells that another
//! connection has committed anything.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::BigInt;

use crate::store::ledger::outbox::row::{WaitingRow, due, waiting};

/// Shortest and longest pause between two calls of [`has_changed`], which reads a few bytes.
pub const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(4)];

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

/// Up to `limit` rows that need not wait.
pub fn lock_waiting(sqlite: &mut SqliteConnection, limit: i64) -> QueryResult<Vec<WaitingRow>> {
    waiting(limit).load(sqlite)
}

/// Up to `limit` rows that were to wait until this time or an earlier one.
pub fn lock_due(
    sqlite: &mut SqliteConnection,
    now: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    due(now, limit).load(sqlite)
}

#[expect(clippy::unnecessary_wraps, reason = "another system may fail")]
pub fn begin_watch(_sqlite: &mut SqliteConnection) -> QueryResult<()> {
    Ok(())
}

/// Whether another connection has committed anything since the last call.
pub fn has_changed(sqlite: &mut SqliteConnection, seen: &mut i64) -> QueryResult<bool> {
    let Version { data_version } = sql_query("PRAGMA data_version").get_result(sqlite)?;
    Ok(std::mem::replace(seen, data_version) != data_version)
}
