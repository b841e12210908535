//! One composed mail, as SMTP and the outbox take it. How it is composed is left to `compose`.

use std::sync::Arc;

use crate::channels::email::compose::wire_format;
use crate::domain::ids::NotificationId;

/// One composed mail for one participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its notification, for the log.
    pub notification_id: NotificationId,
    /// Envelope sender, for `MAIL FROM`: where bounces go. Without angle brackets.
    pub envelope_from: Arc<str>,
    /// Envelope recipient, for `RCPT TO`, checked: no control characters, no angle brackets, no spaces. An address
    /// that is not ASCII needs a relay with SMTPUTF8 (RFC 6531).
    pub to: String,
    /// The same on every attempt, with its angle brackets.
    pub message_id: String,
    /// Header and body in the form that follows `DATA`: lines end with CRLF, dots are stuffed, and the final dot is
    /// there. ASCII except for `to`.
    pub data: String,
    /// Size in bytes as RFC 1870 counts it: without stuffed dots and the final dot.
    pub size: usize,
    /// The HTML part alone, for the outbox.
    pub html: String,
}

impl Mail {
    /// Header and body as the recipient's server stores them.
    #[must_use]
    pub fn as_received(&self) -> String {
        wire_format::unstuff(&self.data)
    }
}
