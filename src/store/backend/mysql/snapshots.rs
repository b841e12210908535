//! Writes all snapshots of a batch in one statement. One alone is a statement that is prepared already.

use diesel::mysql::{Mysql, MysqlConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};

use crate::store::backend::prepared::PreparedUpdate;
use crate::store::ledger::snapshots::row::{NewSnapshot, takes_snapshot};
use crate::store::schema::notifications;

pub fn write(mysql: &mut MysqlConnection, rows: &[NewSnapshot<'_>]) -> QueryResult<()> {
    match rows {
        [row] => {
            let snapshot = notifications::event_snapshot.eq(row.json);
            PreparedUpdate::new(snapshot, takes_snapshot(row.lease)).execute(mysql).map(drop)
        }
        _ => UpdateSnapshots(rows).execute(mysql).map(drop),
    }
}

struct UpdateSnapshots<'a>(&'a [NewSnapshot<'a>]);

impl QueryFragment<Mysql> for UpdateSnapshots<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        // Each number of rows has a text of its own.
        out.unsafe_to_cache_prepared();
        out.push_sql("UPDATE notifications SET event_snapshot = CASE id");
        for row in self.0 {
            out.push_sql(" WHEN ");
            out.push_bind_param::<BigInt, _>(&row.lease.notification_id)?;
            out.push_sql(" THEN ");
            out.push_bind_param::<Text, _>(row.json)?;
        }
        out.push_sql(" END WHERE event_snapshot IS NULL AND (id, epoch) IN (");
        for (index, row) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { ", (" });
            out.push_bind_param::<BigInt, _>(&row.lease.notification_id)?;
            out.push_sql(", ");
            out.push_bind_param::<BigInt, _>(&row.lease.epoch)?;
            out.push_sql(")");
        }
        out.push_sql(")");
        Ok(())
    }
}

impl QueryId for UpdateSnapshots<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<MysqlConnection> for UpdateSnapshots<'_> {}
