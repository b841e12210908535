//! Someone who takes part in an event, as the application stores them. fanmail only reads them.

use crate::domain::ids::ParticipantId;

/// One row of `participants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The application's key, always positive; pages are read in its order.
    pub id: ParticipantId,
    /// Where the mail goes. `None` when the application has no address: the outcome is `skipped`.
    pub email: Option<String>,
    /// How to address them; may be empty.
    pub name: String,
    /// BCP 47 tag of their language, such as `de-CH`.
    pub locale: Option<String>,
}
