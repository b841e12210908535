//! Which types of columns of the application fanmail would misread.

use diesel::sql_types::{Bool, Text};
use diesel::{
    OptionalExtension as _, PgConnection, QueryResult, QueryableByName, RunQueryDsl as _, sql_query,
};

use crate::store::backend::catalogue::{AppColumn, ColumnRole};
use crate::store::source::keys::{KeyExpressions, ParticipantKeys};

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
            ColumnRole::Key if [STRINGS, "uuid"].contains(&kind) => {}
            ColumnRole::Key => match kind {
                "bigint" | "integer" | "smallint" => {}
                "numeric" | "real" | "double precision" => return Err(column.refuse("BIGINT")),
                "bytea" => return Err(column.refuse_unless(&format!("encode({}, 'hex')", column.column))),
                _ => return Err(column.refuse("TEXT")),
            },
            _ => {}
        }
    }
    Ok(())
}

/// The collation of the column tells different texts apart.
const TEXT: KeyExpressions = KeyExpressions {
    name: "text",
    text: "id",
    order: "id",
    bound: ["", ""],
    has_equals: false,
    any_type: false,
    exact: [r#"CAST(id AS text) COLLATE "C""#, r#"user_key COLLATE "C""#],
    exact_bound: ["", ""],
};

const UUID: KeyExpressions =
    KeyExpressions { name: "UUIDs", text: "CAST(id AS text)", bound: ["CAST(", " AS uuid)"], ..TEXT };

/// Without an index: the column holds different texts for equal, as citext does, or is ordered by something else.
const OTHER: KeyExpressions =
    KeyExpressions { text: "CAST(id AS text)", order: r#"CAST(id AS text) COLLATE "C""#, ..TEXT };

/// The kind of the keys of participants.
pub fn participant_keys(postgres: &mut PgConnection) -> QueryResult<ParticipantKeys> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        type_name: String,
        #[diesel(sql_type = Bool)]
        is_text: bool,
        #[diesel(sql_type = Bool)]
        is_deterministic: bool,
    }
    // Servers before version 12 have no column collisdeterministic.
    let row: Option<Row> = sql_query(
        "SELECT base.typname::text AS type_name, base.typcategory IN ('S', 'E', 'X') AS is_text,
            COALESCE((to_jsonb(pg_collation) ->> 'collisdeterministic')::boolean, true) AS is_deterministic
         FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
            JOIN pg_type base ON base.oid = COALESCE(NULLIF(pg_type.typbasetype, 0), pg_type.oid)
            LEFT JOIN pg_collation ON pg_collation.oid = attcollation
         WHERE attrelid = to_regclass('participants') AND attname = 'id' AND NOT attisdropped",
    )
    .get_result(postgres)
    .optional()?;
    Ok(match row {
        Some(Row { type_name, .. }) if type_name == "uuid" => ParticipantKeys::Texts(UUID),
        Some(Row { type_name, is_deterministic: true, .. })
            if ["text", "varchar"].contains(&type_name.as_str()) =>
        {
            ParticipantKeys::Texts(TEXT)
        }
        Some(Row { is_text: true, .. }) => ParticipantKeys::Texts(OTHER),
        _ => ParticipantKeys::Numbers,
    })
}
