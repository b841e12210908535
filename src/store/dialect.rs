//! The few statements that differ between database systems, each with a branch for every system. Everything
//! else in this room is written once.

use chrono::{DateTime, Utc};
use diesel::deserialize::FromSql;
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::sql_types::TimestamptzSqlite;
use diesel::sqlite::Sqlite;
use diesel::{QueryResult, deserialize};

use super::connection::{AnyConnection, MultiRawValue};
use super::deliveries::DeliveryRow;
use super::schema::{deliveries, participants};
use super::seeding::NewParticipant;

diesel::define_sql_function!(
    /// SQLite: the key of the last row that this connection inserted.
    fn last_insert_rowid() -> BigInt
);

diesel::table! {
    /// What SQLite knows of its own tables and views.
    sqlite_master (name) {
        name -> Text,
        #[sql_name = "type"]
        kind -> Text,
    }
}

/// Adds rows to the ledger; one that is there already stays as it is.
pub fn insert_deliveries(connection: &mut AnyConnection, rows: &[DeliveryRow<'_>]) -> QueryResult<()> {
    match connection {
        // Row by row, because the statement is prepared once.
        AnyConnection::Sqlite(sqlite) => rows.iter().try_for_each(|row| {
            diesel::insert_into(deliveries::table)
                .values(row)
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
        AnyConnection::Sqlite(sqlite) => rows.iter().try_for_each(|row| {
            diesel::insert_into(participants::table)
                .values(row)
                .execute(sqlite)
                .map(drop)
        }),
    }
}

/// Whether the database knows `name` as a view.
pub fn is_view(connection: &mut AnyConnection, name: &str) -> QueryResult<bool> {
    match connection {
        AnyConnection::Sqlite(sqlite) => diesel::select(exists(
            sqlite_master::table
                .filter(sqlite_master::kind.eq("view"))
                .filter(sqlite_master::name.eq(name)),
        ))
        .get_result(sqlite),
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
