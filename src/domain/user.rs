//! Someone whom a message names by the id that the application has for its users. Looking them up is left to the store.

use crate::domain::ids::ParticipantId;
use crate::domain::participant::Participant;

/// A row of the application's table or view `users`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Where the mail goes, if the application has an address.
    pub email: Option<String>,
    /// How to address them; may be empty.
    pub name: String,
    /// BCP 47 tag of their language, such as `de-CH`.
    pub locale: Option<String>,
    /// Where their clocks stand, in the application's words.
    pub timezone: Option<String>,
}

impl User {
    /// The user with this id as a recipient, under the number that the ledger has given to the id.
    #[must_use]
    pub fn numbered(self, number: ParticipantId, id: &str) -> Participant {
        let Self { email, name, locale, timezone } = self;
        Participant { id: number, key: Some(id.into()), email, name, locale, timezone, details: None }
    }
}

/// Several rows of `users` have one id and different addresses: nothing tells which one is meant, and a mail to the wrong one may
/// tell a stranger what is not for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("several rows of users have this id, with different addresses; in a view, make one row of them")]
pub struct SeveralAddresses;
