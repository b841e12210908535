//! Signs finished mails, as configured. What a signature covers is left to `dkim`.

use chrono::{DateTime, Utc};

use crate::channels::email::dkim::DkimSigner;
use crate::channels::email::mail::Mail;
use crate::channels::email::mail_signer::{MailSigner, SigningError};
use crate::config::email::EmailConfig;

/// Signs mails, or leaves them as they are if no key is configured. Each lane has its own.
pub struct Signing {
    signer: Option<Box<dyn MailSigner>>,
    /// Kept to reuse the allocation.
    fields: String,
}

impl Signing {
    /// With the configured keys.
    ///
    /// # Errors
    /// When OpenSSL cannot use a key.
    pub fn new(config: &EmailConfig) -> Result<Self, SigningError> {
        let signer: Option<Box<dyn MailSigner>> = match &config.dkim {
            Some(dkim) => Some(Box::new(DkimSigner::new(dkim)?)),
            None => None,
        };
        Ok(Self { signer, fields: String::new() })
    }

    /// Puts the signatures in front of a composed mail. The mail must not change afterwards.
    ///
    /// # Errors
    /// When OpenSSL refuses; the mail is unchanged then.
    pub fn sign(&mut self, mail: &mut Mail, date: DateTime<Utc>) -> Result<(), SigningError> {
        let Some(signer) = &mut self.signer else { return Ok(()) };
        self.fields.clear();
        signer.sign(mail, date, &mut self.fields)?;
        mail.data.insert_str(0, &self.fields);
        mail.size += self.fields.len();
        Ok(())
    }
}
