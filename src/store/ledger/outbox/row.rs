//! Rows of the outbox, as they are read and written. Applications write them, and SQLite stores any value in any column: what is read is
//! bytes.

use std::fmt;

use chrono::NaiveDateTime;
use diesel::deserialize::FromSqlRow;
use diesel::prelude::*;

use crate::store::schema::outbox;

/// A row that no worker has taken.
#[derive(Debug, Queryable)]
pub(crate) struct WaitingRow {
    pub(crate) id: i64,
    pub(crate) message_id: Option<TextBytes>,
    pub(crate) body: TextBytes,
    pub(crate) routing_key: Option<TextBytes>,
    pub(crate) priority: i32,
    was_written_before: bool,
    was_due_before: Option<bool>,
}

impl WaitingRow {
    /// Whether it was written, and due, before the time that the query names.
    pub(crate) fn is_older(&self) -> bool {
        self.was_written_before && self.was_due_before.unwrap_or(true)
    }
}

/// A text as bytes: UTF-8, unless it is no text. How a database sends it is left to its folder.
#[derive(Clone, PartialEq, Eq, FromSqlRow)]
#[diesel(sql_type = diesel::sql_types::Binary)]
pub(crate) struct TextBytes(pub(crate) Vec<u8>);

/// Its length only: it has words and addresses that are meant for the recipients.
impl fmt::Debug for TextBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextBytes({} bytes)", self.0.len())
    }
}

/// Up to `limit` rows that no worker has taken, in the order of the index. `before`: for [`WaitingRow::is_older`].
#[diesel::dsl::auto_type]
fn untaken(before: NaiveDateTime, limit: i64) -> _ {
    outbox::table
        .filter(outbox::taken_at.is_null())
        .order((outbox::not_before, outbox::priority.desc(), outbox::id))
        .limit(limit)
        .select((
            outbox::id,
            outbox::message_id,
            outbox::body,
            outbox::routing_key,
            outbox::priority,
            outbox::created_at.lt(before),
            outbox::not_before.lt(before),
        ))
}

/// Those that need not wait.
#[diesel::dsl::auto_type]
pub(crate) fn waiting(before: NaiveDateTime, limit: i64) -> _ {
    let untaken: untaken = untaken(before, limit);
    untaken.filter(outbox::not_before.is_null())
}

/// Those that were to wait until this time or an earlier one.
#[diesel::dsl::auto_type]
pub(crate) fn due(now: NaiveDateTime, before: NaiveDateTime, limit: i64) -> _ {
    let untaken: untaken = untaken(before, limit);
    untaken.filter(outbox::not_before.le(now))
}

diesel::table! {
    /// The columns of the outbox as they are written.
    #[sql_name = "outbox"]
    new_rows (id) {
        id -> BigInt,
        message_id -> Nullable<Text>,
        body -> Text,
        routing_key -> Nullable<Text>,
        priority -> Integer,
    }
}

/// A row to be.
#[derive(Insertable)]
#[diesel(table_name = new_rows)]
pub(crate) struct NewOutboxRow<'a> {
    pub message_id: &'a str,
    pub body: &'a str,
    pub routing_key: Option<&'a str>,
    pub priority: i32,
}
