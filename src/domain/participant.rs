//! Someone who takes part in an event, as the application stores them. fanmail only reads them.

use std::fmt;

use crate::domain::ids::ParticipantId;
use crate::text::clean::shown_key;
use crate::text::mask::mask;

/// How much of a key a log shows, in characters.
const SHOWN: usize = 80;

/// One row of `participants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The application's key; pages are read in its order. If that is text: the number that the ledger has given to it.
    pub id: ParticipantId,
    /// The application's key, if it is text.
    pub key: Option<Box<str>>,
    /// Where the mail goes. `None` when the application has no address: the outcome is `skipped`.
    pub email: Option<String>,
    /// How to address them; may be empty.
    pub name: String,
    /// BCP 47 tag of their language, such as `de-CH`.
    pub locale: Option<String>,
}

impl Participant {
    /// The application's key for a log. An address in it is masked.
    #[must_use]
    pub fn shown_key(&self) -> ShownKey<'_> {
        ShownKey(self)
    }
}

/// The key of a participant, for a log. An address in it is masked.
#[derive(Debug, Clone, Copy)]
pub struct ShownKey<'a>(&'a Participant);

impl fmt::Display for ShownKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.key {
            Some(key) => f.write_str(&mask(&shown_key(key, SHOWN))),
            None => self.0.id.fmt(f),
        }
    }
}

/// An address in the form in which two are compared: without blanks around it, and the domain in small letters. Only the
/// receiving system knows whether capitals before the `@` matter (RFC 5321 section 2.4).
#[must_use]
pub fn comparable_address(address: &str) -> String {
    match address.trim().rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_lowercase()),
        None => address.trim().to_owned(),
    }
}
