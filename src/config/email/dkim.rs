//! The DKIM keys that mails are signed with, and the domain that signs (RFC 6376). Signing is left to `channels/email/dkim`.

mod private_key;

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use openssl::pkey::{PKey, Private};

use crate::config::reader::Reader;
use crate::text::domain_name::is_same_or_below;

/// The variables of a selector and its key. Two signatures are for verifiers that know only one of the two algorithms.
const VARIABLES: [[&str; 2]; 2] =
    [["DKIM_SELECTOR", "DKIM_PRIVATE_KEY"], ["DKIM_SELECTOR_2", "DKIM_PRIVATE_KEY_2"]];

/// Longest name in DNS, in bytes (RFC 1035 section 2.3.4).
const DNS_NAME_MAX: usize = 253;

/// The permission that lets every user of the machine read a file.
const WORLD_READABLE: u32 = 0o004;

/// How mails are signed.
#[derive(Debug, Clone)]
pub struct DkimConfig {
    /// The domain that signs (`DKIM_DOMAIN`, or the domain of `FROM_EMAIL`), in small letters.
    pub domain: String,
    /// One for each signature of a mail; at least one, each with a selector of its own.
    pub keys: Vec<DkimKey>,
    /// What weakens the signatures: sentences that begin with a variable.
    pub warnings: Vec<String>,
}

/// A private key, and where its public half is.
#[derive(Debug, Clone)]
pub struct DkimKey {
    /// The label in front of `._domainkey` in DNS, in small letters.
    pub selector: String,
    /// Signs with `algorithm`.
    pub private: PKey<Private>,
    /// Follows from the key.
    pub algorithm: DkimAlgorithm,
    /// The TXT record with the public half (RFC 6376 section 3.6.1, RFC 8463 section 4).
    pub record: String,
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DkimAlgorithm {
    /// RFC 6376, with keys as RFC 8301 has them.
    RsaSha256,
    /// RFC 8463.
    Ed25519Sha256,
}

impl DkimAlgorithm {
    /// As the signature names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RsaSha256 => "rsa-sha256",
            Self::Ed25519Sha256 => "ed25519-sha256",
        }
    }
}

impl DkimConfig {
    /// `None` if no key is configured: mails are not signed.
    pub(super) fn read(reader: &mut Reader<'_>, from_email: &str) -> Option<Self> {
        let domain =
            reader.parsed("DKIM_DOMAIN", "a domain such as example.org, in its xn-- form", domain_name);
        let mut warnings = Vec::new();
        let keys = VARIABLES.map(|variables| read_key(reader, variables, &mut warnings));
        if let [Some(first), Some(second)] = &keys
            && first.selector == second.selector
        {
            let sentence =
                "is the same as DKIM_SELECTOR; expected another one: each key has a DNS record of its own";
            reader.problem(VARIABLES[1][0], sentence.to_owned());
        }
        let keys: Vec<DkimKey> = keys.into_iter().flatten().collect();
        if keys.is_empty() {
            if domain.is_some() && !is_any_set(reader) {
                let sentence = "is set, but DKIM_SELECTOR and DKIM_PRIVATE_KEY_FILE are not; expected all of them, or none to \
                                leave signing to the relay";
                reader.problem("DKIM_DOMAIN", sentence.to_owned());
            }
            return None;
        }
        let from = from_email.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
        let Some(domain) = domain.or_else(|| domain_name(&from)) else {
            let sentence = "is not set, and FROM_EMAIL has no domain that could sign; expected a domain such as example.org";
            reader.problem("DKIM_DOMAIN", sentence.to_owned());
            return None;
        };
        warnings.extend(not_aligned(&domain, &from));
        for (key, [variable, _]) in keys.iter().zip(VARIABLES) {
            if key.name(&domain).len() > DNS_NAME_MAX {
                reader.invalid(
                    variable,
                    &key.selector,
                    "a shorter one: a name in DNS has at most 253 characters",
                );
            }
        }
        Some(Self { domain, keys, warnings })
    }
}

/// Who signs, and with what, as one line.
impl fmt::Display for DkimConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<String> =
            self.keys.iter().map(|key| format!("{} ({})", key.selector, key.algorithm.name())).collect();
        write!(f, "domain {}, selector {}", self.domain, keys.join(" and "))
    }
}

impl DkimKey {
    /// Where its record is.
    #[must_use]
    pub fn name(&self, domain: &str) -> String {
        format!("{}._domainkey.{domain}", self.selector)
    }

    /// Whether `p=` of a record has the public half of this key.
    #[must_use]
    pub fn has_public_half(&self, base64: &str) -> bool {
        private_key::has_public_half(&self.private, base64)
    }
}

/// Whether there is any selector or key, also one that cannot be used.
fn is_any_set(reader: &mut Reader<'_>) -> bool {
    VARIABLES.iter().any(|[selector, key]| {
        [*selector, key, &format!("{key}_FILE")].iter().any(|name| reader.text(name).is_some())
    })
}

/// Reads a selector and its key, or nothing if neither is set.
fn read_key(
    reader: &mut Reader<'_>,
    [selector_name, key_name]: [&'static str; 2],
    warnings: &mut Vec<String>,
) -> Option<DkimKey> {
    let file_name = format!("{key_name}_FILE");
    let expected =
        "what stands in front of ._domainkey in DNS: letters, digits and hyphens, such as fanmail1";
    let is_set = reader.text(selector_name).is_some();
    let selector = reader.parsed(selector_name, expected, dns_name);
    let path = reader.text(&file_name);
    let set_name = if path.is_some() { file_name.as_str() } else { key_name };
    if let Some(Err(sentence)) =
        path.as_ref().and_then(|path| fs::read(path).ok()).map(|file| private_key::is_text(&file))
    {
        reader.problem(set_name, sentence.to_owned());
    }
    let Some(secret) = reader.secret(key_name) else {
        // A file that cannot be read is reported already.
        if is_set && path.is_none() {
            let sentence =
                format!("is not set, but {selector_name} is; expected the key, or its path in {file_name}");
            reader.problem(key_name, sentence);
        }
        return None;
    };
    if !is_set {
        reader.problem(selector_name, format!("is not set, but {set_name} is; expected {expected}"));
    }
    let found =
        private_key::parse(secret.expose()).map_err(|sentence| reader.problem(set_name, sentence)).ok()?;
    warnings.extend(found.warning.map(|sentence| format!("{set_name} {sentence}")));
    warnings.extend(path.and_then(|path| too_readable(set_name, &path)));
    Some(DkimKey {
        selector: selector?,
        private: found.key,
        algorithm: found.algorithm,
        record: found.record,
    })
}

/// A warning about a file that others can read.
fn too_readable(variable: &str, path: &str) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & WORLD_READABLE != 0).then(|| {
        format!(
            "{variable}: every user of this machine can read {path} (mode {mode:03o}), and could sign mails as you; let only \
             fanmail's user read it: chmod 600"
        )
    })
}

/// A warning about a signature that does not count for DMARC: the domains have to be the same, or of one organisation (RFC 7489
/// section 3.1.1). What an organisation is only a list of public suffixes knows; here, one of the two has to be below the other.
fn not_aligned(domain: &str, from: &str) -> Option<String> {
    (!is_same_or_below(domain, from) && !is_same_or_below(from, domain)).then(|| {
        format!(
            "DKIM_DOMAIN is {domain}, but FROM_EMAIL is at {from}: such a signature does not count for DMARC (alignment, RFC 7489 \
             section 3.1.1), unless both belong to one organisation's domain; set DKIM_DOMAIN={from}, or leave it out"
        )
    })
}

/// A domain of at least two labels, in small letters.
fn domain_name(text: &str) -> Option<String> {
    dns_name(text).filter(|name| name.contains('.'))
}

/// Labels of letters, digits and hyphens with dots between them (RFC 6376 section 3.1, RFC 5321 section 4.1.2), in small letters.
fn dns_name(text: &str) -> Option<String> {
    let is_label = |label: &str| {
        let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(is_valid)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (text.len() <= DNS_NAME_MAX && text.split('.').all(is_label)).then(|| text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
