//! Statements of `PostgreSQL`. The server sends values as they are stored, whatever type is asked for.

use chrono::NaiveDateTime;
use diesel::deserialize::{self, FromSql};
use diesel::pg::{Pg, PgConnection, PgValue};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::sql_types::{BigInt, Integer, SmallInt, Text, Timestamp};
use diesel::{QueryableByName, sql_query};
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use crate::domain::ids::NotificationId;
use crate::domain::lease::Lease;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::clock::{DatabaseTime, EarlierTime};
use crate::store::backend::postgres::deliveries::{RecordDeliveries, TIME};
use crate::store::backend::postgres::recipients::AppendRecipients;
use crate::store::backend::transaction;
use crate::store::ledger::deferrals::row::DeferralRow;
use crate::store::ledger::deliveries::row::DeliveryRow;
use crate::store::ledger::opening::row::{InsertedKey, NewNotification, keys_in_order};
use crate::store::ledger::recipients::row::{Appended, NewRecipients};
use crate::store::ledger::sessions::row::LockedSession;
use crate::store::schema::{broker_sessions, deferrals, notifications};

/// The advisory lock of migrations: "fanmail" in ASCII. Each database has its own advisory locks.
const MIGRATION_LOCK: i64 = 0x0066_616e_6d61_696c;

diesel::define_sql_function!(
    /// A setting, such as the version.
    fn current_setting(name: Text) -> Text
);

diesel::define_sql_function!(
    /// Locks a number until the transaction ends.
    fn pg_advisory_xact_lock(key: BigInt)
);

/// Whether [`record_deliveries`] is one statement, and so needs no transaction around it.
pub const RECORDS_IN_ONE_STATEMENT: bool = true;

/// Whether each statement is a round trip.
pub const HAS_ROUND_TRIPS: bool = true;

/// The type of any text in a CAST.
pub const TEXT: &str = "TEXT";

/// The type BIGINT in a CAST.
pub const BIGINT: &str = "BIGINT";

/// The type of a time without a zone in a CAST.
pub const TIMESTAMP: &str = "TIMESTAMP";

/// An address as far as SQL can compare it: without blanks around it, and in small letters. As bytes, because the server refuses to
/// send others than UTF-8 as text. With another collation, small letters may be those of Turkish.
pub const FOLDED_EMAIL: &str = "decode(lower(btrim(encode(CASE WHEN pg_typeof(email) = 'bytea'::regtype
    THEN email::text::bytea ELSE textsend(email::text) END, 'escape')) COLLATE \"C\"), 'escape')";

/// An address without blanks around it, NULL if nothing is left, in a form in which only the same bytes are equal.
pub const EXACT_EMAIL: &str = "NULLIF(btrim(encode(CASE WHEN pg_typeof(email) = 'bytea'::regtype
    THEN email::text::bytea ELSE textsend(email::text) END, 'escape')), '') COLLATE \"C\"";

/// What stands before and behind a pattern that addresses in small letters are compared with, as bytes: any type may have the column.
pub const EMAIL_LIKE: [&str; 2] = [
    "decode(lower(encode(CASE WHEN pg_typeof(email) = 'bytea'::regtype
    THEN email::text::bytea ELSE textsend(email::text) END, 'escape') COLLATE \"C\"), 'escape') LIKE convert_to(",
    ", 'UTF8')",
];

/// Whether one of a group has something else in it than visible ASCII, or a backslash, with which the others are written here.
pub const IS_UNUSUAL_EMAIL: &str = r"bool_or(btrim(encode(CASE WHEN pg_typeof(email) = 'bytea'::regtype
    THEN email::text::bytea ELSE textsend(email::text) END, 'escape')) ~ '[^!-\[\]-~]')";

/// A query for no rows evaluates none.
pub const DESCRIBE_QUERY: &str = "";

/// Part of the binary, so that a deployment is one file.
pub const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgresql");

/// A database with another encoding than UTF-8 may be unable to hold the text, and then has its ASCII letters. Not a constant:
/// `PostgreSQL` would convert a constant also where the condition is false.
pub fn text_literal(text: &str) -> String {
    if text.is_ascii() {
        return format!("'{text}'");
    }
    let hex: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let ascii: String = text.chars().filter(char::is_ascii).collect();
    format!(
        "CASE WHEN current_setting('server_encoding') = 'UTF8'
            THEN convert_from(decode('{}', 'hex'), current_setting('server_encoding')) ELSE '{ascii}' END",
        hex.concat()
    )
}

pub fn statement_limit(seconds: u32) -> String {
    format!("SET statement_timeout = '{seconds}s'")
}

pub fn version(postgres: &mut PgConnection) -> QueryResult<String> {
    let version: String = diesel::select(current_setting("server_version")).get_result(postgres)?;
    // Debian appends the version of its package.
    let number = version.split(' ').next().unwrap_or_default();
    Ok(format!("PostgreSQL {number}"))
}

pub fn clock(postgres: &mut PgConnection) -> QueryResult<NaiveDateTime> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Timestamp)]
        now: NaiveDateTime,
    }
    let row: Row = sql_query(format!("SELECT {TIME} AS now")).get_result(postgres)?;
    Ok(row.now)
}

impl QueryFragment<Pg> for DatabaseTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(TIME);
        Ok(())
    }
}

impl QueryFragment<Pg> for EarlierTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(");
        out.push_sql(TIME);
        out.push_sql(" - ");
        out.push_bind_param::<BigInt, _>(&self.milliseconds_ago)?;
        out.push_sql(" * INTERVAL '1 millisecond')");
        Ok(())
    }
}

pub fn lock_session(postgres: &mut PgConnection, name: &str) -> QueryResult<Option<LockedSession>> {
    broker_sessions::table
        .find(name)
        .select((DatabaseTime::now(), broker_sessions::lost_at, broker_sessions::closed_at))
        .for_update()
        .first(postgres)
        .optional()
}

pub fn lock_notifications(postgres: &mut PgConnection, ids: &[NotificationId]) -> QueryResult<Vec<Lease>> {
    notifications::table
        .filter(notifications::id.eq_any(ids))
        .order(notifications::id)
        .select((notifications::id, notifications::epoch))
        .for_update()
        .load(postgres)
}

pub fn record_deliveries(
    postgres: &mut PgConnection,
    ids: &[NotificationId],
    rows: &[DeliveryRow],
) -> QueryResult<Vec<Lease>> {
    RecordDeliveries::new(ids, rows).load(postgres)
}

/// One statement, which is a transaction by itself.
pub fn append_recipients(
    postgres: &mut PgConnection,
    new: &NewRecipients<'_>,
) -> QueryResult<Option<Appended>> {
    AppendRecipients::new(new).append(postgres).map(Some)
}

pub fn insert_deferrals(postgres: &mut PgConnection, rows: &[DeferralRow]) -> QueryResult<()> {
    diesel::insert_into(deferrals::table).values(rows).on_conflict_do_nothing().execute(postgres).map(drop)
}

/// The keys come in any order; receipts or keys of messages tell the rows apart.
pub fn insert_notifications(
    postgres: &mut PgConnection,
    rows: &[NewNotification<'_>],
) -> QueryResult<Vec<NotificationId>> {
    let inserted: Vec<InsertedKey> = diesel::insert_into(notifications::table)
        .values(rows)
        .returning((
            notifications::id,
            notifications::broker_session,
            notifications::delivery_tag,
            notifications::message_key,
        ))
        .load(postgres)?;
    keys_in_order(rows, &inserted)
}

/// A key that was given leaves the sequence of the column behind.
pub fn choose_larger_keys(postgres: &mut PgConnection, table: &str) -> QueryResult<()> {
    sql_query(format!(
        "SELECT setval(sequence, largest)
         FROM (SELECT pg_get_serial_sequence('{table}', 'id') AS sequence, (SELECT MAX(id) FROM {table}) AS largest) AS keys
         WHERE largest > COALESCE(pg_sequence_last_value(sequence::regclass), 0)"
    ))
    .execute(postgres)
    .map(drop)
}

/// Whether it is anything but a table. fanmail must not write to a foreign table, either.
pub fn is_view(postgres: &mut PgConnection, name: &str) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        is_view: bool,
    }
    let row: Row = sql_query(
        "SELECT EXISTS (SELECT FROM pg_class WHERE oid = to_regclass($1) AND relkind NOT IN ('r', 'p')) AS is_view",
    )
    .bind::<Text, _>(name)
    .get_result(postgres)?;
    Ok(row.is_view)
}

/// Whether anything has the name in the schema where tables are created; the name of a type is refused, too. Migrations are
/// all done or not at all, so that before one of them none of these is fanmail's.
pub fn is_name_in_use(postgres: &mut PgConnection, name: &str, _columns: &[&str]) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Bool)]
        is_in_use: bool,
    }
    let row: Row = sql_query(
        "SELECT EXISTS (SELECT FROM pg_namespace n WHERE nspname = current_schema()
            AND (EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = $1)
                OR EXISTS (SELECT FROM pg_type WHERE typnamespace = n.oid AND typname = $1))) AS is_in_use",
    )
    .bind::<Text, _>(name)
    .get_result(postgres)?;
    Ok(row.is_in_use)
}

/// Statements that create tables can be part of a transaction; the lock ends with it.
pub fn migrate_alone<T>(
    connection: &mut AnyConnection,
    mut work: impl FnMut(&mut AnyConnection) -> QueryResult<T>,
) -> QueryResult<T> {
    transaction::write(connection, |connection| {
        // A migration of another process may hold this lock for longer than any other lock is held.
        sql_query("SET LOCAL lock_timeout = '60s'").execute(connection)?;
        diesel::select(pg_advisory_xact_lock(MIGRATION_LOCK)).execute(connection)?;
        work(connection)
    })
}

/// The server sends as many bytes as the type of the column has, whatever is asked for.
pub fn read_key(value: PgValue<'_>) -> deserialize::Result<i64> {
    match value.as_bytes().len() {
        2 => <i16 as FromSql<SmallInt, Pg>>::from_sql(value).map(i64::from),
        4 => <i32 as FromSql<Integer, Pg>>::from_sql(value).map(i64::from),
        _ => <i64 as FromSql<BigInt, Pg>>::from_sql(value),
    }
}
