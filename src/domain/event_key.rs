//! Keys of events that are text. The key itself, a number or a text, is `ids::EventId`; which keys an application has, is left to
//! `event_key_type`.

use std::fmt;

use crate::text::clean::shown_key;
use serde::{Serialize, Serializer};

/// Longest text that is a key, in bytes of UTF-8. A UUID takes 36.
pub const MAX_TEXT_KEY: usize = 200;

/// How much of a key is shown to people, in characters.
const SHOWN: usize = 80;

/// A key that is text: not blank, at most [`MAX_TEXT_KEY`] bytes, and without NUL. Held in place, so that it is copied as
/// numbers are, and takes no memory of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextKey {
    length: u8,
    /// Zeros follow the text, so that equal keys are equal bytes.
    bytes: [u8; MAX_TEXT_KEY],
}

impl TextKey {
    /// Copies the text.
    ///
    /// # Errors
    /// When no event can have this key.
    pub fn new(text: &str) -> Result<Self, BadEventKey> {
        if text.trim().is_empty() {
            return Err(BadEventKey::Blank);
        }
        if text.contains('\0') {
            return Err(BadEventKey::Nul);
        }
        let too_long = BadEventKey::TooLong(text.len());
        let length = u8::try_from(text.len()).map_err(|_| too_long.clone())?;
        let mut bytes = [0; MAX_TEXT_KEY];
        bytes.get_mut(..text.len()).ok_or(too_long)?.copy_from_slice(text.as_bytes());
        Ok(Self { length, bytes })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length.into()]).unwrap_or_default()
    }
}

impl fmt::Debug for TextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// On one line and cut. With quotes and escapes, if a reader could not tell otherwise where it ends or what is in it.
impl fmt::Display for TextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&shown_key(self.as_str(), SHOWN))
    }
}

impl Serialize for TextKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why no event can have a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEventKey {
    /// Nothing but white space, if that.
    #[error("it is empty")]
    Blank,
    /// Holds the length in bytes.
    #[error("it has {0} bytes; at most {MAX_TEXT_KEY} are possible")]
    TooLong(usize),
    /// `PostgreSQL` stores no such text.
    #[error("it contains a NUL character")]
    Nul,
    /// The database has another encoding than UTF-8.
    #[error("it has a character that the encoding of the database does not have, or may not have")]
    NotEncodable,
    /// The keys of the application are UUIDs.
    #[error(
        "it is not a UUID, as the keys of events are; write it as f81d4fae-7dec-11d0-a765-00a0c91e6bf6 (capitals, braces, \
         urn:uuid: and no hyphens are understood, too)"
    )]
    NotUuid,
    /// The keys of the application are numbers.
    #[error("it is not a whole number, as the keys of events are")]
    NotNumber,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_byte_by_byte() {
        for text in [
            "a",
            " a ",
            "ABC",
            "abc",
            "é",
            "e\u{301}",
            "👩‍👩‍👧",
            "a\nb\t",
            "\u{202e}x",
            &"x".repeat(MAX_TEXT_KEY),
        ] {
            assert_eq!(TextKey::new(text).unwrap().as_str(), text);
        }
        let key = |text| TextKey::new(text).unwrap();
        assert!(
            key("a") == key("a")
                && key("a") != key("a ")
                && key("a") != key("A")
                && key("é") != key("e\u{301}")
        );
    }

    #[test]
    fn what_no_database_can_hold_is_refused() {
        for blank in ["", " ", "\t\n", "\u{a0}"] {
            assert_eq!(TextKey::new(blank), Err(BadEventKey::Blank));
        }
        assert_eq!(TextKey::new("a\0"), Err(BadEventKey::Nul));
        let long = "é".repeat(101);
        assert_eq!(
            TextKey::new(&long).unwrap_err().to_string(),
            "it has 202 bytes; at most 200 are possible"
        );
        assert!(TextKey::new(&"x".repeat(70_000)).is_err());
    }

    #[test]
    fn a_key_is_shown_on_one_line_and_cut() {
        let shown = |text: &str| TextKey::new(text).unwrap().to_string();
        assert_eq!(shown("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
        assert_eq!(shown("fête_2026.1"), "fête_2026.1");
        assert_eq!(shown(" a\r\nb\u{1b}[2J\u{202e}\" "), r#"" a\r\nb\u{1b}[2J\" ""#);
        assert_eq!(shown(&"x".repeat(200)).chars().count(), SHOWN);
        assert_eq!(shown(&"\u{1}".repeat(200)).chars().count(), SHOWN);
        assert_eq!(format!("{:?}", TextKey::new("a b").unwrap()), r#""a b""#);
    }
}
