//! The time of the database's clock as a value in a statement, which costs no round trip. How a database writes it is left
//! to its folder; `dispatch::clock` reads the time itself.

use chrono::{NaiveDateTime, SubsecRound as _, Utc};
use diesel::QueryResult;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::Timestamp;

use crate::store::backend::any::MultiBackend;

/// The time at which a statement runs, UTC, to the millisecond: the server's, or this machine's where the database is a
/// file and has no clock.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub struct DatabaseTime {
    /// What this machine's clock said.
    pub(super) machine: NaiveDateTime,
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

impl<T> SelectableExpression<T> for DatabaseTime {}

impl QueryFragment<MultiBackend> for DatabaseTime {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}
