//! Writes snapshots one by one: the statement is prepared already.

use diesel::prelude::*;

use crate::store::backend::prepared::PreparedUpdate;
use crate::store::ledger::snapshots::row::{NewSnapshot, takes_snapshot};
use crate::store::schema::notifications;

pub fn write(sqlite: &mut SqliteConnection, rows: &[NewSnapshot<'_>]) -> QueryResult<()> {
    for row in rows {
        let snapshot = notifications::event_snapshot.eq(row.json);
        PreparedUpdate::new(snapshot, takes_snapshot(row.lease)).execute(sqlite)?;
    }
    Ok(())
}
