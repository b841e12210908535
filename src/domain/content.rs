//! What the templates make for one participant, and what a mail is composed of.

/// One mail as the templates make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Render {
    /// One line, not empty, of at most 120 characters.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part, wrapped.
    pub text: String,
}
