//! Which keys the events of an application have. How a database compares them is the store's.

use std::fmt;

use uuid::Uuid;

use crate::domain::event_key::{BadEventKey, TextKey};
use crate::domain::ids::EventId;

/// Which keys the events of an application have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKeyType {
    /// Whole numbers.
    Number,
    /// Texts, also those of numbers.
    Text,
    /// The same without characters behind this one: the database has another encoding than UTF-8, and fails when it compares a
    /// character that it does not have.
    TextUpTo(char),
    /// UUIDs, which a database writes in one form only.
    Uuid,
}

/// What people call such keys.
impl fmt::Display for EventKeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "whole numbers",
            Self::Text | Self::TextUpTo(_) => "text",
            Self::Uuid => "UUIDs",
        })
    }
}

impl EventKeyType {
    /// The key of the event that `key` means: a UUID may be written in several forms.
    ///
    /// # Errors
    /// When the application has no such keys.
    pub fn accept(self, key: EventId) -> Result<EventId, BadEventKey> {
        match (self, key) {
            (Self::Number, EventId::Text(_)) => Err(BadEventKey::NotNumber),
            (Self::TextUpTo(last), EventId::Text(text)) if text.as_str().chars().any(|c| c > last) => {
                Err(BadEventKey::NotEncodable)
            }
            (Self::Number | Self::Text | Self::TextUpTo(_), key) => Ok(key),
            (Self::Uuid, EventId::Number(_)) => Err(BadEventKey::NotUuid),
            (Self::Uuid, EventId::Text(text)) => {
                let text = text.as_str();
                // The crate reads braces only with hyphens.
                let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
                let digits = bare.filter(|text| text.chars().all(|c| c.is_ascii_hexdigit()));
                let uuid = Uuid::try_parse(digits.unwrap_or(text)).map_err(|_| BadEventKey::NotUuid)?;
                TextKey::new(&uuid.to_string()).map(EventId::Text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_one_form_and_other_keys_their_own() {
        let uuid = EventId::from_text("f81d4fae-7dec-11d0-a765-00a0c91e6bf6").unwrap();
        for form in [
            "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
            "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
            "{f81d4fae7dec11d0a76500a0c91e6bf6}",
            "f81d4fae7dec11d0a76500a0c91e6bf6",
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ] {
            let key = EventId::from_text(form).unwrap();
            assert_eq!(EventKeyType::Uuid.accept(key), Ok(uuid), "{form}");
            assert_eq!(EventKeyType::Text.accept(key), Ok(key));
            assert_eq!(EventKeyType::Number.accept(key), Err(BadEventKey::NotNumber));
        }
        for other in [
            "abc",
            "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "{{f81d4fae7dec11d0a76500a0c91e6bf6}}",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
            " f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "123",
        ] {
            let key = EventId::from_text(other).unwrap();
            assert_eq!(EventKeyType::Uuid.accept(key), Err(BadEventKey::NotUuid), "{other}");
        }
        let beyond = EventId::from_text("\u{1f389}").unwrap();
        assert_eq!(EventKeyType::TextUpTo('\u{ffff}').accept(beyond), Err(BadEventKey::NotEncodable));
        let accented = EventId::from_text("\u{e9}").unwrap();
        assert_eq!(EventKeyType::TextUpTo('\u{ffff}').accept(accented), Ok(accented));
        assert_eq!(EventKeyType::TextUpTo('\u{7f}').accept(accented), Err(BadEventKey::NotEncodable));
        for number in [EventId::Number(7), EventId::Number(-1)] {
            assert_eq!(EventKeyType::Number.accept(number), Ok(number));
            assert_eq!(EventKeyType::Text.accept(number), Ok(number));
            assert_eq!(EventKeyType::TextUpTo('\u{7f}').accept(number), Ok(number));
        }
    }
}
