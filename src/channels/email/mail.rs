//! One composed mail, as the transports take it.

use std::sync::Arc;

use crate::channels::email::compose::wire_format;

/// One composed message for one participant, ready to be put on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Envelope sender, for `MAIL FROM`: where bounces go. Without angle brackets.
    pub envelope_from: Arc<str>,
    /// Envelope recipient, checked: no control characters, no angle brackets, no spaces. Where it is not ASCII, only
    /// a relay with SMTPUTF8 can take the mail (RFC 6531).
    pub to: String,
    /// The same on every attempt: `<n{notification}.p{participant}@domain>`.
    pub message_id: String,
    /// Header and body as they go on the wire after `DATA`: ASCII but for `to` itself, lines ended by CRLF, dots
    /// stuffed, with the final dot.
    pub wire: String,
    /// Its size in bytes as RFC 1870 counts it.
    pub size: usize,
    /// The HTML part by itself, for the outbox.
    pub html: String,
}

impl Mail {
    /// Header and body as a receiver has them.
    #[must_use]
    pub fn content(&self) -> String {
        wire_format::unstuff(&self.wire)
    }
}
