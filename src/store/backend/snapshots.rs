//! How each database writes the snapshots of a batch. Which are written is left to `ledger::snapshots`.

use diesel::QueryResult;

use crate::store::backend::any::{AnyConnection, dispatch};
use crate::store::ledger::snapshots::row::NewSnapshot;

/// Writes the snapshots of notifications whose lease is valid and that have none.
pub fn write(connection: &mut AnyConnection, rows: &[NewSnapshot<'_>]) -> QueryResult<()> {
    dispatch!(connection, AnyConnection(own) => snapshots::write(own, rows))
}
