//! Writes all snapshots of a batch in one statement, whose text is always the same: one round trip, prepared once.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Text};

use crate::domain::ids::{Epoch, NotificationId};
use crate::store::ledger::snapshots::row::NewSnapshot;

pub fn write(postgres: &mut PgConnection, rows: &[NewSnapshot<'_>]) -> QueryResult<()> {
    let update = UpdateSnapshots {
        ids: rows.iter().map(|row| row.lease.notification_id).collect(),
        epochs: rows.iter().map(|row| row.lease.epoch).collect(),
        snapshots: rows.iter().map(|row| row.json).collect(),
    };
    update.execute(postgres).map(drop)
}

/// The rows, column by column.
struct UpdateSnapshots<'a> {
    ids: Vec<NotificationId>,
    epochs: Vec<Epoch>,
    snapshots: Vec<&'a str>,
}

impl QueryFragment<Pg> for UpdateSnapshots<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("UPDATE notifications SET event_snapshot = new.event_snapshot FROM unnest(");
        out.push_bind_param::<Array<BigInt>, _>(&self.ids)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(&self.epochs)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.snapshots)?;
        out.push_sql(
            ") AS new (id, epoch, event_snapshot) WHERE notifications.id = new.id AND notifications.epoch = new.epoch
                AND notifications.event_snapshot IS NULL",
        );
        Ok(())
    }
}

/// The text is constant.
impl QueryId for UpdateSnapshots<'_> {
    type QueryId = UpdateSnapshots<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<PgConnection> for UpdateSnapshots<'_> {}
