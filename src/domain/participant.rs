//! Someone who takes part in an event, as the application stores them. fanmail only reads them.

use crate::domain::ids::ParticipantId;

/// One row of `participants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The application's key; pages are read in its order.
    pub id: ParticipantId,
    /// Where the mail goes. `None` when the application has no address: the outcome is `skipped`.
    pub email: Option<String>,
    /// How to address them; may be empty.
    pub name: String,
    /// BCP 47 tag of their language, such as `de-CH`.
    pub locale: Option<String>,
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
