//! What the columns with keys of events hold.

use diesel::mysql::MysqlConnection;
use diesel::{QueryResult, RunQueryDsl as _, sql_query};

use crate::domain::event_key_type::EventKeyType;
use crate::store::backend::catalogue::AppColumn;
use crate::store::source::event_keys::KeyColumn;

/// The columns `events.id` and `participants.event_id`. Numbers, if a table is missing.
pub fn find_columns(mysql: &mut MysqlConnection) -> QueryResult<[KeyColumn; 2]> {
    let columns: Vec<AppColumn> = sql_query(
        "SELECT table_name AS table_name, column_name AS column_name,
            CASE WHEN character_set_name LIKE 'utf8%' THEN character_set_name ELSE data_type END AS type_name
         FROM information_schema.columns
         WHERE table_schema = DATABASE() AND (table_name = 'events' AND column_name = 'id'
            OR table_name = 'participants' AND column_name = 'event_id')
         ORDER BY 1",
    )
    .load(mysql)?;
    let mut found = [KeyColumn::NUMBER; 2];
    for (column, found) in columns.iter().zip(&mut found) {
        *found = key_column(column)?;
    }
    Ok(found)
}

/// A text needs no cast: the server makes of it what the column holds, or fails if the column's character set lacks one of its
/// characters.
fn key_column(column: &AppColumn) -> QueryResult<KeyColumn> {
    Ok(match column.kind.as_str() {
        "bigint" | "int" | "mediumint" | "smallint" | "tinyint" => KeyColumn::NUMBER,
        "utf8mb4" => KeyColumn::TEXT,
        // Three bytes for a character.
        "utf8mb3" | "utf8" => KeyColumn { keys: EventKeyType::TextUpTo('\u{ffff}'), cast: None },
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => KeyColumn::ASCII,
        "uuid" => KeyColumn { keys: EventKeyType::Uuid, cast: None },
        "decimal" | "float" | "double" | "bit" => {
            return Err(column.refuse_event_key(&format!("CAST({} AS SIGNED)", column.column)));
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            return Err(column.refuse_event_key(&format!("LOWER(HEX({}))", column.column)));
        }
        _ => return Err(column.refuse_event_key(&format!("CAST({} AS CHAR)", column.column))),
    })
}
