//! Rows of the outbox in `PostgreSQL`. A trigger notifies all workers when a row is committed. libpq tells of that without a query,
//! and diesel gives no way to wait for it, so that it is asked every few milliseconds.

use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgValue};
use diesel::prelude::*;
use diesel::sql_types::Binary;

use crate::store::ledger::outbox::row::{TextBytes, WaitingRow, due, waiting};

/// Shortest and longest pause between two calls of [`has_changed`], which only looks at the socket.
pub const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(4)];

impl FromSql<Binary, Pg> for TextBytes {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        <Vec<u8> as FromSql<Binary, Pg>>::from_sql(value).map(Self)
    }
}

/// Up to `limit` rows that need not wait, and that no other worker is taking.
pub fn lock_waiting(
    postgres: &mut PgConnection,
    before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    waiting(before, limit).for_update().skip_locked().load(postgres)
}

/// The same of rows that were to wait until this time or an earlier one.
pub fn lock_due(
    postgres: &mut PgConnection,
    now: NaiveDateTime,
    before: NaiveDateTime,
    limit: i64,
) -> QueryResult<Vec<WaitingRow>> {
    due(now, before, limit).for_update().skip_locked().load(postgres)
}

pub fn begin_watch(postgres: &mut PgConnection) -> QueryResult<()> {
    postgres.batch_execute("LISTEN fanmail_outbox")
}

/// Whether there was a notification since the last call.
pub fn has_changed(postgres: &mut PgConnection, _seen: &mut i64) -> QueryResult<bool> {
    let mut has_changed = false;
    for notification in postgres.notifications_iter() {
        notification?;
        has_changed = true;
    }
    Ok(has_changed)
}
