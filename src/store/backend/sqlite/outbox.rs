//! Rows of the outbox in SQLite: a write transaction has locked them already, and a counter in the file tells that another
//! connection has committed anything.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Binary};
use diesel::sqlite::{Sqlite, SqliteType, SqliteValue};

use crate::store::ledger::outbox::row::{TextBytes, WaitingRow, due, waiting};

/// Shortest and longest pause between two calls of [`has_changed`], which reads a few bytes.
pub const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(4)];

#[derive(QueryableByName)]
struct Version {
    #[diesel(sql_type = BigInt)]
    data_version: i64,
}

impl FromSql<Binary, Sqlite> for TextBytes {
    /// The bytes of a text are UTF-16 in a file whose text is, and need not be UTF-8 in another one.
    fn from_sql(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        if value.value_type() == Some(SqliteType::Binary) {
            return Ok(Self(value.read_blob().to_vec()));
        }
        let text = value.read_text().to_owned();
        let bytes = value.read_blob();
        let is_replaced =
            text.contains(char::REPLACEMENT_CHARACTER) && text == String::from_utf8_lossy(bytes);
        Ok(Self(if is_replaced { bytes.to_vec() } else { text.into_bytes() }))
    }
}

/// Up to `limit` rows that need not wait.
pub fn lock_waiting(
    sqlite: &mut SqliteConnection,
    before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    waiting(before, limit).load(sqlite)
}

/// Up to `limit` rows that were to wait until this time or an earlier one.
pub fn lock_due(
    sqlite: &mut SqliteConnection,
    now: NaiveDateTime,
    before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    due(now, before, limit).load(sqlite)
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
