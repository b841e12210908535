//! What `events.starts_at` holds.

use diesel::sql_types::{Bool, Text};
use diesel::{
    OptionalExtension as _, PgConnection, QueryResult, QueryableByName, RunQueryDsl as _, sql_query,
};

use crate::store::source::start_column::StartColumn;

/// The type of the column; a domain counts as the type below it. Texts, if the table is missing.
pub fn start_column(postgres: &mut PgConnection) -> QueryResult<StartColumn> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        type_name: String,
        #[diesel(sql_type = Bool)]
        is_text: bool,
    }
    let row: Option<Row> = sql_query(
        "SELECT format_type(base.oid, NULL) AS type_name, base.typcategory = 'S' AS is_text
         FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            JOIN pg_type base ON base.oid = COALESCE(NULLIF(pg_type.typbasetype, 0), pg_type.oid)
         WHERE attrelid = to_regclass('events') AND attname = 'starts_at' AND NOT attisdropped",
    )
    .get_result(postgres)
    .optional()?;
    let Some(Row { type_name, is_text: false }) = row else { return Ok(StartColumn::Texts) };
    Ok(match type_name.as_str() {
        "timestamp without time zone" => StartColumn::Times(["CAST('", "' AS TIMESTAMP)"]),
        "timestamp with time zone" => StartColumn::Times(["CAST('", "+00' AS TIMESTAMPTZ)"]),
        "date" => StartColumn::Dates,
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => StartColumn::Numbers,
        _ => StartColumn::Other(type_name),
    })
}
