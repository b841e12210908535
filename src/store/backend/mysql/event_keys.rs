//! What the columns with keys of events and ids of users hold.

use diesel::mysql::MysqlConnection;
use diesel::sql_types::Text;
use diesel::{OptionalExtension as _, QueryResult, RunQueryDsl as _, sql_query};

use crate::domain::event_key_type::EventKeyType;
use crate::store::backend::catalogue::AppColumn;
use crate::store::source::event_keys::{COLUMNS, KeyColumn};
use crate::store::source::user_ids::UserIds;

/// The columns `events.id` and `participants.event_id`. Numbers, if a table is missing.
pub fn find_columns(mysql: &mut MysqlConnection) -> QueryResult<[KeyColumn; 2]> {
    let mut found = [KeyColumn::NUMBER; 2];
    for ((table, column), found) in COLUMNS.iter().zip(&mut found) {
        *found = find_column(mysql, table, column)?.unwrap_or(KeyColumn::NUMBER);
    }
    Ok(found)
}

/// The column `users.id`.
pub fn find_user_ids(mysql: &mut MysqlConnection) -> QueryResult<Option<UserIds>> {
    let column = find_column(mysql, "users", "id")?;
    Ok(column.map(|column| UserIds::Column { column, text: "CAST(id AS CHAR)" }))
}

fn find_column(mysql: &mut MysqlConnection, table: &str, column: &str) -> QueryResult<Option<KeyColumn>> {
    let found: Option<AppColumn> = sql_query(
        "SELECT table_name AS table_name, column_name AS column_name,
            CONCAT(CASE WHEN character_set_name LIKE 'utf8%' THEN character_set_name ELSE data_type END,
                COALESCE(CONCAT('(', character_maximum_length, ')'), '')) AS type_name
         FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name = ? AND column_name = ?",
    )
    .bind::<Text, _>(table)
    .bind::<Text, _>(column)
    .get_result(mysql)
    .optional()?;
    found.as_ref().map(key_column).transpose()
}

/// A text needs no cast: the server makes of it what the column holds, or fails if the column's character set lacks one of its
/// characters.
fn key_column(column: &AppColumn) -> QueryResult<KeyColumn> {
    let of_texts = |texts: KeyColumn| texts.of_hex_uuids(column.is_of_hex_uuids());
    Ok(match column.kind_without_length() {
        "bigint" | "int" | "mediumint" | "smallint" | "tinyint" => KeyColumn::NUMBER,
        "utf8mb4" => of_texts(KeyColumn::TEXT),
        // Three bytes for a character.
        "utf8mb3" | "utf8" => of_texts(KeyColumn { keys: EventKeyType::TextUpTo('\u{ffff}'), cast: None }),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" => of_texts(KeyColumn::ASCII),
        "uuid" => KeyColumn { keys: EventKeyType::Uuid, cast: None },
        "decimal" | "float" | "double" | "bit" => {
            return Err(column.refuse_looked_up_key(&format!("CAST({} AS SIGNED)", column.column)));
        }
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => {
            return Err(column.refuse_looked_up_key(&format!("LOWER(HEX({}))", column.column)));
        }
        _ => return Err(column.refuse_looked_up_key(&format!("CAST({} AS CHAR)", column.column))),
    })
}
