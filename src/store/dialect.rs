//! The few statements that differ between database systems, each with a branch for every system. Everything
//! else in this room is written once.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::deserialize::FromSql;
use diesel::dsl::{exists, max};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable, TimestamptzSqlite};
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, deserialize};

use super::connection::{AnyConnection, MultiRawValue};
use super::deliveries::DeliveryRow;
use super::ledger::now;
use super::schema::{deliveries, notifications, participants};
use super::seeding::NewParticipant;

diesel::define_sql_function!(
    /// SQLite: the key of the last row that this connection inserted.
    fn last_insert_rowid() -> BigInt
);

diesel::define_sql_function!(
    /// SQLite: how a value is really stored, whatever its column declares.
    #[sql_name = "typeof"]
    fn stored_as(value: Nullable<BigInt>) -> Text
);

diesel::table! {
    /// What SQLite knows of its own tables and views.
    sqlite_master (name) {
        name -> Text,
        #[sql_name = "type"]
        kind -> Text,
    }
}

/// Rows in one INSERT: SQLite binds at most 32,766 values to a statement (<https://www.sqlite.org/limits.html>).
/// One INSERT for a group is quicker than one for each row: measured on a busy machine, about twice for 100 rows.
const SQLITE_ROWS: usize = 1000;

/// What the database's clock says, UTC, to the millisecond: the time that workers on several machines agree on.
/// A SQLite file has no clock but the machine's.
#[expect(clippy::unnecessary_wraps, reason = "other systems have to be asked")]
pub fn clock(connection: &mut AnyConnection) -> QueryResult<NaiveDateTime> {
    match connection {
        AnyConnection::Sqlite(_) => Ok(now()),
    }
}

/// Key and epoch of those of these notifications that are there, in key order. Until the transaction ends, nobody
/// else can change them. Wants a write transaction: with SQLite it has locked them already.
pub fn lock_notifications(connection: &mut AnyConnection, ids: &[i64]) -> QueryResult<Vec<(i64, i64)>> {
    let columns = (notifications::id, notifications::epoch);
    match connection {
        AnyConnection::Sqlite(sqlite) => notifications::table
            .filter(notifications::id.eq_any(ids))
            .order(notifications::id)
            .select(columns)
            .load(sqlite),
    }
}

/// Adds rows to the ledger; one that is there already stays as it is.
pub fn insert_deliveries(connection: &mut AnyConnection, rows: &[DeliveryRow]) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => rows.chunks(SQLITE_ROWS).try_for_each(|rows| {
            diesel::insert_into(deliveries::table)
                .values(rows)
                .on_conflict_do_nothing()
                .execute(sqlite)
                .map(drop)
        }),
    }
}

/// The key of the notification that this connection has just inserted.
pub fn last_inserted_id(connection: &mut AnyConnection) -> QueryResult<i64> {
    match connection {
        AnyConnection::Sqlite(sqlite) => diesel::select(last_insert_rowid()).get_result(sqlite),
    }
}

/// Adds made-up participants.
pub fn insert_participants(connection: &mut AnyConnection, rows: &[NewParticipant]) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => rows.chunks(SQLITE_ROWS).try_for_each(|rows| {
            diesel::insert_into(participants::table).values(rows).execute(sqlite).map(drop)
        }),
    }
}

/// Whether the database knows `name` as a view.
pub fn is_view(connection: &mut AnyConnection, name: &str) -> QueryResult<bool> {
    match connection {
        AnyConnection::Sqlite(sqlite) => diesel::select(exists(
            sqlite_master::table.filter(sqlite_master::kind.eq("view")).filter(sqlite_master::name.eq(name)),
        ))
        .get_result(sqlite),
    }
}

/// Refuses keys that cannot be paged through. SQLite stores anything in any column and sorts text after every
/// number, so that people whose keys are text would be left out without a word.
pub fn check_participant_keys(connection: &mut AnyConnection) -> QueryResult<()> {
    match connection {
        AnyConnection::Sqlite(sqlite) => {
            let largest: String =
                participants::table.select(stored_as(max(participants::id))).first(sqlite)?;
            match largest.as_str() {
                "integer" | "null" => Ok(()),
                other => Err(Error::DeserializationError(
                    format!("participants.id holds {other}, but must be a whole number").into(),
                )),
            }
        }
    }
}

/// Reads a time of the application, in UTC. SQLite has no type for times: most shapes of ISO 8601 are text
/// that is understood, an offset included, and without one it is taken for UTC.
pub fn read_time(value: MultiRawValue<'_>) -> deserialize::Result<DateTime<Utc>> {
    match value {
        MultiRawValue::Sqlite(value) => {
            <DateTime<Utc> as FromSql<TimestamptzSqlite, Sqlite>>::from_sql(value)
        }
    }
}
