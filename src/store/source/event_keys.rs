//! How the application's tables hold the keys of events, and conditions for them. Finding out is left to `event_key_type` and
//! `backend`; what a key is, to `domain`.

use diesel::QueryResult;
use diesel::backend::Backend;
use diesel::expression::{AppearsOnTable, Expression, SelectableExpression, ValidGrouping};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::serialize::ToSql;
use diesel::sql_types::{Bool, HasSqlType, Text};

use crate::domain::event_key::TextKey;
use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;

/// The columns with keys of events.
pub(crate) const COLUMNS: [(&str, &str); 2] = [("events", "id"), ("participants", "event_id")];

/// What a column with keys of events holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyColumn {
    /// Which keys.
    pub keys: EventKeyType,
    /// The type that a text has to be cast to, so that it is compared as keys are, with an index. `None`: as it is.
    pub cast: Option<&'static str>,
}

impl KeyColumn {
    /// Whole numbers.
    pub const NUMBER: Self = Self { keys: EventKeyType::Number, cast: None };
    /// Texts that are compared with texts as they are.
    pub const TEXT: Self = Self { keys: EventKeyType::Text, cast: None };
    /// The same in an encoding that need not have more than ASCII.
    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub const ASCII: Self = Self { keys: EventKeyType::TextUpTo('\u{7f}'), cast: None };

    /// The same column, which can hold UUIDs as hexadecimal digits only if `is_short`: it has just room for these.
    pub fn of_hex_uuids(self, is_short: bool) -> Self {
        let keys = match self.keys {
            EventKeyType::Text if is_short => EventKeyType::HexUuid(char::MAX),
            EventKeyType::TextUpTo(last) if is_short => EventKeyType::HexUuid(last),
            keys => keys,
        };
        Self { keys, ..self }
    }
}

/// How the tables of the application hold the keys of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventKeys {
    /// Which keys the events have.
    pub key_type: EventKeyType,
    events_cast: Option<&'static str>,
    participants_cast: Option<&'static str>,
    /// The type of any text as CAST takes it.
    pub text_type: &'static str,
}

impl EventKeys {
    /// Of `events.id` and `participants.event_id`.
    ///
    /// # Errors
    /// When one holds numbers and the other text.
    pub fn new(events: KeyColumn, participants: KeyColumn, text_type: &'static str) -> QueryResult<Self> {
        let key_type = match (events.keys, participants.keys) {
            (EventKeyType::Number, EventKeyType::Number) => EventKeyType::Number,
            (EventKeyType::Number, _) => return Err(different("events.id", "participants.event_id")),
            (_, EventKeyType::Number) => return Err(different("participants.event_id", "events.id")),
            (EventKeyType::Uuid, _) | (_, EventKeyType::Uuid) => EventKeyType::Uuid,
            (EventKeyType::Text, EventKeyType::Text) => EventKeyType::Text,
            (EventKeyType::TextUpTo(one), EventKeyType::TextUpTo(other)) => {
                EventKeyType::TextUpTo(one.min(other))
            }
            (EventKeyType::HexUuid(one), EventKeyType::HexUuid(other) | EventKeyType::TextUpTo(other))
            | (EventKeyType::TextUpTo(one), EventKeyType::HexUuid(other)) => {
                EventKeyType::HexUuid(one.min(other))
            }
            (limited @ (EventKeyType::TextUpTo(_) | EventKeyType::HexUuid(_)), _) | (_, limited) => limited,
        };
        let (events_cast, participants_cast) = (events.cast, participants.cast);
        Ok(Self { key_type, events_cast, participants_cast, text_type })
    }

    /// The condition for the row of the event in `events`.
    pub fn in_events(&self, event_id: EventId) -> AppEvent {
        self.condition("events.id", self.events_cast, event_id)
    }

    /// The condition for the participants of the event.
    pub fn in_participants(&self, event_id: EventId) -> AppEvent {
        self.condition("participants.event_id", self.participants_cast, event_id)
    }

    /// The type that a text has to be cast to, so that it is compared as keys of events are. `None`: as it is.
    pub fn events_cast(&self) -> Option<&'static str> {
        self.events_cast
    }

    /// `events.id` as text.
    pub fn events_id_as_text(&self) -> EventsIdAsText {
        EventsIdAsText { text_type: self.text_type }
    }

    fn condition(&self, column: &'static str, cast: Option<&'static str>, event_id: EventId) -> AppEvent {
        let key = match (self.key_type, event_id) {
            (EventKeyType::Number, EventId::Number(id)) => return AppEvent::Number(id),
            (
                EventKeyType::Text | EventKeyType::TextUpTo(_) | EventKeyType::HexUuid(_),
                EventId::Number(id),
            ) => TextKey::new(&id.to_string()).ok(),
            // Notifications may be older than a change of the application's tables.
            (key_type, event_id) => match key_type.accept(event_id) {
                Ok(EventId::Text(key)) => Some(key),
                _ => None,
            },
        };
        AppEvent::Text(IsTextKey { column, cast, key })
    }
}

fn different(numbers: &str, texts: &str) -> Error {
    Error::DeserializationError(
        format!(
            "{numbers} holds whole numbers, but {texts} holds text; fanmail compares them, so both must hold the same keys"
        )
        .into(),
    )
}

/// The key of an event as a column of the application holds it.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "one for each statement, on the stack")]
pub(crate) enum AppEvent {
    /// A number, in a statement that is prepared.
    Number(i64),
    /// A condition for a text.
    Text(IsTextKey),
}

/// Compiles a query for both kinds of keys: with the condition that `$column`, which holds numbers then, is the key, and with
/// the condition for a text.
macro_rules! of_event {
    ($event:expr, $column:expr, $condition:ident => $query:expr) => {
        match $event {
            $crate::store::source::event_keys::AppEvent::Number(id) => {
                let $condition = diesel::ExpressionMethods::eq($column, id);
                $query
            }
            $crate::store::source::event_keys::AppEvent::Text($condition) => $query,
        }
    };
}
pub(crate) use of_event;

/// The condition that a column is a key, in the column's own collation. Without a key, it holds for no row.
#[derive(Debug, Clone, Copy, ValidGrouping)]
pub(crate) struct IsTextKey {
    column: &'static str,
    cast: Option<&'static str>,
    key: Option<TextKey>,
}

/// Its text depends on the column.
impl QueryId for IsTextKey {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for IsTextKey {
    type SqlType = Bool;
}

impl<T> AppearsOnTable<T> for IsTextKey {}

impl<T> SelectableExpression<T> for IsTextKey {}

impl<DB: Backend + HasSqlType<Text>> QueryFragment<DB> for IsTextKey
where
    str: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let Some(key) = &self.key else {
            out.push_sql("1 = 0");
            return Ok(());
        };
        out.push_sql(self.column);
        out.push_sql(" = ");
        let Some(cast) = self.cast else { return out.push_bind_param::<Text, str>(key.as_str()) };
        out.push_sql("CAST(");
        out.push_bind_param::<Text, str>(key.as_str())?;
        out.push_sql(" AS ");
        out.push_sql(cast);
        out.push_sql(")");
        Ok(())
    }
}

/// `events.id` as the text that the database makes of it.
#[derive(Debug, Clone, Copy, ValidGrouping)]
pub(crate) struct EventsIdAsText {
    text_type: &'static str,
}

impl QueryId for EventsIdAsText {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for EventsIdAsText {
    type SqlType = Text;
}

impl<T> AppearsOnTable<T> for EventsIdAsText {}

impl<T> SelectableExpression<T> for EventsIdAsText {}

impl<DB: Backend> QueryFragment<DB> for EventsIdAsText {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("CAST(events.id AS ");
        out.push_sql(self.text_type);
        out.push_sql(")");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: KeyColumn = KeyColumn { keys: EventKeyType::Uuid, cast: Some("uuid") };

    fn sql(event: AppEvent) -> String {
        match event {
            AppEvent::Number(id) => id.to_string(),
            AppEvent::Text(IsTextKey { column, cast, key }) => format!("{column} {cast:?} {key:?}"),
        }
    }

    fn key(text: &str) -> EventId {
        EventId::from_text(text).unwrap()
    }

    #[test]
    fn a_key_is_compared_as_the_column_holds_it() {
        let keys = |events, participants| EventKeys::new(events, participants, "TEXT").unwrap();
        let numbers = keys(KeyColumn::NUMBER, KeyColumn::NUMBER);
        assert_eq!(sql(numbers.in_participants(key("7"))), "7");
        assert_eq!(sql(numbers.in_participants(key("ab"))), "participants.event_id None None");
        let texts = keys(KeyColumn::TEXT, KeyColumn::TEXT);
        assert_eq!(sql(texts.in_events(key("7"))), "events.id None Some(\"7\")");
        assert_eq!(sql(texts.in_events(key("AB"))), "events.id None Some(\"AB\")");
        let uuids = keys(KeyColumn::TEXT, UUID);
        let uuid = "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6";
        let lower = uuid.to_lowercase();
        assert_eq!(
            sql(uuids.in_participants(key(uuid))),
            format!("participants.event_id Some(\"uuid\") Some({lower:?})")
        );
        assert_eq!(sql(uuids.in_events(key(uuid))), format!("events.id None Some({lower:?})"));
        assert_eq!(sql(uuids.in_events(key("7"))), "events.id None None");
    }

    #[test]
    fn numbers_beside_texts_are_refused() {
        let error =
            |events, participants| EventKeys::new(events, participants, "TEXT").unwrap_err().to_string();
        let texts = error(KeyColumn::NUMBER, KeyColumn::TEXT);
        assert!(
            texts.starts_with("events.id holds whole numbers, but participants.event_id holds text"),
            "{texts}"
        );
        assert!(error(UUID, KeyColumn::NUMBER).starts_with("participants.event_id holds whole"));
    }
}
