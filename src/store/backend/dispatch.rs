//! What differs between database systems. Every file of this room has the same functions, one system a file;
//! everything else in the store is written once.

use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::QueryResult;
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::sql_types::{BigInt, Text};

use crate::domain::ids::{Epoch, NotificationId};
use crate::store::backend::any::{AnyConnection, MultiBackend, MultiRawValue};
#[cfg(feature = "mysql")]
use crate::store::backend::mysql;
#[cfg(feature = "postgres")]
use crate::store::backend::postgres;
use crate::store::backend::sqlite;
use crate::store::backend::transaction;
use crate::store::ledger::row::DeliveryRow;
use crate::store::source::seed_rows::NewParticipant;

/// Rows in one INSERT. SQLite binds at most 32,766 values to a statement (<https://www.sqlite.org/limits.html>), the
/// servers 65,535.
pub(super) const ROWS: usize = 1000;

/// Calls the function of the connection's system.
macro_rules! dispatch {
    ($function:ident($connection:expr $(, $argument:expr)*)) => {
        match $connection {
            AnyConnection::Sqlite(connection) => sqlite::dialect::$function(connection $(, $argument)*),
            #[cfg(feature = "postgres")]
            AnyConnection::Postgres(connection) => postgres::dialect::$function(connection $(, $argument)*),
            #[cfg(feature = "mysql")]
            AnyConnection::Mysql(connection) => mysql::dialect::$function(connection $(, $argument)*),
        }
    };
}

/// Name and version of the database system, for people.
pub fn version(connection: &mut AnyConnection) -> QueryResult<String> {
    dispatch!(version(connection))
}

/// What the database's clock says, UTC, to the millisecond: the time that workers on several machines agree on.
/// A SQLite file has no clock but the machine's.
pub fn clock(connection: &mut AnyConnection) -> QueryResult<NaiveDateTime> {
    dispatch!(clock(connection))
}

/// Key and epoch of those of these notifications that are there, in key order. Until the transaction ends, nobody
/// else can change them. Wants a write transaction: with SQLite it has locked them already.
pub fn lock_notifications(
    connection: &mut AnyConnection,
    ids: &[NotificationId],
) -> QueryResult<Vec<(NotificationId, Epoch)>> {
    dispatch!(lock_notifications(connection, ids))
}

/// Adds those rows to the ledger whose epoch is current, all or none, and returns what [`lock_notifications`] says of
/// these `ids`; nobody can change it before the rows are committed. A row that is there already stays as it is.
pub fn record_deliveries(
    connection: &mut AnyConnection,
    ids: &[NotificationId],
    rows: &[DeliveryRow],
) -> QueryResult<Vec<(NotificationId, Epoch)>> {
    let work = |connection: &mut AnyConnection| dispatch!(record_deliveries(connection, ids, rows));
    match connection {
        AnyConnection::Sqlite(_) => transaction::write(connection, work),
        // One statement, which is a transaction by itself.
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => transaction::repeat(connection, work),
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(_) => transaction::write(connection, work),
    }
}

/// The key of the notification that this connection has just inserted, in the same transaction.
pub fn last_inserted_id(connection: &mut AnyConnection) -> QueryResult<NotificationId> {
    dispatch!(last_inserted_id(connection))
}

/// Adds made-up participants.
pub fn insert_participants(connection: &mut AnyConnection, rows: &[NewParticipant]) -> QueryResult<()> {
    rows.chunks(ROWS).try_for_each(|rows| dispatch!(insert_participants(connection, rows)))
}

/// Whether the database knows `name` as a view.
pub fn is_view(connection: &mut AnyConnection, name: &str) -> QueryResult<bool> {
    dispatch!(is_view(connection, name))
}

/// Runs `work`, which makes tables, while no other process does so.
pub fn migrate_alone<T>(
    connection: &mut AnyConnection,
    work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    match connection {
        AnyConnection::Sqlite(_) => sqlite::dialect::migrate_alone(connection, work),
        #[cfg(feature = "postgres")]
        AnyConnection::Postgres(_) => postgres::dialect::migrate_alone(connection, work),
        #[cfg(feature = "mysql")]
        AnyConnection::Mysql(_) => mysql::dialect::migrate_alone(connection, work),
    }
}

/// Refuses columns of the application that would be misread, above all keys that cannot be paged through.
pub fn check_types(connection: &mut AnyConnection) -> QueryResult<()> {
    dispatch!(check_types(connection))
}

/// Reads a time of the application, in UTC.
pub fn read_time(value: MultiRawValue<'_>) -> deserialize::Result<DateTime<Utc>> {
    match value {
        MultiRawValue::Sqlite(value) => sqlite::dialect::read_time(value),
        #[cfg(feature = "postgres")]
        MultiRawValue::Postgres(value) => postgres::dialect::read_time(value),
        #[cfg(feature = "mysql")]
        MultiRawValue::Mysql(value) => mysql::dialect::read_time(value),
    }
}

/// A key of the application, whatever type of whole number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromSqlRow)]
#[diesel(sql_type = BigInt)]
pub struct AppKey(pub i64);

impl FromSql<BigInt, MultiBackend> for AppKey {
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        match value {
            // PostgreSQL sends an INTEGER in four bytes, whatever is asked for.
            #[cfg(feature = "postgres")]
            MultiRawValue::Postgres(value) => postgres::dialect::read_key(&value),
            other => other.from_sql::<i64, BigInt>(),
        }
        .map(Self)
    }
}

/// A text of the application. SQLite keeps any bytes as text; what is not UTF-8 in them is replaced (U+FFFD), so that one
/// row does not hold up everybody's mail.
#[derive(Debug, Clone, PartialEq, Eq, FromSqlRow)]
#[diesel(sql_type = Text)]
pub struct AppText(pub String);

impl FromSql<Text, MultiBackend> for AppText {
    fn from_sql(value: MultiRawValue<'_>) -> deserialize::Result<Self> {
        match value {
            MultiRawValue::Sqlite(value) => sqlite::dialect::read_text(value),
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            other => other.from_sql::<String, Text>(),
        }
        .map(Self)
    }
}
