//! Certificate authorities that are trusted beside the system's, out of `AMQP_CA_FILE` and `SMTP_CA_FILE`. Not a
//! secret, and no `_FILE` in the sense of one: the variable itself is the path.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};

use native_tls::Certificate;

use crate::config::reader::Reader;

/// What every block of a certificate begins with (RFC 7468 section 5.1).
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
/// Of every kind of private key, encrypted or not (RFC 7468 sections 10 and 11, and the older ones of OpenSSL).
const PRIVATE_KEY: &[u8] = b"PRIVATE KEY-----";
/// DER: an ASN.1 SEQUENCE, with a length of two bytes, as that of every certificate is.
const DER: &[u8] = &[0x30, 0x82];
/// Some editors put it in front of a file; it would hide the first certificate from OpenSSL.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The authorities of one section; none unless a file is named.
#[derive(Clone, Default)]
pub struct CaCertificates(Vec<Certificate>);

impl CaCertificates {
    /// Reads the file that the variable `name` names. Every certificate in it counts.
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

    /// Reads a PEM file: text around the blocks, and blocks of other kinds, do not matter.
    ///
    /// # Errors
    /// What was expected instead, and the cure.
    fn parse(content: &[u8]) -> Result<Self, String> {
        let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
        let holds = |needle: &[u8]| content.windows(needle.len()).filter(|window| *window == needle).count();
        let certificates = Certificate::stack_from_pem(content).unwrap_or_default();
        if certificates.len() < holds(BEGIN) {
            return Err(
                "certificates in PEM form, but one in it is damaged; copy the file again, each line \
                        from its beginning to its end"
                    .to_owned(),
            );
        }
        if !certificates.is_empty() {
            return Ok(Self(certificates));
        }
        Err(if holds(PRIVATE_KEY) > 0 {
            "the certificate of the authority, but there is only a private key in it; name the certificate \
             (often ca.crt or ca.pem), and keep that key away from here"
        } else if content.starts_with(DER) {
            "a certificate in PEM form, but this looks like DER; convert it: \
             openssl x509 -inform der -in THAT_FILE -out ca.pem"
        } else {
            "at least one certificate in PEM form, a block that begins with -----BEGIN CERTIFICATE-----, but \
             there is none in it"
        }
        .to_owned())
    }

    /// Whether a file was named.
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
        write!(f, "Authorities({})", self.0.len())
    }
}

/// Why the file cannot be read, and the cure.
fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => {
            "a PEM file of certificates, but there is no such file; correct the path".to_owned()
        }
        ErrorKind::PermissionDenied => {
            "a file that this user may read, but it is not; its permissions may be \
                                        generous, as a certificate is no secret"
                .to_owned()
        }
        _ => format!("a PEM file of certificates that can be read, but: {error}"),
    }
}

#[cfg(test)]
mod tests;
