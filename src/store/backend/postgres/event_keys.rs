//! What the columns with keys of events and ids of users hold.

use diesel::sql_types::{Bool, Text};
use diesel::{OptionalExtension as _, PgConnection, QueryResult, RunQueryDsl as _, sql_query};

use crate::domain::event_key_type::EventKeyType;
use crate::store::backend::catalogue::AppColumn;
use crate::store::source::event_keys::{COLUMNS, KeyColumn};
use crate::store::source::user_ids::UserIds;

/// The columns `events.id` and `participants.event_id`. Numbers, if a table is missing.
pub fn find_columns(postgres: &mut PgConnection) -> QueryResult<[KeyColumn; 2]> {
    let mut found = [KeyColumn::NUMBER; 2];
    for ((table, column), found) in COLUMNS.iter().zip(&mut found) {
        *found = find_column(postgres, table, column)?.unwrap_or(KeyColumn::NUMBER);
    }
    Ok(found)
}

/// The column `users.id`.
pub fn find_user_ids(postgres: &mut PgConnection) -> QueryResult<Option<UserIds>> {
    let column = find_column(postgres, "users", "id")?;
    Ok(column.map(|column| UserIds::Column { column, text: "CAST(id AS text)" }))
}

/// A domain counts as the type below it.
fn find_column(postgres: &mut PgConnection, table: &str, column: &str) -> QueryResult<Option<KeyColumn>> {
    let found: Option<AppColumn> = sql_query(
        "SELECT relname::text AS table_name, attname::text AS column_name, format_type(base.oid, greatest(atttypmod, pg_type.typtypmod)) AS type_name
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
            JOIN pg_type base ON base.oid = COALESCE(NULLIF(pg_type.typbasetype, 0), pg_type.oid)
         WHERE NOT attisdropped AND attrelid = to_regclass($1) AND attname = $2",
    )
    .bind::<Text, _>(table)
    .bind::<Text, _>(column)
    .get_result(postgres)
    .optional()?;
    let Some(found) = found else { return Ok(None) };
    let texts = if has_every_character(postgres)? { KeyColumn::TEXT } else { KeyColumn::ASCII };
    key_column(&found, texts).map(Some)
}

/// In another encoding, the server fails when it is sent a character that it does not have. With `SQL_ASCII` it converts nothing.
fn has_every_character(postgres: &mut PgConnection) -> QueryResult<bool> {
    let encoding = "current_setting('server_encoding') IN ('UTF8', 'SQL_ASCII')";
    diesel::select(diesel::dsl::sql::<Bool>(encoding)).get_result(postgres)
}

/// A text that is compared with a `uuid` or a `character` has to be cast: else these are cast, and no index is used.
fn key_column(column: &AppColumn, texts: KeyColumn) -> QueryResult<KeyColumn> {
    let texts = texts.of_hex_uuids(column.is_of_hex_uuids());
    Ok(match column.kind_without_length() {
        "bigint" | "integer" | "smallint" => KeyColumn::NUMBER,
        "text" | "character varying" => texts,
        "bpchar" | "character" => KeyColumn { cast: Some("bpchar"), ..texts },
        "uuid" => KeyColumn { keys: EventKeyType::Uuid, cast: Some("uuid") },
        "numeric" | "real" | "double precision" => {
            return Err(column.refuse_looked_up_key(&format!("CAST({} AS BIGINT)", column.column)));
        }
        "bytea" => return Err(column.refuse_looked_up_key(&format!("encode({}, 'hex')", column.column))),
        _ => return Err(column.refuse_looked_up_key(&format!("CAST({} AS TEXT)", column.column))),
    })
}
