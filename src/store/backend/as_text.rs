//! A column of the application as text, whatever its type is. How a database writes its other types as text is left to its
//! folder.

use diesel::expression::is_aggregate::Never;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Nullable, Text};
use diesel::{Column, QueryResult};

use crate::store::backend::any::MultiBackend;

/// A column as text, as its database prints it: 101 and not the bytes of a number. What is text or bytes comes as it is. In
/// queries of one table only: the column is not qualified.
#[derive(Debug, Clone, Copy, QueryId)]
pub struct AsText<C>(pub C);

impl<C: Expression> Expression for AsText<C> {
    type SqlType = Nullable<Text>;
}

impl<C: AppearsOnTable<T>, T> AppearsOnTable<T> for AsText<C> {}

impl<C: SelectableExpression<T>, T> SelectableExpression<T> for AsText<C> {}

/// With or without a GROUP BY of the same expression.
impl<C, G> ValidGrouping<G> for AsText<C> {
    type IsAggregate = Never;
}

impl<C: Column> QueryFragment<MultiBackend> for AsText<C> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        MultiBackend::walk_variant_ast(self, out)
    }
}
