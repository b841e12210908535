//! The column `timezone` of participants and users, which the application need not have: views that are older than it lack it, and so
//! do tables. Where it is missing, no person has a zone.

use diesel::QueryResult;
use diesel::expression::is_aggregate::Never;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Nullable, Text};

use crate::store::backend::any::MultiBackend;
use crate::store::backend::as_text::AsText;
use crate::store::schema::zoned_participants;

/// The column as text, or an empty text where there is none. In queries of one table only, as [`AsText`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ZoneColumn {
    /// Whether the table or view has it.
    pub exists: bool,
}

static THERE: ZoneColumn = ZoneColumn { exists: true };
static MISSING: ZoneColumn = ZoneColumn { exists: false };

/// `users` has it under the same name.
const COLUMN: AsText<zoned_participants::timezone> = AsText(zoned_participants::timezone);

impl ZoneColumn {
    /// The same for a statement that is put together from pieces.
    pub fn piece(self) -> &'static Self {
        if self.exists { &THERE } else { &MISSING }
    }
}

impl Expression for ZoneColumn {
    type SqlType = Nullable<Text>;
}

impl<T> AppearsOnTable<T> for ZoneColumn {}

impl<T> SelectableExpression<T> for ZoneColumn {}

impl<G> ValidGrouping<G> for ZoneColumn {
    type IsAggregate = Never;
}

impl QueryId for ZoneColumn {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<MultiBackend> for ZoneColumn {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        if self.exists {
            return COLUMN.walk_ast(out);
        }
        out.push_sql("''");
        Ok(())
    }
}
