//! Which values of the application fanmail would misread. SQLite stores any value in any column, so that only the rows tell.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable};
use diesel::sqlite::SqliteConnection;

use crate::domain::ids::EventId;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::statement::Statement;
use crate::store::schema::participants;
use crate::store::source::event_keys::AppEvent;
use crate::store::source::keys::{KeyExpressions, ParticipantKeys};

diesel::define_sql_function!(
    /// The type of the stored value, which need not be that of its column.
    #[sql_name = "typeof"]
    fn stored_as(value: Nullable<BigInt>) -> Text
);

/// A number with a fraction is no key: two of them may be written alike.
pub fn check_types(sqlite: &mut SqliteConnection) -> QueryResult<()> {
    let largest: String = participants::table.select(stored_as(max(participants::id))).first(sqlite)?;
    match largest.as_str() {
        "integer" | "null" | "text" | "blob" => Ok(()),
        other => Err(Error::DeserializationError(
            format!("participants.id holds {other}, but must be a whole number or text").into(),
        )),
    }
}

/// All keys are stored as text, so that an index can be used.
const TEXT: KeyExpressions = KeyExpressions {
    name: "text",
    text: "id",
    order: "id COLLATE BINARY",
    bound: ["", ""],
    has_equals: false,
    any_type: false,
    exact: ["id COLLATE BINARY", "user_key"],
    exact_bound: ["", ""],
};

/// Some are numbers or bytes. SQLite sorts these apart from texts, so each is made a text first: bytes in hexadecimal digits.
const ANY: KeyExpressions = KeyExpressions {
    text: "CASE typeof(id) WHEN 'blob' THEN lower(hex(id)) ELSE CAST(id AS TEXT) END",
    order: "CASE typeof(id) WHEN 'blob' THEN lower(hex(id)) ELSE CAST(id AS TEXT) END COLLATE BINARY",
    exact: [
        "CASE typeof(id) WHEN 'blob' THEN lower(hex(id)) ELSE CAST(id AS TEXT) END COLLATE BINARY",
        "user_key",
    ],
    ..TEXT
};

/// For looking keys up, whatever they are stored as, along the index: whose collation may hold more for equal.
pub const LOOKUP: KeyExpressions = KeyExpressions { order: "id", has_equals: true, any_type: true, ..ANY };

#[expect(clippy::unnecessary_wraps, reason = "the other systems have to be asked")]
pub fn participant_keys(_sqlite: &mut SqliteConnection) -> QueryResult<ParticipantKeys> {
    Ok(ParticipantKeys::OfEachRow)
}

/// How the keys of this event's participants are written.
pub fn text_key_of_rows(
    connection: &mut AnyConnection,
    event_id: EventId,
    event: AppEvent,
) -> QueryResult<KeyExpressions> {
    let statement: Statement<'_, (BigInt, BigInt)> = Statement::new(
        "SELECT count(CASE WHEN typeof(id) <> 'text' THEN 1 END), count(CASE WHEN typeof(id) = 'real' THEN 1 END)
         FROM participants WHERE id IS NOT NULL AND ",
    );
    let (others, fractions): (i64, i64) = statement.event(event).get_result(connection)?;
    match (others, fractions) {
        (0, _) => Ok(TEXT),
        (_, 0) => Ok(ANY),
        _ => Err(Error::DeserializationError(
            format!(
                "participants.id of event {event_id} holds a number with a fraction, but must be a whole number or text"
            )
            .into(),
        )),
    }
}
