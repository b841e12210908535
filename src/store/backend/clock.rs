//! The time of the database's clock as a value in a statement, which costs no round trip. How a database writes it is left
//! to its folder; `dispatch::clock` reads the time itself.

use std::time::Instant;

use chrono::{NaiveDateTime, SubsecRound as _, TimeDelta, Utc};
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

/// The database's time at an instant of this process, in a statement that runs soon after. It is rather too late than too early.
#[derive(Debug, Clone, Copy, ValidGrouping)]
pub struct EarlierTime {
    /// What this machine's clock said at that instant.
    pub(super) machine: NaiveDateTime,
    /// How long ago that is, for a server.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(super) milliseconds_ago: i64,
}

impl EarlierTime {
    /// The time at `instant`.
    pub fn of(instant: Instant) -> Self {
        let milliseconds_ago = i64::try_from(instant.elapsed().as_millis()).unwrap_or(i64::MAX);
        let ago = TimeDelta::try_milliseconds(milliseconds_ago).unwrap_or(TimeDelta::MAX);
        let now = machine_time();
        Self {
            machine: now.checked_sub_signed(ago).unwrap_or(now),
            #[cfg(any(feature = "mysql", feature = "postgres"))]
            milliseconds_ago,
        }
    }
}

/// This machine's clock, UTC, to the millisecond.
pub fn machine_time() -> NaiveDateTime {
    Utc::now().naive_utc().trunc_subsecs(3)
}

impl Expression for DatabaseTime {
    type SqlType = Timestamp;
}

impl Expression for EarlierTime {
    type SqlType = Timestamp;
}

/// Statements with it are found again by their text.
impl QueryId for EarlierTime {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T> AppearsOnTable<T> for DatabaseTime {}

impl<T> AppearsOnTable<T> for EarlierTime {}

impl<T> SelectableExpression<T> for EarlierTime {}

impl QueryFragment<MultiBackend> for EarlierTime {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}

impl<T> SelectableExpression<T> for DatabaseTime {}

impl QueryFragment<MultiBackend> for DatabaseTime {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}
