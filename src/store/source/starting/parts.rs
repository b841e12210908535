//! Parts of all events, in the order of their keys: where some events cannot be read, the others are read in halves. Neither needs
//! more than the keys, so that no other column has to be readable.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::domain::event_key_type::EventKeyType;
use crate::store::Store;
use crate::store::backend::any::AnyConnection;
use crate::store::backend::starts::start_column;
use crate::store::backend::statement::Statement;
use crate::store::error::StoreError;
use crate::store::source::columns::AppText;
use crate::store::source::event_keys::EventKeys;
use crate::store::source::start_column::{StartColumn, refuse};

/// A part of all events: those with keys from one on and before another one. By default all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventPart {
    from: Option<String>,
    before: Option<String>,
    /// How often it was halved.
    depth: u8,
}

/// A part that was halved so often has one event, or keys that the database holds for equal.
const MAX_DEPTH: u8 = 64;

/// What a part of the events is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halves {
    /// Of two parts.
    Two([EventPart; 2]),
    /// Of the event with this key, or of none.
    One(String),
}

impl EventPart {
    /// Adds its conditions, each with AND behind it.
    pub(super) fn add_to<'a, Row>(
        &'a self,
        mut statement: Statement<'a, Row>,
        keys: &EventKeys,
    ) -> Statement<'a, Row> {
        for (operator, key) in [("events.id >= ", &self.from), ("events.id < ", &self.before)] {
            let Some(key) = key else { continue };
            statement = statement.sql(operator);
            statement = match (keys.key_type, keys.events_cast()) {
                // Larger keys are none that fanmail can use.
                (EventKeyType::Number, _) => statement.number(key.parse().unwrap_or(i64::MAX)),
                (_, Some(cast)) => statement.sql("CAST(").text(key).sql(" AS ").sql(cast).sql(")"),
                (_, None) => statement.text(key),
            };
            statement = statement.sql(" AND ");
        }
        statement
    }
}

impl Store {
    /// The halves of a part of the events.
    ///
    /// # Errors
    /// When the database does not answer, not even the keys can be read, or no start can be compared with a time.
    pub fn halve_events(&self, part: &EventPart) -> Result<Halves, StoreError> {
        let keys = self.event_keys()?;
        self.run("read the keys of events", |connection| {
            let column = start_column(connection)?;
            if let StartColumn::Other(_) = column {
                return Err(refuse(&column));
            }
            let number: Statement<'_, BigInt> = Statement::new("SELECT count(*) FROM events WHERE ");
            let number: i64 = part.add_to(number, &keys).sql("1 = 1").get_result(connection)?;
            let middle = nth_key(connection, part, &keys, number / 2)?.unwrap_or_default();
            if number < 2 || part.depth == MAX_DEPTH || part.from.as_ref() == Some(&middle) {
                return Ok(Halves::One(middle));
            }
            let EventPart { from, before, depth } = part.clone();
            let lower = EventPart { from, before: Some(middle.clone()), depth: depth + 1 };
            Ok(Halves::Two([lower, EventPart { from: Some(middle), before, depth: depth + 1 }]))
        })
    }
}

/// The key behind so many others of the part.
fn nth_key(
    connection: &mut AnyConnection,
    part: &EventPart,
    keys: &EventKeys,
    number: i64,
) -> QueryResult<Option<String>> {
    let key = keys.events_id_as_text();
    let statement: Statement<'_, Nullable<Text>> =
        Statement::new("SELECT ").fragment(&key).sql(" FROM events WHERE ");
    let statement =
        part.add_to(statement, keys).sql("1 = 1 ORDER BY events.id LIMIT 1 OFFSET ").number(number);
    let found: Option<Option<AppText>> = statement.get_result(connection).optional()?;
    Ok(found.flatten().map(|AppText(key)| key))
}
