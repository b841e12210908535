//! The database's clock as a value in a statement, which costs no round trip. Who needs the time itself reads
//! `dispatch::clock`.

use chrono::{NaiveDateTime, SubsecRound as _, Utc};
use diesel::QueryResult;
use diesel::expression::{AppearsOnTable, Expression, ValidGrouping};
#[cfg(feature = "mysql")]
use diesel::mysql::Mysql;
#[cfg(feature = "postgres")]
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Timestamp;
use diesel::sqlite::Sqlite;

use crate::store::backend::any::MultiBackend;

/// The time of a `PostgreSQL` server, UTC, to the millisecond. Not the time at which the transaction began.
#[cfg(feature = "postgres")]
pub const POSTGRES_TIME: &str = "date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'UTC')";

/// The time of a `MySQL` or `MariaDB` server when the statement began, UTC, to the millisecond.
#[cfg(feature = "mysql")]
pub const MYSQL_TIME: &str = "UTC_TIMESTAMP(3)";

/// The time at which a statement runs, UTC, to the millisecond: the server's, or this machine's where the database is a
/// file and has no clock.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub struct DatabaseTime {
    machine: NaiveDateTime,
}

impl DatabaseTime {
    /// Reads this machine's clock. A server reads its own when the statement runs.
    pub fn now() -> Self {
        Self { machine: machine_time() }
    }
}

/// This machine's clock, UTC, to the millisecond.
pub fn machine_time() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(3)
}

impl Expression for DatabaseTime {
    type SqlType = Timestamp;
}

impl<T> AppearsOnTable<T> for DatabaseTime {}

impl QueryFragment<Sqlite> for DatabaseTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_bind_param::<Timestamp, _>(&self.machine)
    }
}

#[cfg(feature = "postgres")]
impl QueryFragment<Pg> for DatabaseTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(POSTGRES_TIME);
        Ok(())
    }
}

#[cfg(feature = "mysql")]
impl QueryFragment<Mysql> for DatabaseTime {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(MYSQL_TIME);
        Ok(())
    }
}

impl QueryFragment<MultiBackend> for DatabaseTime {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}
