//! What is said about an event that is not in the database. Looking for it is left to the store.

use std::fmt;

use crate::domain::event_key_type::EventKeyType;
use crate::domain::ids::EventId;

/// An event that is not in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingEvent {
    /// The key that was asked for.
    pub event_id: EventId,
    /// Which keys the events there have.
    pub keys: EventKeyType,
    /// The key of an event that the database takes for the same, and that differs in capitals, accents or blanks at the end.
    pub similar: Option<EventId>,
}

/// State, and what to do if another key is meant. Without a full stop.
impl fmt::Display for MissingEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event_id, keys, similar } = self;
        write!(f, "event {event_id} is not in the database")?;
        match (similar, keys) {
            (Some(similar), _) => write!(
                f,
                ", but an event {similar} exists; keys that are text must be the same byte by byte; publish with that key"
            ),
            (None, EventKeyType::Number) => Ok(()),
            (None, EventKeyType::Text | EventKeyType::TextUpTo(_) | EventKeyType::HexUuid(_)) => f.write_str(
                " (the keys of events here are text: every character must be the same as in events.id, also capital and small \
                 letters, zeros in front, and blanks)",
            ),
            (None, EventKeyType::Uuid) => f.write_str(" (the keys of events here are UUIDs)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_publisher_may_have_overlooked_is_told() {
        let text = |key, keys, similar: Option<&str>| {
            let [event_id, similar] =
                [Some(key), similar].map(|key| key.map(|key| EventId::from_text(key).unwrap()));
            MissingEvent { event_id: event_id.unwrap(), keys, similar }.to_string()
        };
        assert_eq!(text("7", EventKeyType::Number, None), "event 7 is not in the database");
        for keys in [EventKeyType::Text, EventKeyType::TextUpTo('x'), EventKeyType::HexUuid('x')] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(text("Ab", keys, None), @"event Ab is not in the database (the keys of events here are text: every character must be the same as in events.id, also capital and small letters, zeros in front, and blanks)");
                insta::assert_snapshot!(text("Ab ", keys, Some("ab")), @r#"event "Ab " is not in the database, but an event ab exists; keys that are text must be the same byte by byte; publish with that key"#);
            }
        }
        insta::assert_snapshot!(text("7", EventKeyType::Uuid, None), @"event 7 is not in the database (the keys of events here are UUIDs)");
    }
}
