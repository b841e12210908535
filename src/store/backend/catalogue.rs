//! What the two servers have in common: a catalogue that tells the types of columns.

use diesel::QueryableByName;
use diesel::result::Error;
use diesel::sql_types::Text;

/// A column of `events` or `participants`.
#[derive(Debug, QueryableByName)]
pub struct AppColumn {
    #[diesel(sql_type = Text, column_name = table_name)]
    pub table: String,
    #[diesel(sql_type = Text, column_name = column_name)]
    pub column: String,
    /// What the database calls its type.
    #[diesel(sql_type = Text, column_name = type_name)]
    pub kind: String,
}

impl AppColumn {
    /// What a value of this column has to be.
    pub fn role(&self) -> ColumnRole {
        match self.column.as_str() {
            "id" | "event_id" => ColumnRole::Key,
            "starts_at" | "ends_at" | "updated_at" => ColumnRole::Time,
            "title" | "description" | "location" | "timezone" | "url" | "email" | "name" | "locale" => {
                ColumnRole::Text
            }
            _ => ColumnRole::Other,
        }
    }

    /// The error for a type that does not do; `cure` is one that does.
    pub fn refuse(&self, cure: &str) -> Error {
        let Self { table, column, kind } = self;
        Error::DeserializationError(
            format!(
                "{table}.{column} is of the type {kind}; \
                 in a view over your own tables, write CAST({column} AS {cure})"
            )
            .into(),
        )
    }
}

/// What fanmail takes a column for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnRole {
    /// A whole number to page by.
    Key,
    /// A time, in UTC.
    Time,
    /// Words.
    Text,
    /// Not read.
    Other,
}
