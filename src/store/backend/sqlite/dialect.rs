//! Statements of SQLite. It stores any value in any column, has one writer at a time, and no type for times.

use chrono::NaiveDateTime;
use diesel::connection::SimpleConnection as _;
use diesel::deserialize::{self, FromSql};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Text, Timestamp};
use diesel::sqlite::{Sqlite, SqliteConnection, SqliteType, SqliteValue};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::{DatabaseTime, EarlierTime, machine_time};
use crate::store::backend::transaction;
use crate::store::ledger::deferrals::row::DeferralRow;
use crate::store::ledger::deliveries::row::DeliveryRow;
use crate::store::ledger::opening::row::NewNotification;
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::ledger::sessions::row::LockedSession;
use crate::store::schema::{INSERT_ROWS, broker_sessions, deferrals, deliveries, notifications};

diesel::define_sql_function!(
    /// The version of SQLite.
    fn sqlite_version() -> Text
);

diesel::define_sql_function!(
    /// The key of the last row that this connection inserted.
    fn last_insert_rowid() -> BigInt
);

diesel::define_sql_function!(
    /// The text in small letters: names are the same in small and in capital letters.
    fn lower(text: Text) -> Text
);

diesel::table! {
    /// SQLite's list of tables and views.
    sqlite_master (name) {
        name -> Text,
        #[sql_name = "type"]
        kind -> Text,
    }
}

/// Whether [`record_deliveries`] is one statement, and so needs no transaction around it.
pub const RECORDS_IN_ONE_STATEMENT: bool = false;

/// Up to so many rows, a statement for each that is prepared already costs less than one for all of them.
const PREPARED_ROWS: usize = 4;

/// The same for new notifications, whose many columns make a statement for many rows long.
const PREPARED_NOTIFICATIONS: usize = 32;

/// Whether each statement is a round trip.
pub const HAS_ROUND_TRIPS: bool = false;

/// The type of any text in a CAST.
pub const TEXT: &str = "TEXT";

/// The type BIGINT in a CAST.
pub const BIGINT: &str = "INTEGER";

/// The type of a time in a CAST: times are texts.
pub const TIMESTAMP: &str = "TEXT";

/// An address as far as SQL can compare it: without blanks around it, and in small letters.
pub const FOLDED_EMAIL: &str = "lower(trim(email))";

/// An address without blanks around it, NULL if nothing is left, in a form in which only the same bytes are equal.
pub const EXACT_EMAIL: &str = "NULLIF(trim(email), '')";

/// What stands before and behind a pattern that addresses in small letters are compared with.
pub const EMAIL_LIKE: [&str; 2] = ["lower(email) LIKE ", ""];

/// Whether one of a group has something else in it than visible ASCII.
pub const IS_UNUSUAL_EMAIL: &str = "max(trim(email) GLOB '*[^!-~]*') = 1";

/// What makes a query be read and not run, to learn whether its columns exist: SQLite evaluates what is constant in a view even where no
/// row is asked for.
pub const DESCRIBE_QUERY: &str = "EXPLAIN ";

/// Part of the binary, so that a deployment is one file.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// It is a library: nothing ends its statements but their caller.
pub fn statement_limit(_seconds: u32) -> String {
    String::new()
}

pub fn text_literal(text: &str) -> String {
    format!("'{text}'")
}

pub fn version(sqlite: &mut SqliteConnection) -> QueryResult<String> {
    let version: String = diesel::select(sqlite_version()).get_result(sqlite)?;
    Ok(format!("SQLite {version}"))
}

#[expect(clippy::unnecessary_wraps, reason = "the other systems have to be asked")]
pub fn clock(_sqlite: &mut SqliteConnection) -> QueryResult<NaiveDateTime> {
    Ok(machine_time())
}

impl QueryFragment<Sqlite> for DatabaseTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_bind_param::<Timestamp, _>(&self.machine)
    }
}

impl QueryFragment<Sqlite> for EarlierTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_bind_param::<Timestamp, _>(&self.machine)
    }
}

pub fn lock_session(sqlite: &mut SqliteConnection, name: &str) -> QueryResult<Option<LockedSession>> {
    broker_sessions::table
        .find(name)
        .select((DatabaseTime::now(), broker_sessions::lost_at, broker_sessions::closed_at))
        .first(sqlite)
        .optional()
}

pub fn lock_notifications(sqlite: &mut SqliteConnection, ids: &[NotificationId]) -> QueryResult<Vec<Lease>> {
    let leases =
        notifications::table.order(notifications::id).select((notifications::id, notifications::epoch));
    if ids.len() > PREPARED_ROWS {
        return leases.filter(notifications::id.eq_any(ids)).load(sqlite);
    }
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut found = Vec::with_capacity(sorted.len());
    for id in sorted {
        found.extend(leases.filter(notifications::id.eq(id)).first::<Lease>(sqlite).optional()?);
    }
    Ok(found)
}

/// One INSERT for many rows, although it is prepared each time: with nine rows, a cached statement for each row takes 1.5
/// times as many instructions.
pub fn record_deliveries(
    sqlite: &mut SqliteConnection,
    ids: &[NotificationId],
    rows: &[DeliveryRow],
) -> QueryResult<Vec<Lease>> {
    let current = lock_notifications(sqlite, ids)?;
    let valid: Vec<&DeliveryRow> = rows.iter().filter(|row| row.is_valid(&current)).collect();
    if valid.len() <= PREPARED_ROWS {
        for row in valid {
            diesel::insert_into(deliveries::table).values(row).on_conflict_do_nothing().execute(sqlite)?;
        }
        return Ok(current);
    }
    for rows in valid.chunks(INSERT_ROWS) {
        diesel::insert_into(deliveries::table)
            .values(rows.to_vec())
            .on_conflict_do_nothing()
            .execute(sqlite)?;
    }
    Ok(current)
}

#[expect(clippy::unnecessary_wraps, reason = "another system may fail")]
pub fn append_recipients(
    _connection: &mut SqliteConnection,
    _new: &NewRecipients<'_>,
) -> QueryResult<Option<Appended>> {
    Ok(None)
}

pub fn insert_deferrals(sqlite: &mut SqliteConnection, rows: &[DeferralRow]) -> QueryResult<()> {
    diesel::insert_into(deferrals::table).values(rows).on_conflict_do_nothing().execute(sqlite).map(drop)
}

/// AUTOINCREMENT gives the rows of a transaction keys that follow one another.
pub fn insert_notifications(
    sqlite: &mut SqliteConnection,
    rows: &[NewNotification<'_>],
) -> QueryResult<Vec<NotificationId>> {
    if rows.len() <= PREPARED_NOTIFICATIONS {
        for row in rows {
            diesel::insert_into(notifications::table).values(row).execute(sqlite)?;
        }
    } else {
        diesel::insert_into(notifications::table).values(rows).execute(sqlite)?;
    }
    let NotificationId(last) = last_inserted_id(sqlite)?;
    let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    Ok((last - count + 1..=last).map(NotificationId).collect())
}

fn last_inserted_id(sqlite: &mut SqliteConnection) -> QueryResult<NotificationId> {
    diesel::select(last_insert_rowid()).get_result(sqlite)
}

#[expect(clippy::unnecessary_wraps, reason = "the other systems have to be asked")]
pub fn choose_larger_keys(_sqlite: &mut SqliteConnection, _table: &str) -> QueryResult<()> {
    Ok(())
}

pub fn is_view(sqlite: &mut SqliteConnection, name: &str) -> QueryResult<bool> {
    diesel::select(exists(
        sqlite_master::table.filter(sqlite_master::kind.eq("view")).filter(sqlite_master::name.eq(name)),
    ))
    .get_result(sqlite)
}

/// Whether a table, a view or an index has the name, which must be in small letters. Migrations are all done or not at all,
/// so that before one of them none of these is fanmail's.
pub fn is_name_in_use(sqlite: &mut SqliteConnection, name: &str, _columns: &[&str]) -> QueryResult<bool> {
    let same_name = sqlite_master::table
        .filter(lower(sqlite_master::name).eq(name))
        .filter(sqlite_master::kind.ne("trigger"));
    diesel::select(exists(same_name)).get_result(sqlite)
}

/// A write transaction excludes all others. A migration drops a table and puts a copy in its place. With foreign keys
/// enforced, SQLite would delete the rows of the application that refer to that table, or refuse
/// (<https://www.sqlite.org/foreignkeys.html#fk_schemacommands>). Within a transaction the setting cannot be changed.
pub fn migrate_alone<T>(
    connection: &mut AnyConnection,
    work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    connection.batch_execute("PRAGMA foreign_keys = OFF")?;
    let result = transaction::write(connection, work);
    let enforced_again = connection.batch_execute("PRAGMA foreign_keys = ON");
    result.and_then(|value| enforced_again.map(|()| value))
}

/// Whether a text or bytes are stored, whatever the type of the column is.
pub fn is_text(value: &SqliteValue<'_, '_, '_>) -> bool {
    matches!(value.value_type(), Some(SqliteType::Text | SqliteType::Binary))
}

/// Any length is read as eight bytes. A number with a fraction would lose it, and get the key of another row; one beyond these is
/// not exact.
pub fn read_key(mut value: SqliteValue<'_, '_, '_>) -> deserialize::Result<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.value_type() == Some(SqliteType::Double) {
        let key = value.read_double();
        if key.fract() != 0.0 || key.abs() > EXACT {
            return Err(format!("the key {key} is not a whole number that fanmail can use").into());
        }
    }
    <i64 as FromSql<BigInt, Sqlite>>::from_sql(value)
}
