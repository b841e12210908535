//! Mails and how they leave: composing, the SMTP conversation, the dummy. Knows no database.

pub mod address;
pub mod compose;
pub mod mail;
pub mod outbox;
pub mod smtp;

use crate::channels::SendError;
use crate::channels::email::mail::Mail;

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
