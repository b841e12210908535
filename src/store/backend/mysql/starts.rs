//! What `events.starts_at` holds.

use diesel::mysql::MysqlConnection;
use diesel::sql_types::Text;
use diesel::{OptionalExtension as _, QueryResult, QueryableByName, RunQueryDsl as _, sql_query};

use crate::store::source::start_column::StartColumn;

/// The type of the column. Texts, if the table is missing. The connection's time zone, which a TIMESTAMP is compared in, is UTC.
pub fn start_column(mysql: &mut MysqlConnection) -> QueryResult<StartColumn> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        type_name: String,
    }
    let row: Option<Row> = sql_query(
        "SELECT data_type AS type_name FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'starts_at'",
    )
    .get_result(mysql)
    .optional()?;
    let Some(Row { type_name }) = row else { return Ok(StartColumn::Texts) };
    Ok(match type_name.as_str() {
        "datetime" | "timestamp" => StartColumn::Times(["CAST('", "' AS DATETIME(6))"]),
        "date" => StartColumn::Dates,
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" => {
            StartColumn::Numbers
        }
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "binary" | "varbinary"
        | "tinyblob" | "blob" | "mediumblob" | "longblob" => StartColumn::Texts,
        _ => StartColumn::Other(type_name),
    })
}
