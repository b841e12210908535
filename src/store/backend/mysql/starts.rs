//! What `events.starts_at` holds.

use diesel::QueryResult;
use diesel::mysql::MysqlConnection;

use crate::store::backend::mysql::types::data_type;
use crate::store::source::start_column::StartColumn;

/// The type of the column. Texts, if the table is missing. The connection's time zone, which a TIMESTAMP is compared in, is UTC.
pub fn start_column(mysql: &mut MysqlConnection) -> QueryResult<StartColumn> {
    let Some(type_name) = data_type(mysql, "events", "starts_at")? else { return Ok(StartColumn::Texts) };
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
