//! DKIM signatures (RFC 6376; RFC 8463 for Ed25519), one for each key. What is hashed is left to `canonical`, and which fields are
//! signed to `signed_fields`.

pub(crate) mod canonical;
pub(crate) mod signed_fields;
mod signing_key;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use openssl::error::ErrorStack;
use openssl::sha::{Sha256, sha256};

use crate::channels::email::dkim::canonical::{append_relaxed_field, write_relaxed_body};
use crate::channels::email::dkim::signed_fields::SignedFields;
use crate::channels::email::dkim::signing_key::SigningKey;
use crate::channels::email::mail::Mail;
use crate::channels::email::mail_signer::{MailSigner, SigningError};
use crate::config::email::dkim::{DkimConfig, DkimKey};

/// Longest line, in bytes without its end. A tag that is longer stands on a line of its own.
const LINE_MAX: usize = 76;

/// The tag of the signature, on a line of its own.
const SIGNATURE: &str = "\r\n b=";

/// Characters of a signature on a line.
const SIGNATURE_LINE: usize = 72;

/// The end of a mail that follows `DATA`.
const FINAL_DOT: &str = ".\r\n";

/// Signs mails with each of the configured keys.
pub struct DkimSigner {
    keys: Vec<(DkimKey, SigningKey)>,
    domain: String,
    /// Kept to reuse the allocation.
    canonical: Vec<u8>,
}

impl DkimSigner {
    /// Prepares the keys.
    ///
    /// # Errors
    /// When OpenSSL cannot use a key.
    pub fn new(config: &DkimConfig) -> Result<Self, SigningError> {
        let prepare = |key: &DkimKey| {
            let prepared = SigningKey::new(key).map_err(|source| failed(key, source))?;
            Ok((key.clone(), prepared))
        };
        let keys = config.keys.iter().map(prepare).collect::<Result<_, _>>()?;
        Ok(Self { keys, domain: config.domain.clone(), canonical: Vec::new() })
    }
}

impl MailSigner for DkimSigner {
    fn sign(&mut self, mail: &Mail, date: DateTime<Utc>, fields: &mut String) -> Result<(), SigningError> {
        let content = mail.data.strip_suffix(FINAL_DOT).unwrap_or(&mail.data);
        let (header, body) = content.split_once("\r\n\r\n").unwrap_or((content, ""));
        write_relaxed_body(body, &mut self.canonical);
        let body_hash = STANDARD.encode(sha256(&self.canonical));
        let signed = SignedFields::of(header);
        self.canonical.clear();
        signed.append_relaxed(&mut self.canonical);
        let mut header_hash = Sha256::new();
        header_hash.update(&self.canonical);
        for (key, prepared) in &mut self.keys {
            let begin = fields.len();
            let mut field = Folded::new(fields, "DKIM-Signature:");
            field.tag(&["v=1;"]);
            field.tag(&["a=", key.algorithm.name(), ";"]);
            field.tag(&["c=relaxed/relaxed;"]);
            field.tag(&["d=", &self.domain, ";"]);
            field.tag(&["s=", &key.selector, ";"]);
            field.tag(&["t=", &date.timestamp().to_string(), ";"]);
            field.list("h=", &signed.names);
            field.tag(&["bh=", &body_hash, ";"]);
            fields.push_str(SIGNATURE);
            // The field itself is hashed last, without its signature and its line end (RFC 6376 section 3.7).
            self.canonical.clear();
            append_relaxed_field(&fields[begin..], &mut self.canonical);
            let mut hash = header_hash.clone();
            hash.update(&self.canonical);
            let signature = prepared.sign(&hash.finish()).map_err(|source| failed(key, source))?;
            append_signature(&STANDARD.encode(signature), fields);
        }
        Ok(())
    }
}

fn failed(key: &DkimKey, source: ErrorStack) -> SigningError {
    SigningError { selector: key.selector.clone(), source }
}

/// Appends the signature behind its tag, and the end of the field. White space within it does not count (RFC 6376 section 3.5).
fn append_signature(signature: &str, fields: &mut String) {
    let mut rest = signature;
    while let Some((line, more)) = rest.split_at_checked(SIGNATURE_LINE).filter(|(_, more)| !more.is_empty())
    {
        fields.push_str(line);
        fields.push_str("\r\n ");
        rest = more;
    }
    fields.push_str(rest);
    fields.push_str("\r\n");
}

/// A field that grows tag by tag, on lines of at most [`LINE_MAX`] bytes where a tag allows that.
struct Folded<'a> {
    text: &'a mut String,
    line_begin: usize,
}

impl<'a> Folded<'a> {
    fn new(text: &'a mut String, name: &str) -> Self {
        let line_begin = text.len();
        text.push_str(name);
        Self { text, line_begin }
    }

    /// Appends a tag, which these pieces make up.
    fn tag(&mut self, pieces: &[&str]) {
        self.append(" ", pieces);
    }

    /// Appends a tag with these values. It may be folded behind each colon (RFC 6376 section 3.5).
    fn list(&mut self, tag: &str, values: &[&str]) {
        let last = values.len().saturating_sub(1);
        for (at, value) in values.iter().enumerate() {
            let end = if at == last { ";" } else { ":" };
            if at == 0 { self.tag(&[tag, value, end]) } else { self.append("", &[value, end]) }
        }
    }

    fn append(&mut self, space: &str, pieces: &[&str]) {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        if self.text.len() - self.line_begin + space.len() + length > LINE_MAX {
            self.text.push_str("\r\n ");
            self.line_begin = self.text.len() - 1;
        } else {
            self.text.push_str(space);
        }
        for piece in pieces {
            self.text.push_str(piece);
        }
    }
}

#[cfg(test)]
mod tests;
