//! A statement that is put together from pieces, because diesel's query builder lacks the expressions in it. Which pieces these
//! are is left to the caller. The text is the same for all values, so it is prepared once for each connection.

use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Text};
use diesel::{QueryResult, RunQueryDsl};

use crate::store::backend::any::{AnyConnection, MultiBackend};
use crate::store::source::event_keys::AppEvent;

/// A statement whose rows have the SQL types `Row`.
pub struct Statement<'a, Row> {
    pieces: Vec<Piece<'a>>,
    is_prepared_once: bool,
    row: PhantomData<Row>,
}

#[expect(clippy::large_enum_variant, reason = "a few for each statement")]
enum Piece<'a> {
    Sql(&'a str),
    Fragment(&'a dyn QueryFragment<MultiBackend>),
    Number(i64),
    Event(AppEvent),
    Text(&'a str),
}

impl<'a, Row> Statement<'a, Row> {
    /// A statement that begins like this.
    pub fn new(sql: &'a str) -> Self {
        Self { pieces: vec![Piece::Sql(sql)], is_prepared_once: true, row: PhantomData }
    }

    /// Adds text. It has no values.
    pub fn sql(mut self, sql: &'a str) -> Self {
        self.pieces.push(Piece::Sql(sql));
        self
    }

    /// Adds a part that each database writes in its own way.
    pub fn fragment(mut self, fragment: &'a dyn QueryFragment<MultiBackend>) -> Self {
        self.pieces.push(Piece::Fragment(fragment));
        self
    }

    /// Adds a whole number as a parameter.
    pub fn number(mut self, number: i64) -> Self {
        self.pieces.push(Piece::Number(number));
        self
    }

    /// Adds the condition for the participants of an event, with its key as a parameter of the type that the column has.
    pub fn event(mut self, event: AppEvent) -> Self {
        self.pieces.push(Piece::Event(event));
        self
    }

    /// Adds a text as a parameter.
    pub fn text(mut self, text: &'a str) -> Self {
        self.pieces.push(Piece::Text(text));
        self
    }

    /// Adds a key as a parameter, between what makes it comparable with a column.
    pub fn key(self, [before, behind]: [&'a str; 2], key: &'a str) -> Self {
        self.sql(before).text(key).sql(behind)
    }

    /// Its text depends on how many values there are, so it is prepared each time.
    pub fn prepared_each_time(mut self) -> Self {
        self.is_prepared_once = false;
        self
    }
}

impl<Row> QueryFragment<MultiBackend> for Statement<'_, Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        if !self.is_prepared_once {
            out.unsafe_to_cache_prepared();
        }
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Fragment(fragment) => fragment.walk_ast(out.reborrow())?,
                Piece::Number(number) => out.push_bind_param::<BigInt, _>(number)?,
                Piece::Event(AppEvent::Number(number)) => {
                    out.push_sql("event_id = ");
                    out.push_bind_param::<BigInt, _>(number)?;
                }
                Piece::Event(AppEvent::Text(condition)) => condition.walk_ast(out.reborrow())?,
                Piece::Text(text) => out.push_bind_param::<Text, _>(text)?,
            }
        }
        Ok(())
    }
}

/// It is found again by its text.
impl<Row> QueryId for Statement<'_, Row> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row> Query for Statement<'_, Row> {
    type SqlType = Row;
}

impl<Row> RunQueryDsl<AnyConnection> for Statement<'_, Row> {}
