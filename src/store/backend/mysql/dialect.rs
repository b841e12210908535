//! Statements of `MySQL` and `MariaDB`. The client library converts values to the type that is asked for, as well as it
//! can. Statements that create tables cannot be part of a transaction.

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql};
use diesel::dsl::DuplicatedKeys;
use diesel::mysql::{Mysql, MysqlConnection, MysqlType, MysqlValue};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::result::Error;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamp, Unsigned};
use diesel::{QueryableByName, sql_query};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::{DatabaseTime, EarlierTime};
use crate::store::ledger::deferrals::row::DeferralRow;
use crate::store::ledger::deliveries::row::DeliveryRow;
use crate::store::ledger::opening::row::{InsertedKey, NewNotification, keys_in_order};
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::ledger::sessions::row::LockedSession;
use crate::store::schema::{INSERT_ROWS, broker_sessions, deferrals, deliveries, notifications};

/// The time when the statement began, UTC, to the millisecond.
const TIME: &str = "UTC_TIMESTAMP(3)";

diesel::define_sql_function!(
    /// The key of the last row that this connection inserted.
    fn last_insert_id() -> BigInt
);

diesel::define_sql_function!(
    /// The version of the server.
    #[sql_name = "VERSION"]
    fn server_version() -> Text
);

/// Whether [`record_deliveries`] is one statement, and so needs no transaction around it.
pub const RECORDS_IN_ONE_STATEMENT: bool = false;

/// Whether each statement is a round trip.
pub const HAS_ROUND_TRIPS: bool = true;

/// The type of any text in a CAST.
pub const TEXT: &str = "CHAR";

/// The type BIGINT in a CAST.
pub const BIGINT: &str = "SIGNED";

/// The type of a time without a zone in a CAST.
pub const TIMESTAMP: &str = "DATETIME";

/// An address as far as SQL can compare it: without blanks around it, and in small letters if it is ASCII. With most collations
/// `ä` is `a`, and a text equals the same one with blanks behind it.
pub const FOLDED_EMAIL: &str =
    "TRIM(IF(LENGTH(CONVERT(email USING utf8mb4)) = CHAR_LENGTH(CONVERT(email USING utf8mb4)),
    LOWER(CONVERT(email USING utf8mb4)), CONVERT(email USING utf8mb4))) COLLATE utf8mb4_bin";

/// An address without blanks around it, NULL if nothing is left, in a form in which only the same bytes are equal.
pub const EXACT_EMAIL: &str = "NULLIF(CAST(TRIM(CONVERT(email USING utf8mb4)) AS BINARY), '')";

/// What stands before and behind a pattern that addresses in small letters are compared with.
pub const EMAIL_LIKE: [&str; 2] = ["LOWER(CONVERT(email USING utf8mb4)) LIKE ", ""];

/// Whether one of a group has something else in it than visible ASCII.
pub const IS_UNUSUAL_EMAIL: &str =
    "MAX(TRIM(CONVERT(email USING utf8mb4)) COLLATE utf8mb4_bin REGEXP '[^!-~]') = 1";

/// A query for no rows evaluates none.
pub const DESCRIBE_QUERY: &str = "";

/// Part of the binary, so that a deployment is one file.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/mysql");

pub fn text_literal(text: &str) -> String {
    format!("'{text}'")
}

/// Each of the two systems reads the comment with its own variable.
pub fn statement_limit(seconds: u32) -> String {
    let milliseconds = u64::from(seconds) * 1000;
    format!(
        "SET SESSION sql_mode = @@SESSION.sql_mode /*M!100101 , max_statement_time = {seconds} */
            /*!50708 , max_execution_time = {milliseconds} */"
    )
}

/// The version of `MariaDB` names it.
pub fn version(mysql: &mut MysqlConnection) -> QueryResult<String> {
    let version: String = diesel::select(server_version()).get_result(mysql)?;
    Ok(match version.split_once("-MariaDB") {
        Some((number, _)) => format!("MariaDB {number}"),
        None => format!("MySQL {version}"),
    })
}

pub fn clock(mysql: &mut MysqlConnection) -> QueryResult<NaiveDateTime> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamp)]
        now: NaiveDateTime,
    }
    let row: Row = sql_query(format!("SELECT {TIME} AS now")).get_result(mysql)?;
    Ok(row.now)
}

impl QueryFragment<Mysql> for DatabaseTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(TIME);
        Ok(())
    }
}

impl QueryFragment<Mysql> for EarlierTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql("(");
        out.push_sql(TIME);
        out.push_sql(" - INTERVAL 1000 * ");
        out.push_bind_param::<BigInt, _>(&self.milliseconds_ago)?;
        out.push_sql(" MICROSECOND)");
        Ok(())
    }
}

pub fn lock_session(mysql: &mut MysqlConnection, name: &str) -> QueryResult<Option<LockedSession>> {
    broker_sessions::table
        .find(name)
        .select((DatabaseTime::now(), broker_sessions::lost_at, broker_sessions::closed_at))
        .for_update()
        .first(mysql)
        .optional()
}

/// One key alone is a statement that is prepared already; a list of keys is prepared each time.
pub fn lock_notifications(mysql: &mut MysqlConnection, ids: &[NotificationId]) -> QueryResult<Vec<Lease>> {
    let leases =
        notifications::table.order(notifications::id).select((notifications::id, notifications::epoch));
    match ids {
        [id] => leases.filter(notifications::id.eq(id)).for_update().load(mysql),
        _ => leases.filter(notifications::id.eq_any(ids)).for_update().load(mysql),
    }
}

/// Not INSERT IGNORE, which would turn all errors into warnings.
pub fn record_deliveries(
    mysql: &mut MysqlConnection,
    ids: &[NotificationId],
    rows: &[DeliveryRow],
) -> QueryResult<Vec<Lease>> {
    let current = lock_notifications(mysql, ids)?;
    let valid: Vec<&DeliveryRow> = rows.iter().filter(|row| row.is_valid(&current)).collect();
    for rows in valid.chunks(INSERT_ROWS) {
        diesel::insert_into(deliveries::table)
            .values(rows.to_vec())
            .on_conflict(DuplicatedKeys)
            .do_nothing()
            .execute(mysql)?;
    }
    Ok(current)
}

#[expect(clippy::unnecessary_wraps, reason = "another system may fail")]
pub fn append_recipients(
    _connection: &mut MysqlConnection,
    _new: &NewRecipients<'_>,
) -> QueryResult<Option<Appended>> {
    Ok(None)
}

pub fn insert_deferrals(mysql: &mut MysqlConnection, rows: &[DeferralRow]) -> QueryResult<()> {
    diesel::insert_into(deferrals::table)
        .values(rows)
        .on_conflict(DuplicatedKeys)
        .do_nothing()
        .execute(mysql)
        .map(drop)
}

/// [`last_inserted_id`] gives the first key. Receipts or keys of messages tell the rows apart.
pub fn insert_notifications(
    mysql: &mut MysqlConnection,
    rows: &[NewNotification<'_>],
) -> QueryResult<Vec<NotificationId>> {
    diesel::insert_into(notifications::table).values(rows).execute(mysql)?;
    let first = last_inserted_id(mysql)?;
    let inserted: Vec<InsertedKey> = notifications::table
        .filter(notifications::id.ge(first))
        .filter(
            notifications::broker_session
                .eq_any(rows.iter().filter_map(|row| row.broker_session))
                .or(notifications::message_key.eq_any(rows.iter().filter_map(|row| row.message_key))),
        )
        .select((
            notifications::id,
            notifications::broker_session,
            notifications::delivery_tag,
            notifications::message_key,
        ))
        .load(mysql)?;
    keys_in_order(rows, &inserted)
}

fn last_inserted_id(mysql: &mut MysqlConnection) -> QueryResult<NotificationId> {
    diesel::select(last_insert_id()).get_result(mysql)
}

#[expect(clippy::unnecessary_wraps, reason = "the other systems have to be asked")]
pub fn choose_larger_keys(_mysql: &mut MysqlConnection, _table: &str) -> QueryResult<()> {
    Ok(())
}

pub fn is_view(mysql: &mut MysqlConnection, name: &str) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        views: i64,
    }
    let row: Row = sql_query(
        "SELECT COUNT(*) AS views FROM information_schema.views WHERE table_schema = DATABASE() AND table_name = ?",
    )
    .bind::<Text, _>(name)
    .get_result(mysql)?;
    Ok(row.views > 0)
}

/// Whether a view or a table without these columns has the name. An interrupted migration has left tables with these, and a later one
/// may have added others.
pub fn is_name_in_use(mysql: &mut MysqlConnection, name: &str, columns: &[&str]) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let found: Vec<Row> = sql_query(
        "SELECT column_name AS name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?",
    )
    .bind::<Text, _>(name)
    .load(mysql)?;
    let is_ours = columns.iter().all(|column| found.iter().any(|row| row.name == *column));
    Ok(!found.is_empty() && (!is_ours || is_view(mysql, name)?))
}

/// A lock of the whole server, named for this database; it ends with the connection. Each migration is recorded once
/// it is applied, and may be repeated if it was interrupted.
pub fn migrate_alone<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    #[derive(QueryableByName)]
    struct Lock {
        #[diesel(sql_type = Nullable<Integer>)]
        taken: Option<i32>,
    }
    // Else it waits for a day for the transactions that others have left open, and holds up everyone behind it.
    sql_query("SET SESSION lock_wait_timeout = 60").execute(connection)?;
    // The name of a lock may have 64 characters, the name of a database as well.
    let lock: Lock = sql_query("SELECT GET_LOCK(CONCAT('fanmail.', MD5(DATABASE())), 60) AS taken")
        .get_result(connection)?;
    if lock.taken != Some(1) {
        return Err(Error::QueryBuilderError(
            "another process has been updating the tables for a minute; try again".into(),
        ));
    }
    let result = work(connection);
    sql_query("DO RELEASE_LOCK(CONCAT('fanmail.', MD5(DATABASE())))").execute(connection)?;
    result
}

/// BIGINT UNSIGNED has keys that BIGINT has not.
pub fn read_key(value: MysqlValue<'_>) -> deserialize::Result<i64> {
    match value.value_type() {
        MysqlType::UnsignedLongLong => {
            let key = <u64 as FromSql<Unsigned<BigInt>, Mysql>>::from_sql(value)?;
            i64::try_from(key).map_err(|_| {
                format!("the key {key} is too large; the largest that fanmail can use is {}", i64::MAX).into()
            })
        }
        _ => <i64 as FromSql<BigInt, Mysql>>::from_sql(value),
    }
}
