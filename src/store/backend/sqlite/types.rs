//! Which values of the application fanmail would misread. SQLite stores any value in any column, so that only the rows tell.

use diesel::dsl::max;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable};
use diesel::sqlite::SqliteConnection;

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

/// Each as a text: bytes in hexadecimal digits. SQLite prints some numbers with fewer digits than they have. They cannot be
/// looked up by that, and get a text that cannot be listed ([`UNPRINTABLE`](crate::store::source::keys::UNPRINTABLE)).
macro_rules! any_as_text {
    ($behind:literal) => {
        concat!(
            "CASE typeof(id) WHEN 'blob' THEN lower(hex(id))
                WHEN 'real' THEN CAST(id AS TEXT) ||
                    CASE WHEN CAST(CAST(id AS TEXT) AS REAL) = id THEN '' ELSE char(0) || 'real' END
                ELSE CAST(id AS TEXT) END",
            $behind
        )
    };
}

/// Some are numbers or bytes. SQLite sorts these apart from texts, so each is made a text first.
const ANY: KeyExpressions = KeyExpressions {
    text: any_as_text!(""),
    order: any_as_text!(" COLLATE BINARY"),
    exact: [any_as_text!(" COLLATE BINARY"), "user_key"],
    ..TEXT
};

/// For looking keys up, whatever they are stored as, along the index: whose collation may hold more for equal.
pub const LOOKUP: KeyExpressions = KeyExpressions { order: "id", has_equals: true, any_type: true, ..ANY };

#[expect(clippy::unnecessary_wraps, reason = "the other systems have to be asked")]
pub fn participant_keys(_sqlite: &mut SqliteConnection) -> QueryResult<ParticipantKeys> {
    Ok(ParticipantKeys::OfEachRow)
}

/// How the keys of this event's participants are written.
pub fn text_key_of_rows(connection: &mut AnyConnection, event: AppEvent) -> QueryResult<KeyExpressions> {
    let others: i64 = Statement::<BigInt>::new(
        "SELECT count(CASE WHEN typeof(id) <> 'text' THEN 1 END) FROM participants WHERE id IS NOT NULL AND ",
    )
    .event(event)
    .get_result(connection)?;
    Ok(if others == 0 { TEXT } else { ANY })
}
