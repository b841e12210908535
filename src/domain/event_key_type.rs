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
    /// Texts of at most [`HEX_UUID`] characters, as Django and `SQLAlchemy` make them of UUIDs where the database has no type for these.
    /// None has a character behind this one.
    HexUuid(char),
    /// UUIDs, which a database writes in one form only.
    Uuid,
}

/// Hexadecimal digits of a UUID.
pub const HEX_UUID: usize = 32;

/// What people call such keys.
impl fmt::Display for EventKeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "whole numbers",
            Self::Text | Self::TextUpTo(_) => "text",
            Self::HexUuid(_) => "text of at most 32 characters, UUIDs without hyphens",
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
            (Self::TextUpTo(last) | Self::HexUuid(last), EventId::Text(text))
                if text.as_str().chars().any(|c| c > last) =>
            {
                Err(BadEventKey::NotEncodable)
            }
            (Self::HexUuid(_), EventId::Text(text)) => {
                TextKey::new(&hex_uuid(text.as_str())).map(EventId::Text)
            }
            (Self::Number | Self::Text | Self::TextUpTo(_) | Self::HexUuid(_), key) => Ok(key),
            (Self::Uuid, EventId::Number(_)) => Err(BadEventKey::NotUuid),
            (Self::Uuid, EventId::Text(text)) => {
                let uuid = parse_uuid(text.as_str()).ok_or(BadEventKey::NotUuid)?;
                TextKey::new(&uuid.to_string()).map(EventId::Text)
            }
        }
    }

    /// The text that a column of such keys has of this one, which may be of anything but an event; `None` if it can hold no such key.
    #[must_use]
    pub fn stored_form(self, key: &str) -> Option<String> {
        let is_held = match self {
            Self::Uuid => return parse_uuid(key).map(|uuid| uuid.to_string()),
            Self::Number => key.parse::<i64>().is_ok_and(|number| number.to_string() == key),
            Self::Text => true,
            Self::TextUpTo(last) | Self::HexUuid(last) => key.chars().all(|c| c <= last),
        };
        let stored = if matches!(self, Self::HexUuid(_)) { hex_uuid(key) } else { key.to_owned() };
        // PostgreSQL stores no text with a NUL.
        (is_held && !stored.contains('\0')).then_some(stored)
    }
}

/// A UUID in a form that is too long for a column of its digits, as its digits; any other text as it is.
fn hex_uuid(text: &str) -> String {
    let uuid = parse_uuid(text).filter(|_| text.len() > HEX_UUID);
    uuid.map_or_else(|| text.to_owned(), |uuid| uuid.simple().to_string())
}

/// A UUID in any of its forms.
fn parse_uuid(text: &str) -> Option<Uuid> {
    // The crate reads braces only with hyphens.
    let bare = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let digits = bare.filter(|text| text.chars().all(|c| c.is_ascii_hexdigit()));
    Uuid::try_parse(digits.unwrap_or(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_a_column_cannot_hold_has_no_form() {
        let uuid = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
        let (capitals, digits) = (uuid.to_uppercase(), uuid.replace('-', ""));
        for (keys, key, form) in [
            (EventKeyType::Number, "7", Some("7")),
            (EventKeyType::Number, "-7", Some("-7")),
            (EventKeyType::Number, "007", None),
            (EventKeyType::Number, "7.0", None),
            (EventKeyType::Number, "abc", None),
            (EventKeyType::Number, "9223372036854775808", None),
            (EventKeyType::Uuid, &capitals, Some(uuid)),
            (EventKeyType::Uuid, "abc", None),
            (EventKeyType::Text, &capitals, Some(&capitals)),
            (EventKeyType::Text, "\u{1f389}", Some("\u{1f389}")),
            (EventKeyType::Text, "a\0", None),
            (EventKeyType::TextUpTo('\u{ffff}'), "\u{1f389}", None),
            (EventKeyType::TextUpTo('\u{ffff}'), "\u{e9}", Some("\u{e9}")),
            (EventKeyType::HexUuid(char::MAX), &capitals, Some(&digits)),
            (EventKeyType::HexUuid(char::MAX), &digits, Some(&digits)),
            (EventKeyType::HexUuid(char::MAX), &digits.to_uppercase(), Some(&digits.to_uppercase())),
            (EventKeyType::HexUuid('\u{7f}'), "7", Some("7")),
            (EventKeyType::HexUuid('\u{7f}'), "\u{e9}", None),
        ] {
            assert_eq!(keys.stored_form(key).as_deref(), form, "{keys} {key:?}");
        }
    }

    #[test]
    fn a_uuid_has_one_form_and_other_keys_their_own() {
        let uuid = EventId::from_text("f81d4fae-7dec-11d0-a765-00a0c91e6bf6").unwrap();
        let digits = EventId::from_text("f81d4fae7dec11d0a76500a0c91e6bf6").unwrap();
        for form in [
            "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
            "{f81d4fae-7dec-11d0-a765-00a0c91e6bf6}",
            "{f81d4fae7dec11d0a76500a0c91e6bf6}",
            "f81d4fae7dec11d0a76500a0c91e6bf6",
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ] {
            let key = EventId::from_text(form).unwrap();
            assert_eq!(EventKeyType::Uuid.accept(key), Ok(uuid), "{form}");
            assert_eq!(EventKeyType::HexUuid(char::MAX).accept(key), Ok(digits), "{form}");
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
            assert_eq!(EventKeyType::HexUuid(char::MAX).accept(key), Ok(key), "{other}");
        }
        let beyond = EventId::from_text("\u{1f389}").unwrap();
        assert_eq!(EventKeyType::TextUpTo('\u{ffff}').accept(beyond), Err(BadEventKey::NotEncodable));
        let accented = EventId::from_text("\u{e9}").unwrap();
        assert_eq!(EventKeyType::TextUpTo('\u{ffff}').accept(accented), Ok(accented));
        for keys in [EventKeyType::TextUpTo('\u{7f}'), EventKeyType::HexUuid('\u{7f}')] {
            assert_eq!(keys.accept(accented), Err(BadEventKey::NotEncodable));
        }
        for number in [EventId::Number(7), EventId::Number(-1)] {
            assert_eq!(EventKeyType::Number.accept(number), Ok(number));
            assert_eq!(EventKeyType::Text.accept(number), Ok(number));
            assert_eq!(EventKeyType::TextUpTo('\u{7f}').accept(number), Ok(number));
        }
    }
}
