//! Which values of the application fanmail would misread. SQLite stores any value in any column, so that only the rows tell.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable};
use diesel::sqlite::SqliteConnection;
use diesel::{QueryableByName, sql_query};

use crate::store::schema::participants;

diesel::define_sql_function!(
    /// The type of the stored value, which need not be that of its column.
    #[sql_name = "typeof"]
    fn stored_as(value: Nullable<BigInt>) -> Text
);

/// Rows that are looked at.
const ROWS: u32 = 1000;

/// How many values of a column equal the whole number that SQLite makes of them, as a parameter of a query has to.
#[derive(QueryableByName)]
struct Comparison {
    #[diesel(sql_type = BigInt)]
    rows: i64,
    #[diesel(sql_type = BigInt)]
    unequal: i64,
    /// Of these, texts of whole numbers.
    #[diesel(sql_type = BigInt)]
    numbers: i64,
}

/// Keys that would be left out silently are refused.
pub fn check_types(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    check_participant_ids(sqlite)?;
    check_compared(sqlite, "participants", "event_id")?;
    check_compared(sqlite, "events", "id")
}

/// Text sorts after every number, so that participants whose keys are text would be left out silently.
fn check_participant_ids(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    let largest: String = participants::table.select(stored_as(max(participants::id))).first(sqlite)?;
    match largest.as_str() {
        "integer" | "null" => Ok(()),
        other => Err(Error::DeserializationError(
            format!("participants.id holds {other}, but must be a whole number").into(),
        )),
    }
}

/// A text in an expression, such as `trim(…)`, has no affinity and equals no number (<https://www.sqlite.org/datatype3.html>,
/// section 4.2), while a column of texts does. A number with a plus before it has none either, like a parameter.
fn check_compared(sqlite: &mut SqliteConnection, table: &str, column: &str) -> QueryResult<()> {
    let Comparison { rows, unequal, numbers } = sql_query(format!(
        "SELECT count(*) AS rows, coalesce(sum(NOT equal), 0) AS unequal,
            coalesce(sum(NOT equal AND is_number), 0) AS numbers
         FROM (SELECT {column} = +CAST({column} AS INTEGER) AS equal,
                CAST(CAST({column} AS INTEGER) AS TEXT) = CAST({column} AS TEXT) AS is_number
            FROM {table} WHERE {column} IS NOT NULL LIMIT {ROWS})"
    ))
    .get_result(sqlite)?;
    let problem = if numbers > 0 {
        format!("holds text, which equals no number; in the view, write CAST(… AS INTEGER) AS {column}")
    } else if rows > 0 && unequal == rows {
        "holds no whole numbers; fanmail needs keys that are whole numbers".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::DeserializationError(format!("{table}.{column} {problem}").into()))
}
