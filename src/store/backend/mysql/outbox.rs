//! Rows of the outbox in `MySQL` and `MariaDB`, which do not tell of a new row: they are asked.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql};
use diesel::mysql::{Mysql, MysqlValue};
use diesel::prelude::*;
use diesel::sql_types::Binary;

use crate::store::ledger::outbox::row::{TextBytes, WaitingRow, due, waiting};
use crate::store::schema::outbox;

/// Shortest and longest pause between two looks, which are a query.
pub const PAUSES: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(100)];

impl FromSql<Binary, Mysql> for TextBytes {
    fn from_sql(value: MysqlValue<'_>) -> deserialize::Result<Self> {
        <Vec<u8> as FromSql<Binary, Mysql>>::from_sql(value).map(Self)
    }
}

/// Up to `limit` rows that need not wait, and that no other worker is taking.
pub fn lock_waiting(
    mysql: &mut MysqlConnection,
    before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    // With `not_before` in it, which is NULL in all of them, MariaDB sorts all rows that wait, and locks them.
    let order = (outbox::priority.desc(), outbox::id);
    waiting(before, limit).order(order).for_update().skip_locked().load(mysql)
}

/// The same of rows that were to wait until this time or an earlier one.
pub fn lock_due(
    mysql: &mut MysqlConnection,
    now: NaiveDateTime,
    before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    due(now, before, limit).for_update().skip_locked().load(mysql)
}

#[expect(clippy::unnecessary_wraps, reason = "another system may fail")]
pub fn begin_watch(_mysql: &mut MysqlConnection) -> QueryResult<()> {
    Ok(())
}

#[expect(clippy::unnecessary_wraps, reason = "another system may fail")]
pub fn has_changed(_mysql: &mut MysqlConnection, _seen: &mut i64) -> QueryResult<bool> {
    Ok(true)
}
