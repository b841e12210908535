//! What a relay's answer means: whose trouble it is, and whether trying again can help.

/// Why a mail was not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose trouble, and what follows.
    pub class: Class,
    /// The relay's reply code, when there was one.
    pub smtp_code: Option<u16>,
    /// The relay's words or ours.
    pub detail: String,
}

/// What follows from a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Trying again later may help.
    Transient {
        /// The body was written and no reply came: the relay may have accepted it (RFC 1047).
        ambiguous: bool,
    },
    /// Trying again cannot help this recipient.
    Permanent,
    /// Not the recipient's trouble: the relay itself does not work for us.
    Relay,
}
