//! Rows of the outbox, as they are read and written. Applications write them, and SQLite stores any value in any column: what is read is
//! bytes.

use chrono::NaiveDateTime;
use diesel::prelude::*;

use crate::store::schema::outbox;

/// A row that no worker has taken.
#[derive(Debug, Queryable)]
pub(crate) struct WaitingRow {
    pub(crate) id: i64,
    pub(crate) message_id: Option<Vec<u8>>,
    pub(crate) body: Vec<u8>,
    pub(crate) routing_key: Option<Vec<u8>>,
    pub(crate) priority: i32,
}

/// Up to `limit` rows that need not wait. The order is that of the index.
#[diesel::dsl::auto_type]
pub(crate) fn waiting(limit: i64) -> _ {
    outbox::table
        .filter(outbox::taken_at.is_null())
        .filter(outbox::not_before.is_null())
        .order((outbox::not_before, outbox::priority.desc(), outbox::id))
        .limit(limit)
        .select((outbox::id, outbox::message_id, outbox::body, outbox::routing_key, outbox::priority))
}

/// Up to `limit` rows that were to wait until this time or an earlier one.
#[diesel::dsl::auto_type]
pub(crate) fn due(now: NaiveDateTime, limit: i64) -> _ {
    outbox::table
        .filter(outbox::taken_at.is_null())
        .filter(outbox::not_before.le(now))
        .order((outbox::not_before, outbox::priority.desc(), outbox::id))
        .limit(limit)
        .select((outbox::id, outbox::message_id, outbox::body, outbox::routing_key, outbox::priority))
}

diesel::table! {
    /// The columns of the outbox as they are written.
    #[sql_name = "outbox"]
    new_rows (id) {
        id -> BigInt,
        message_id -> Nullable<Text>,
        body -> Text,
    }
}

/// A row to be.
#[derive(Insertable)]
#[diesel(table_name = new_rows)]
pub(crate) struct NewOutboxRow<'a> {
    pub message_id: &'a str,
    pub body: &'a str,
}
