//! Which types of columns of the application fanmail would misread.

use diesel::{PgConnection, QueryResult, RunQueryDsl as _, sql_query};

use crate::store::backend::catalogue::{AppColumn, ColumnRole};

/// Accepts whole numbers of any length as keys, and anything as text. A domain counts as the type below it.
pub fn check_types(postgres: &mut PgConnection) -> QueryResult<()> {
    const STRINGS: &str = "string";
    let columns: Vec<AppColumn> = sql_query(
        "SELECT relname::text AS table_name, attname::text AS column_name,
            CASE WHEN base.typcategory IN ('S', 'E', 'X') THEN 'string' ELSE format_type(base.oid, NULL) END AS type_name
         FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_type ON pg_type.oid = atttypid
            JOIN pg_type base ON base.oid = COALESCE(NULLIF(pg_type.typbasetype, 0), pg_type.oid)
         WHERE attrelid IN (to_regclass('events'), to_regclass('participants')) AND attnum > 0 AND NOT attisdropped
         ORDER BY 1, attnum",
    )
    .load(postgres)?;
    for column in columns {
        let kind = column.kind.as_str();
        match column.role() {
            ColumnRole::Key if [STRINGS, "uuid"].contains(&kind) => return Err(column.refuse_text_key()),
            ColumnRole::Key if !["bigint", "integer", "smallint"].contains(&kind) => {
                return Err(column.refuse("BIGINT"));
            }
            _ => {}
        }
    }
    Ok(())
}
