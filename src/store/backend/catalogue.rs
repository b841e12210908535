//! Columns of the application with their types, as the catalogues of both servers list them.

use diesel::QueryableByName;
use diesel::result::Error;
use diesel::sql_types::Text;

use crate::domain::event_key_type::HEX_UUID;
use crate::store::source::event_keys::COLUMNS;

/// A column of `events`, `participants` or `users`.
#[derive(Debug, QueryableByName)]
pub struct AppColumn {
    #[diesel(sql_type = Text, column_name = table_name)]
    pub table: String,
    #[diesel(sql_type = Text, column_name = column_name)]
    pub column: String,
    /// The database's name of the type. Of columns with looked up keys, perhaps with their length in parentheses.
    #[diesel(sql_type = Text, column_name = type_name)]
    pub kind: String,
}

impl AppColumn {
    /// How fanmail uses the column.
    pub fn role(&self) -> ColumnRole {
        match self.column.as_str() {
            column if COLUMNS.contains(&(&self.table, column)) => ColumnRole::EventKey,
            "id" => ColumnRole::Key,
            "starts_at" | "ends_at" | "updated_at" => ColumnRole::Time,
            "title" | "description" | "location" | "timezone" | "url" | "email" | "name" | "locale" => {
                ColumnRole::Text
            }
            _ => ColumnRole::Other,
        }
    }

    /// The name of the type without the length.
    pub fn kind_without_length(&self) -> &str {
        self.kind.split_once('(').map_or(&*self.kind, |(name, _)| name)
    }

    /// Whether the column has just room for the hexadecimal digits of a UUID.
    pub fn is_of_hex_uuids(&self) -> bool {
        self.kind.ends_with(&format!("({HEX_UUID})"))
    }

    /// The error for keys that are neither numbers, nor text, nor UUIDs; `fitting` is an expression for a view.
    pub fn refuse_looked_up_key(&self, fitting: &str) -> Error {
        let Self { table, column, kind } = self;
        let keys = if table == "users" { "ids of users" } else { "keys of events" };
        Error::DeserializationError(
            format!(
                "{table}.{column} is of the type {kind}, but {keys} must be whole numbers, text or UUIDs; \
                 in a view over your own tables, write {fitting} AS {column}"
            )
            .into(),
        )
    }

    /// The error for a type that fanmail would misread; `fitting` is one that it reads.
    pub fn refuse(&self, fitting: &str) -> Error {
        self.refuse_unless(&format!("CAST({} AS {fitting})", self.column))
    }

    /// The error for a type that fanmail would misread, unless the view has this expression.
    pub fn refuse_unless(&self, expression: &str) -> Error {
        let Self { table, column, kind } = self;
        Error::DeserializationError(
            format!(
                "{table}.{column} is of the type {kind}; in a view over your own tables, write {expression} AS {column}"
            )
            .into(),
        )
    }
}

/// How fanmail uses a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnRole {
    /// The key of an event, of whichever type: left to `event_keys`.
    EventKey,
    /// A whole number to page by.
    Key,
    /// A time or a date.
    Time,
    /// Text, or what the database prints as text.
    Text,
    /// Not read.
    Other,
}
