//! The interface of what signs mails.

use chrono::{DateTime, Utc};
use openssl::error::ErrorStack;

use crate::channels::email::mail::Mail;

/// A way to prove who sends a mail, by fields in front of its header. DKIM is one; DKIM2, which also signs the envelope, would be
/// another.
pub trait MailSigner: Send {
    /// Appends the fields for `mail`, signed at `date`, to `fields`. Their lines end with CRLF.
    ///
    /// # Errors
    /// When OpenSSL refuses the key or has no memory. Then `fields` is not to be used.
    fn sign(&mut self, mail: &Mail, date: DateTime<Utc>, fields: &mut String) -> Result<(), SigningError>;
}

/// Why a mail was not signed.
#[derive(Debug, thiserror::Error)]
#[error("cannot sign with the key of the DKIM selector {selector}: {source}")]
pub struct SigningError {
    /// Whose key it is.
    pub selector: String,
    /// What OpenSSL says.
    pub source: ErrorStack,
}
