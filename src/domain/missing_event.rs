//! What is said about an event that is not in the database. Looking for it is left to the store.

use std::fmt;

use crate::domain::ids::EventId;

/// An event that is not in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingEvent {
    /// The key that was asked for.
    pub event_id: EventId,
    /// The key of an event that the database takes for the same, and that differs in capitals, accents or blanks at the end.
    pub similar: Option<EventId>,
}

/// State, and what to do if another key is meant. Without a full stop.
impl fmt::Display for MissingEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event_id, similar } = self;
        match (event_id, similar) {
            (_, Some(similar)) => write!(
                f,
                "event {event_id} is not in the database, but an event {similar} exists; keys that are text must be the same \
                 byte by byte; publish with that key"
            ),
            (EventId::Number(_), None) => write!(f, "event {event_id} is not in the database"),
            (EventId::Text(_), None) => write!(
                f,
                "event {event_id} is not in the database (keys that are text must be the same byte by byte)"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_meant_is_named() {
        let text = |event_id, similar: Option<&str>| {
            let similar = similar.map(|key| EventId::from_text(key).unwrap());
            MissingEvent { event_id: EventId::from_text(event_id).unwrap(), similar }.to_string()
        };
        assert_eq!(text("7", None), "event 7 is not in the database");
        insta::assert_snapshot!(text("Ab", None), @"event Ab is not in the database (keys that are text must be the same byte by byte)");
        insta::assert_snapshot!(text("Ab ", Some("ab")), @r#"event "Ab " is not in the database, but an event ab exists; keys that are text must be the same byte by byte; publish with that key"#);
    }
}
