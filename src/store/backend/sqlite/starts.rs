//! What `events.starts_at` holds: any row has a type of its own.

use diesel::QueryResult;
use diesel::sqlite::SqliteConnection;

use crate::store::source::start_column::StartColumn;

#[expect(clippy::unnecessary_wraps, reason = "the other systems have to be asked")]
pub fn start_column(_sqlite: &mut SqliteConnection) -> QueryResult<StartColumn> {
    Ok(StartColumn::OfEachRow)
}
