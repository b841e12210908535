//! Which types of columns of the application fanmail cannot read. `MySQL` makes a number of any text that is compared with one.

use diesel::mysql::MysqlConnection;
use diesel::result::{Error, OptionalExtension as _};
use diesel::sql_types::Text;
use diesel::{QueryResult, QueryableByName, RunQueryDsl as _, sql_query};

use crate::store::backend::catalogue::{AppColumn, ColumnRole};
use crate::store::source::keys::{KeyExpressions, ParticipantKeys};

/// Types that hold neither text nor anything that is printed as text.
const NO_TEXTS: [&str; 9] = [
    "bit",
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
];

/// Types that hold no time. A number may be one of seconds.
const NO_TIMES: [&str; 3] = ["time", "year", "json"];

/// A key that is a word of an enumeration would be read as its number. A NULL in a view has a type of its own.
pub fn check_types(mysql: &mut MysqlConnection) -> QueryResult<()> {
    let columns: Vec<AppColumn> = sql_query(
        "SELECT table_name AS table_name, column_name AS column_name,
            CASE WHEN character_maximum_length = 0 THEN 'null'
                WHEN data_type = 'bigint' AND column_type LIKE '%unsigned%' THEN 'bigint unsigned'
                ELSE data_type END AS type_name
         FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name IN ('events', 'participants')
         ORDER BY 1, ordinal_position",
    )
    .load(mysql)?;
    for column in columns {
        let fits = |types: &[&str]| types.contains(&column.kind.as_str());
        match column.role() {
            ColumnRole::Key if text_key(&column.kind).is_some() => {}
            ColumnRole::Key | ColumnRole::EventKey if column.kind == "bigint unsigned" => {
                check_largest_key(mysql, &column)?;
            }
            ColumnRole::Key if fits(&["bigint", "int", "mediumint", "smallint", "tinyint"]) => {}
            ColumnRole::Key if fits(&["decimal", "float", "double", "bit"]) => {
                return Err(column.refuse("SIGNED"));
            }
            ColumnRole::Key => return Err(column.refuse("CHAR")),
            ColumnRole::Time if fits(&NO_TIMES) || fits(&NO_TEXTS) => return Err(column.refuse("DATETIME")),
            ColumnRole::Text if column.kind == "bit" => {
                return Err(column.refuse_unless(&format!("CAST({} + 0 AS CHAR)", column.column)));
            }
            ColumnRole::Text if fits(&NO_TEXTS) => {
                return Err(column.refuse_unless(&format!("ST_AsText({})", column.column)));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A key that BIGINT does not have would fail every query that reads it. Only keys that are paged by have an index.
fn check_largest_key(mysql: &mut MysqlConnection, column: &AppColumn) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        found: String,
    }
    let AppColumn { table, column, .. } = column;
    if column != "id" {
        return Ok(());
    }
    let larger = format!("SELECT CAST(id AS CHAR) AS found FROM {table} WHERE id > {} LIMIT 1", i64::MAX);
    match sql_query(larger).get_result(mysql).optional()? {
        None => Ok(()),
        Some(Row { found }) => Err(Error::DeserializationError(
            format!(
                "{table}.{column} has the key {found}, but the largest that fanmail can use is {}; give that row another key",
                i64::MAX
            )
            .into(),
        )),
    }
}

/// Along the index, in the order of the column's collation, for which `a` and `A` are equal, or `a` and `a` with a blank behind it.
const TEXT: KeyExpressions = KeyExpressions {
    name: "text",
    text: "id",
    order: "id",
    bound: ["", ""],
    has_equals: true,
    any_type: false,
    exact: ["CAST(CONVERT(id USING utf8mb4) AS BINARY)", "CAST(user_key AS BINARY)"],
    exact_bound: ["CAST(", " AS BINARY)"],
};

/// A key of bytes is listed in hexadecimal digits.
const BYTES: KeyExpressions = KeyExpressions {
    name: "bytes",
    text: "LOWER(HEX(id))",
    bound: ["UNHEX(", ")"],
    has_equals: false,
    exact: ["CAST(LOWER(HEX(id)) AS BINARY)", "CAST(user_key AS BINARY)"],
    ..TEXT
};

/// The type of `MariaDB`, which has an order of its own.
const UUID: KeyExpressions = KeyExpressions {
    name: "UUIDs",
    has_equals: false,
    exact: ["CAST(CAST(id AS CHAR) AS BINARY)", "CAST(user_key AS BINARY)"],
    ..TEXT
};

/// How keys of a type are written, if they are text.
fn text_key(type_name: &str) -> Option<KeyExpressions> {
    match type_name {
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => Some(TEXT),
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Some(BYTES),
        "uuid" => Some(UUID),
        _ => None,
    }
}

/// The kind of the keys of participants.
pub fn participant_keys(mysql: &mut MysqlConnection) -> QueryResult<ParticipantKeys> {
    let type_name = data_type(mysql, "participants", "id")?;
    let keys = type_name.and_then(|type_name| text_key(&type_name));
    Ok(keys.map_or(ParticipantKeys::Numbers, ParticipantKeys::Texts))
}

/// The database's name of the type of a column, without its length; `None` if there is no such column.
pub(super) fn data_type(
    mysql: &mut MysqlConnection,
    table: &str,
    column: &str,
) -> QueryResult<Option<String>> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        type_name: String,
    }
    let row: Option<Row> = sql_query(
        "SELECT data_type AS type_name FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?",
    )
    .bind::<Text, _>(table)
    .bind::<Text, _>(column)
    .get_result(mysql)
    .optional()?;
    Ok(row.map(|row| row.type_name))
}
