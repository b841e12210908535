//! CA certificates that are trusted in addition to the system's, from `AMQP_CA_FILE` and `SMTP_CA_FILE`. These variables
//! are the paths themselves: they name no secret, and there is no variable without `_FILE`. Connecting is left to `tls`.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};

use native_tls::Certificate;

use crate::config::reader::Reader;

/// The first line of every certificate block (RFC 7468 section 5.1).
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
/// The end of the first line of a private key, encrypted or not (RFC 7468 sections 10 and 11, and OpenSSL's own forms).
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";
/// The first bytes of a certificate in DER: an ASN.1 SEQUENCE with a length of two bytes.
const DER: &[u8] = &[0x30, 0x82];
/// Some editors write it at the start of a file; it would hide the first certificate from OpenSSL.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The certificates of one section; empty unless a file is named.
#[derive(Clone, Default)]
pub struct CaCertificates(Vec<Certificate>);

impl CaCertificates {
    /// Reads all certificates of the file that the variable `name` names.
    pub(super) fn read(reader: &mut Reader<'_>, name: &str) -> Self {
        let Some(path) = reader.text(name) else {
            return Self::default();
        };
        let content = fs::read(&path).map_err(|error| unreadable(&error));
        content.and_then(|content| Self::parse(&content)).unwrap_or_else(|expected| {
            reader.invalid(name, &path, &expected);
            Self::default()
        })
    }

    /// Reads a PEM file. Ignores text around the blocks, and blocks of other kinds.
    ///
    /// # Errors
    /// What was expected instead, and what to do.
    fn parse(content: &[u8]) -> Result<Self, String> {
        let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
        let holds = |needle: &[u8]| content.windows(needle.len()).filter(|window| *window == needle).count();
        let certificates = Certificate::stack_from_pem(content).unwrap_or_default();
        if certificates.len() < holds(BEGIN) {
            return Err("certificates in PEM form, but one in it is damaged; copy the file again, \
                        with complete lines"
                .to_owned());
        }
        if !certificates.is_empty() {
            return Ok(Self(certificates));
        }
        Err(if holds(PRIVATE_KEY) > 0 {
            "the certificate of the authority, but the file contains only a private key; name the certificate (often \
             ca.crt or ca.pem), and keep the key off this machine"
        } else if content.starts_with(DER) {
            "a certificate in PEM form, but this looks like DER; convert it: \
             openssl x509 -inform der -in THAT_FILE -out ca.pem"
        } else {
            "at least one certificate in PEM form, a block that begins with -----BEGIN CERTIFICATE-----, but the file \
             contains none"
        }
        .to_owned())
    }

    /// Whether there are any.
    pub(super) fn is_some(&self) -> bool {
        !self.0.is_empty()
    }

    /// The certificates, for [`crate::tls::connector`].
    #[must_use]
    pub fn as_slice(&self) -> &[Certificate] {
        &self.0
    }
}

impl fmt::Debug for CaCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaCertificates({})", self.0.len())
    }
}

/// What was expected instead of a file that cannot be read.
fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "a PEM file of certificates, but there is no such file; correct the path".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "a file that the user of fanmail may read; allow it (chmod a+r), because certificates are no secret"
                .to_owned()
        }
        _ => format!("a PEM file of certificates that can be read, but: {error}"),
    }
}

#[cfg(test)]
mod tests;
