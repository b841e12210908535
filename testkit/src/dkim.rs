//! Independent judges of DKIM signatures: dkimpy, with `tests/dkim/verify.py`, and `Mail::DKIM`, with `tests/dkim/verify.pl`. They ask no
//! DNS server.

use std::process::Command;

use openssl::base64::encode_block;
use openssl::pkey::{Id, PKey};
use openssl::rsa::Rsa;
use serde_json::{Value, json};

use crate::installed::run_with_json;

const DKIMPY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/dkim/verify.py");
const MAIL_DKIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/dkim/verify.pl");

/// A key for DKIM, with its public half in a made-up DNS.
pub struct TestKey {
    /// The selector.
    pub selector: &'static str,
    /// In PEM form.
    pub private: String,
}

impl TestKey {
    /// A new RSA key.
    pub fn rsa(selector: &'static str, bits: u32) -> Self {
        let key = PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
        Self { selector, private: String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap() }
    }

    /// A new Ed25519 key.
    pub fn ed25519(selector: &'static str) -> Self {
        let key = PKey::generate_ed25519().unwrap();
        Self { selector, private: String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap() }
    }
}

impl TestKey {
    /// The name of its record in DNS below this domain, and the record.
    pub fn record(&self, domain: &str) -> (String, String) {
        let key = PKey::private_key_from_pem(self.private.as_bytes()).unwrap();
        let record = if key.id() == Id::ED25519 {
            format!("v=DKIM1; k=ed25519; p={}", encode_block(&key.raw_public_key().unwrap()))
        } else {
            format!("v=DKIM1; k=rsa; p={}", encode_block(&key.public_key_to_der().unwrap()))
        };
        (format!("{}._domainkey.{domain}", self.selector), record)
    }
}

/// What is wrong with each signature of each mail, according to dkimpy; the empty string if nothing is. `records`: names in DNS with
/// their TXT records.
pub fn verify(records: &[(String, String)], mails: &[String]) -> Vec<Vec<String>> {
    let mut command = Command::new(python());
    command.args(["-X", "utf8", DKIMPY]);
    run_with_json(command, &input(records, mails))
}

/// The same according to `Mail::DKIM` of Perl, of which many versions do not know Ed25519.
pub fn verify_with_perl(records: &[(String, String)], mails: &[String]) -> Vec<Vec<String>> {
    let mut command = Command::new("perl");
    command.arg(MAIL_DKIM);
    run_with_json(command, &input(records, mails))
}

fn input(records: &[(String, String)], mails: &[String]) -> Value {
    let records: serde_json::Map<String, _> =
        records.iter().map(|(name, record)| (name.clone(), json!(record))).collect();
    json!({"records": records, "mails": mails})
}

/// A Python that has dkimpy with Ed25519: the first in PATH, or Debian's.
fn python() -> &'static str {
    let has_dkim = |python: &&str| {
        let found = Command::new(python).args(["-c", "import dkim, nacl"]).output();
        found.is_ok_and(|output| output.status.success())
    };
    let python = ["python3", "/usr/bin/python3"].into_iter().find(has_dkim);
    python.expect(
        "no python3 with dkimpy; install the packages python3-dkim and python3-nacl, as scripts/test does",
    )
}
