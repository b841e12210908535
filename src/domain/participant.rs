//! Someone who takes part in an event, as the application stores them. fanmail only reads them.

/// One row of `participants`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The application's key, always positive; paging follows its order.
    pub id: i64,
    /// Where the mail goes. `None` when the application has no address: the outcome is `skipped`.
    pub email: Option<String>,
    /// How to address them; may be empty.
    pub name: String,
    /// BCP 47 tag of their language, such as `de-CH`.
    pub locale: Option<String>,
}
