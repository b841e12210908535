//! The ways to reach people. One folder a channel.

pub mod email;

/// Why a mail was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct SendError {
    /// Whose trouble, and what follows.
    pub class: Class,
    /// The relay's reply code, when there was one.
    pub smtp_code: Option<u16>,
    /// The relay's words or ours; addresses are masked.
    pub detail: String,
}

impl SendError {
    /// A failure of the relay, in our words.
    #[must_use]
    pub fn relay_failure(detail: String) -> Self {
        Self { class: Class::Relay, smtp_code: None, detail }
    }

    /// The sender took the mail back before its body was written.
    #[must_use]
    pub fn withdrawn() -> Self {
        Self { class: Class::Withdrawn, smtp_code: None, detail: "withdrawn".to_owned() }
    }

    /// Whether it shows that the relay works: it has answered for a recipient, or was not even asked. A lost
    /// connection does not.
    #[must_use]
    pub fn proves_relay_works(&self) -> bool {
        match self.class {
            // Of a mail that is withdrawn the relay had taken the envelope.
            Class::Permanent | Class::Withdrawn => true,
            Class::Transient { .. } => matches!(self.smtp_code, Some(400..)),
            Class::Relay | Class::Breakdown | Class::Unreadable => false,
        }
    }
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
    /// The relay answered to the body, and nobody can read what: it may have accepted it. To try again might make
    /// one more copy each time; a relay that answers everyone like that is of no use.
    Unreadable,
    /// Not the recipient's trouble: the relay itself does not work for us.
    Relay,
    /// The relay ended the connection (421) over this recipient or this body, or lost the thread. Most likely that
    /// is the relay's trouble, too, but it may be the mail's.
    Breakdown,
    /// Nobody's trouble: the sender took the mail back.
    Withdrawn,
}

impl Class {
    /// Whether the relay, or the way to it, is to blame before the mail is.
    #[must_use]
    pub fn is_relay_failure(self) -> bool {
        matches!(self, Self::Relay | Self::Breakdown)
    }
}
