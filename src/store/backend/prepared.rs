//! Changes that are prepared once for each connection. Diesel prepares an UPDATE each time, because its text may depend on the
//! values: that was a fifth of the instructions of a small notification, and is a round trip more to a server.

use diesel::backend::Backend;
use diesel::query_builder::{AsChangeset, AstPass, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

use crate::store::schema::notifications;

/// An UPDATE of `notifications` whose text is the same for all values: no list of them, and no column that is set only
/// sometimes.
#[derive(Debug, Clone, Copy)]
pub struct PreparedUpdate<V, W> {
    values: V,
    condition: W,
}

impl<V, W> PreparedUpdate<V, W> {
    /// Sets `values` where `condition` holds.
    pub fn new<C: AsChangeset<Target = notifications::table, Changeset = V>>(
        values: C,
        condition: W,
    ) -> Self {
        Self { values: values.as_changeset(), condition }
    }
}

impl<DB: Backend, V: QueryFragment<DB>, W: QueryFragment<DB>> QueryFragment<DB> for PreparedUpdate<V, W> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE notifications SET ");
        self.values.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.condition.walk_ast(out)
    }
}

/// It is found again by its text.
impl<V, W> QueryId for PreparedUpdate<V, W> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<V, W, C> RunQueryDsl<C> for PreparedUpdate<V, W> {}
