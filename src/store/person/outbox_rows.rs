//! Rows of the outbox whose message has an address in it. Bodies are read as they are: SQLite stores any value in any column, and what an
//! application escapes in JSON, SQL would not find.

use diesel::prelude::*;

use crate::domain::written_address::WrittenAddress;
use crate::store::Store;
use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::error::StoreError;
use crate::store::ledger::outbox::row::TextBytes;
use crate::store::person::outbox_rows::written::written_rows;
use crate::store::schema::outbox;

/// Rows that one statement reads: a body may be long.
const ROWS: i64 = 50;

/// The body of a message that was taken away.
const ERASED_BODY: &str = r#"{"erased":true}"#;

mod written {
    diesel::table! {
        /// The columns that are changed, as they are written.
        #[sql_name = "outbox"]
        written_rows (id) {
            id -> BigInt,
            message_id -> Nullable<Text>,
            body -> Text,
            taken_at -> Nullable<Timestamp>,
            problem -> Nullable<Text>,
        }
    }
}

/// A row with the address in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its key.
    pub id: i64,
    /// The `message_id`.
    pub message_id: Option<String>,
    /// Whether a worker has taken it. Before that, it is the application's.
    pub is_taken: bool,
    /// The message.
    pub body: String,
    problem: Option<String>,
}

type Values = (i64, Option<TextBytes>, bool, TextBytes, Option<String>);

impl Store {
    /// The rows behind this one with the address in them, and the last row that was looked at; `None` at the end.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_outbox_rows(
        &self,
        address: &WrittenAddress,
        after: i64,
    ) -> Result<(Vec<OutboxEntry>, Option<i64>), StoreError> {
        self.run("look for an address in the outbox", |connection| find(connection, address, after))
    }
}

fn find(
    connection: &mut AnyConnection,
    address: &WrittenAddress,
    after: i64,
) -> QueryResult<(Vec<OutboxEntry>, Option<i64>)> {
    let is_taken = outbox::taken_at.is_not_null();
    let rows = outbox::table.filter(outbox::id.gt(after)).order(outbox::id).limit(ROWS).select((
        outbox::id,
        outbox::message_id,
        is_taken,
        outbox::body,
        outbox::problem,
    ));
    let rows: Vec<Values> = dispatch!(connection, AnyConnection(own) => { rows.load(own) })?;
    let last = rows.last().map(|row| row.0);
    Ok((rows.into_iter().filter_map(|row| read(address, row)).collect(), last))
}

/// `None` without the address.
fn read(address: &WrittenAddress, (id, message_id, is_taken, body, problem): Values) -> Option<OutboxEntry> {
    let text = |TextBytes(bytes): TextBytes| String::from_utf8_lossy(&bytes).into_owned();
    let (message_id, body) = (message_id.map(text), text(body));
    let is_in = |text: &Option<String>| text.as_deref().is_some_and(|text| address.is_in(text));
    let has_it = address.is_in_json(&body) || is_in(&message_id) || is_in(&problem);
    has_it.then_some(OutboxEntry { id, message_id, is_taken, body, problem })
}

/// Takes the message of a row away that a worker has taken: the ledger has had its notification since then. Returns how many rows were
/// changed.
pub(crate) fn erase(
    connection: &mut AnyConnection,
    address: &WrittenAddress,
    entry: &OutboxEntry,
) -> QueryResult<usize> {
    let OutboxEntry { id, message_id, problem, .. } = entry;
    let row =
        written_rows::table.filter(written_rows::id.eq(id)).filter(written_rows::taken_at.is_not_null());
    let message_id = message_id.as_deref().filter(|id| !address.is_in(id));
    let problem =
        problem.as_deref().map(|problem| address.erase(problem).unwrap_or_else(|| problem.to_owned()));
    diesel::update(row)
        .set((
            written_rows::message_id.eq(message_id),
            written_rows::body.eq(ERASED_BODY),
            written_rows::problem.eq(problem),
        ))
        .execute(connection)
}
