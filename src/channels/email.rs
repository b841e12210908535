//! Mails and how they leave: composing, the SMTP conversation, the dummy. Knows no database.

pub mod address;
pub mod compose;
pub mod outbox;
pub mod smtp;

use crate::channels::email::compose::wire_format;
use crate::channels::email::smtp::reply::SendError;

/// One composed message for one participant, ready to be put on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
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

/// A way for mails to leave. A lane owns one.
pub trait Transport: Send {
    /// Puts one mail to the relay. Right before the body is written, and not earlier, `before_body` is
    /// called and may block: until then nothing has happened that could become a mail. When it says `false`
    /// the mail is withdrawn.
    ///
    /// The relay may be told of `next` right behind the body: it is the mail that will be submitted next.
    ///
    /// # Errors
    /// Says whose trouble it is and whether trying again can help.
    fn submit(
        &mut self,
        mail: &Mail,
        next: Option<&Mail>,
        before_body: &mut dyn FnMut() -> bool,
    ) -> Result<(), SendError>;

    /// Nothing to send for now: a connection unused for too long is given up.
    fn idle(&mut self);
}
