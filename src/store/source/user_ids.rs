//! How the application's table of users holds ids. Finding out is left to the folders of the databases, looking users up to `users`.

use crate::domain::event_key_type::EventKeyType;
#[cfg(any(feature = "mysql", feature = "postgres"))]
use crate::store::source::event_keys::KeyColumn;

/// How `users` holds ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserIds {
    /// By the type of the column.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    Column {
        /// Which ids there are, and how they are compared.
        column: KeyColumn,
        /// An expression for the id as text.
        text: &'static str,
    },
    /// Each row has a kind of its own: SQLite stores any value in any column. This is how texts are compared.
    OfEachRow(EventKeyType),
}

impl UserIds {
    /// Which ids there can be.
    pub fn key_type(self) -> EventKeyType {
        match self {
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            Self::Column { column, .. } => column.keys,
            Self::OfEachRow(keys) => keys,
        }
    }

    /// An id in the form of [`EventKeyType::stored_form`], of the text that the database has made of it: a number may have zeros
    /// before it (ZEROFILL).
    pub fn read(self, text: &str) -> String {
        match (self.key_type(), text.parse::<i64>()) {
            (EventKeyType::Number, Ok(number)) => number.to_string(),
            _ => text.to_owned(),
        }
    }
}
