//! Which values of the application fanmail would misread. SQLite stores any value in any column, so that only the rows tell.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable};
use diesel::sqlite::SqliteConnection;

use crate::store::schema::participants;

diesel::define_sql_function!(
    /// The type of the stored value, which need not be that of its column.
    #[sql_name = "typeof"]
    fn stored_as(value: Nullable<BigInt>) -> Text
);

/// Text sorts after every number, so that participants whose keys are text would be left out silently.
pub fn check_types(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    let largest: String = participants::table.select(stored_as(max(participants::id))).first(sqlite)?;
    match largest.as_str() {
        "integer" | "null" => Ok(()),
        other => Err(Error::DeserializationError(
            format!("participants.id holds {other}, but must be a whole number").into(),
        )),
    }
}
