//! What the columns with keys of events hold.

use diesel::sql_types::Bool;
use diesel::{PgConnection, QueryResult, RunQueryDsl as _, sql_query};

use crate::domain::event_key_type::EventKeyType;
use crate::store::backend::catalogue::AppColumn;
use crate::store::source::event_keys::KeyColumn;

/// The columns `events.id` and `participants.event_id`. A domain counts as the type below it. Numbers, if a table is missing.
pub fn find_columns(postgres: &mut PgConnection) -> QueryResult<[KeyColumn; 2]> {
    let columns: Vec<AppColumn> = sql_query(
        "SELECT relname::text AS table_name, attname::text AS column_name, format_type(base.oid, -1) AS type_name
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
            JOIN pg_type base ON base.oid = COALESCE(NULLIF(pg_type.typbasetype, 0), pg_type.oid)
         WHERE NOT attisdropped AND (attrelid = to_regclass('events') AND attname = 'id'
            OR attrelid = to_regclass('participants') AND attname = 'event_id')
         ORDER BY relname",
    )
    .load(postgres)?;
    let texts = if has_every_character(postgres)? { KeyColumn::TEXT } else { KeyColumn::ASCII };
    let mut found = [KeyColumn::NUMBER; 2];
    for (column, found) in columns.iter().zip(&mut found) {
        *found = key_column(column, texts)?;
    }
    Ok(found)
}

/// In another encoding, the server fails when it is sent a character that it does not have. With `SQL_ASCII` it converts nothing.
fn has_every_character(postgres: &mut PgConnection) -> QueryResult<bool> {
    let encoding = "current_setting('server_encoding') IN ('UTF8', 'SQL_ASCII')";
    diesel::select(diesel::dsl::sql::<Bool>(encoding)).get_result(postgres)
}

/// A text that is compared with a `uuid` or a `character` has to be cast: else these are cast, and no index is used.
fn key_column(column: &AppColumn, texts: KeyColumn) -> QueryResult<KeyColumn> {
    Ok(match column.kind.as_str() {
        "bigint" | "integer" | "smallint" => KeyColumn::NUMBER,
        "text" | "character varying" => texts,
        "bpchar" => KeyColumn { cast: Some("bpchar"), ..texts },
        "uuid" => KeyColumn { keys: EventKeyType::Uuid, cast: Some("uuid") },
        "numeric" | "real" | "double precision" => {
            return Err(column.refuse_event_key(&format!("CAST({} AS BIGINT)", column.column)));
        }
        "bytea" => return Err(column.refuse_event_key(&format!("encode({}, 'hex')", column.column))),
        _ => return Err(column.refuse_event_key(&format!("CAST({} AS TEXT)", column.column))),
    })
}
