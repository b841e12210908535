//! What the columns with keys of events and ids of users hold. SQLite stores any value in any column, so that the rows tell, and without rows
//! what the columns were declared as.

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Bool};
use diesel::sqlite::SqliteConnection;
use diesel::{QueryableByName, sql_query};

use crate::domain::event_key_type::HEX_UUID;
use crate::store::source::event_keys::{COLUMNS, KeyColumn};
use crate::store::source::user_ids::UserIds;

/// Rows that are looked at.
const ROWS: u32 = 1000;

/// How many values of a column there are, and what they equal. A parameter of a query has no affinity, and neither has an
/// expression with a plus before it (<https://www.sqlite.org/datatype3.html>, section 4.2). A text in an expression, such as
/// `trim(…)`, has none either and equals no number, while a column of texts does.
#[derive(Debug, QueryableByName)]
struct Values {
    /// Numbers and texts.
    #[diesel(sql_type = BigInt)]
    rows: i64,
    /// Those that are no texts.
    #[diesel(sql_type = BigInt)]
    stored_numbers: i64,
    /// Those that are numbers, or texts that are written like whole numbers.
    #[diesel(sql_type = BigInt)]
    numbers: i64,
    /// Those that equal the whole number that SQLite makes of them.
    #[diesel(sql_type = BigInt)]
    equal_number: i64,
    /// Those that equal the text that SQLite makes of them.
    #[diesel(sql_type = BigInt)]
    equal_text: i64,
    /// Bytes, which equal neither.
    #[diesel(sql_type = BigInt)]
    blobs: i64,
    /// Whether the column has the affinity TEXT.
    #[diesel(sql_type = Bool)]
    declared_text: bool,
    /// Whether the column has just room for the hexadecimal digits of a UUID, and no text is longer.
    #[diesel(sql_type = Bool)]
    short: bool,
}

#[derive(Debug, QueryableByName)]
struct Short {
    #[diesel(sql_type = Bool)]
    is_declared: bool,
}

/// The columns `events.id` and `participants.event_id`. Keys that would find no row are refused.
pub fn find_columns(sqlite: &mut SqliteConnection) -> QueryResult<[KeyColumn; 2]> {
    let [events, participants] = COLUMNS;
    let columns = [(events, look_at(sqlite, events)?), (participants, look_at(sqlite, participants)?)];
    decide(&columns).map_err(|problem| Error::DeserializationError(problem.into()))
}

/// The kind of each row tells how its id is compared.
pub fn find_user_ids(sqlite: &mut SqliteConnection) -> QueryResult<Option<UserIds>> {
    let statement = format!("SELECT {} AS is_declared", is_declared_short("users", "id"));
    let Short { is_declared } = sql_query(statement).get_result(sqlite)?;
    Ok(Some(UserIds::OfEachRow(KeyColumn::TEXT.of_hex_uuids(is_declared).keys)))
}

/// Whether a column is declared with just room for the hexadecimal digits of a UUID, as Django declares it.
fn is_declared_short(table: &str, column: &str) -> String {
    format!(
        "coalesce((SELECT replace(type, ' ', '') LIKE '%CHAR({HEX_UUID})' FROM pragma_table_info('{table}')
            WHERE lower(name) = '{column}'), 0)"
    )
}

fn look_at(sqlite: &mut SqliteConnection, (table, column): (&str, &str)) -> QueryResult<Values> {
    let is_declared_short = is_declared_short(table, column);
    sql_query(format!(
        "SELECT coalesce(sum(kind <> 'blob'), 0) AS rows, coalesce(sum(kind IN ('integer', 'real')), 0) AS stored_numbers,
            coalesce(sum(kind IN ('integer', 'real') OR kind = 'text' AND is_number), 0) AS numbers,
            coalesce(sum(kind <> 'blob' AND equal_number), 0) AS equal_number,
            coalesce(sum(kind <> 'blob' AND equal_text), 0) AS equal_text, coalesce(sum(kind = 'blob'), 0) AS blobs,
            coalesce((SELECT type NOT LIKE '%INT%' AND (type LIKE '%CHAR%' OR type LIKE '%CLOB%' OR type LIKE '%TEXT%')
                FROM pragma_table_info('{table}') WHERE lower(name) = '{column}'), 0) AS declared_text,
            {is_declared_short} AND coalesce(max(characters) <= {HEX_UUID}, 1) AS short
         FROM (SELECT typeof({column}) AS kind, length({column}) AS characters, {column} = +CAST({column} AS INTEGER) AS equal_number,
                {column} = +CAST({column} AS TEXT) AS equal_text,
                CAST(CAST({column} AS INTEGER) AS TEXT) = CAST({column} AS TEXT) AS is_number
            FROM {table} WHERE {column} IS NOT NULL LIMIT {ROWS})"
    ))
    .get_result(sqlite)
}

/// Numbers are looked for as numbers if that finds all rows, as before there were keys that are text. Columns that are declared
/// as text are looked for as text.
fn decide(columns: &[((&str, &str), Values); 2]) -> Result<[KeyColumn; 2], String> {
    for ((table, column), values) in columns {
        if values.blobs > 0 && values.rows == 0 {
            return Err(format!(
                "{table}.{column} holds bytes; in a view, make text of them, as with hex({column})"
            ));
        }
    }
    let all = |is: fn(&Values) -> bool| columns.iter().all(|(_, values)| is(values));
    if all(|values| values.equal_number == values.rows) && !all(|values| values.declared_text) {
        return Ok([KeyColumn::NUMBER; 2]);
    }
    refuse_different(columns)?;
    for ((table, column), values) in columns {
        if values.equal_text < values.rows {
            return Err(format!(
                "{table}.{column} holds numbers beside text, which SQLite does not compare; in a view, write \
                 CAST({column} AS TEXT) AS {column}"
            ));
        }
    }
    Ok([KeyColumn::TEXT.of_hex_uuids(all(|values| values.short)); 2])
}

/// Nobody takes part in an event if one column holds numbers, and the other texts that are none.
fn refuse_different(columns: &[((&str, &str), Values); 2]) -> Result<(), String> {
    let [(first, first_values), (second, second_values)] = columns;
    for ((one, values), (other, other_values)) in
        [((first, first_values), (second, second_values)), ((second, second_values), (first, first_values))]
    {
        let only_numbers = values.rows > 0 && values.stored_numbers == values.rows;
        let no_numbers = other_values.rows > 0 && other_values.numbers == 0;
        if only_numbers && no_numbers {
            let ((table, column), (other_table, other_column)) = (one, other);
            return Err(format!(
                "{other_table}.{other_column} holds no whole numbers, but {table}.{column} does; fanmail compares them, so \
                 both must hold the same keys"
            ));
        }
    }
    Ok(())
}
