//! What `events.starts_at` holds. How a database tells it is left to its folder.

use diesel::QueryResult;

use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::source::start_column::StartColumn;

/// What the column holds.
pub fn start_column(connection: &mut AnyConnection) -> QueryResult<StartColumn> {
    dispatch!(connection, AnyConnection(own) => starts::start_column(own))
}
