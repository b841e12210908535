//! Which types of columns of the application fanmail would misread. `MySQL` makes a number of any text that is compared with
//! one.

use diesel::mysql::MysqlConnection;
use diesel::{QueryResult, RunQueryDsl as _, sql_query};

use crate::store::backend::catalogue::{AppColumn, ColumnRole};

/// Types of text and bytes.
const TEXTS: [&str; 14] = [
    "char",
    "varchar",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "binary",
    "varbinary",
    "tinyblob",
    "blob",
    "mediumblob",
    "longblob",
    "uuid",
    "enum",
];

/// Types that the server sends in a form of its own, and not as text.
const NUMBERS_AND_TIMES: [&str; 13] = [
    "bigint",
    "int",
    "mediumint",
    "smallint",
    "tinyint",
    "float",
    "double",
    "bit",
    "year",
    "date",
    "time",
    "datetime",
    "timestamp",
];

/// A key that is text would be read as the number at its beginning, or as 0, and a time that is text without its offset. A
/// NULL in a view has a type of its own.
pub fn check_types(mysql: &mut MysqlConnection) -> QueryResult<()> {
    let columns: Vec<AppColumn> = sql_query(
        "SELECT table_name AS table_name, column_name AS column_name,
            CASE WHEN character_maximum_length = 0 THEN 'null' ELSE data_type END AS type_name
         FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name IN ('events', 'participants')
         ORDER BY 1, ordinal_position",
    )
    .load(mysql)?;
    for column in columns {
        let fits = |types: &[&str]| types.contains(&column.kind.as_str());
        match column.role() {
            ColumnRole::Key if TEXTS.contains(&column.kind.as_str()) => return Err(column.refuse_text_key()),
            ColumnRole::Key if !fits(&["bigint", "int", "mediumint", "smallint", "tinyint"]) => {
                return Err(column.refuse("SIGNED"));
            }
            ColumnRole::Time if !fits(&["datetime", "timestamp", "date", "null"]) => {
                return Err(column.refuse("DATETIME"));
            }
            ColumnRole::Text if NUMBERS_AND_TIMES.contains(&column.kind.as_str()) => {
                return Err(column.refuse("CHAR"));
            }
            _ => {}
        }
    }
    Ok(())
}
