//! The phases of an SMTP transaction. What a reply means in each of them is left to `classify`.

/// How far a transaction had come, in the order of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Name look-up, connect, TLS, greeting, EHLO, AUTH.
    Connect,
    /// `MAIL FROM`: about the sender, not about the recipient.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`, until the reply 354.
    Data,
    /// The body was written, completely or in part.
    AfterDot,
}

impl Phase {
    /// For errors: which command a reply belongs to.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Connect => "while connecting",
            Self::Sender => "to MAIL FROM",
            Self::Recipient => "to RCPT TO",
            Self::Data => "to DATA",
            Self::AfterDot => "to the body, the relay may have it",
        }
    }
}
