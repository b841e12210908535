//! Mailgun signs a time and a random token with a key that the operator has, too (HMAC-SHA256), and not what else the body says. So a token
//! belongs to the first body that comes with it.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Utc};
use openssl::sha::sha256;
use serde::Deserialize;

use crate::config::secret::Secret;
use crate::hmac::{HmacKey, are_equal};
use crate::http::webhooks::refusal::Refusal;
use crate::http::webhooks::signed_time;

/// Most tokens that are remembered: those of some minutes at least.
const TOKENS_MAX: usize = 10_000;

/// Longest token, in bytes; Mailgun's have 50.
const TOKEN_MAX: usize = 128;

#[derive(Deserialize)]
struct Signed {
    signature: Signature,
}

#[derive(Deserialize)]
struct Signature {
    timestamp: String,
    token: String,
    #[serde(rename = "signature")]
    mac: String,
}

/// The tokens that have come, each with the hash of its body.
#[derive(Debug, Default)]
pub(super) struct MailgunTokens {
    bodies: HashMap<String, [u8; 32]>,
    order: VecDeque<String>,
}

impl MailgunTokens {
    /// Whether the token comes for the first time, or again with the same body: Mailgun tries several times.
    fn admit(&mut self, token: &str, body: &[u8]) -> bool {
        let hash = sha256(body);
        if let Some(known) = self.bodies.get(token) {
            return *known == hash;
        }
        if self.order.len() >= TOKENS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.bodies.remove(&oldest);
        }
        self.order.push_back(token.to_owned());
        self.bodies.insert(token.to_owned(), hash);
        true
    }
}

/// Refuses a body without a signature of one of these keys.
pub(super) fn authenticate(
    keys: &[Secret],
    body: &[u8],
    now: DateTime<Utc>,
    tokens: &mut MailgunTokens,
) -> Result<(), Refusal> {
    let Signed { signature } = serde_json::from_slice(body).map_err(|_| Refusal::Malformed)?;
    let Signature { timestamp, token, mac: told } = signature;
    if token.len() > TOKEN_MAX || timestamp.len() > TOKEN_MAX {
        return Err(Refusal::Forged);
    }
    let signed = [timestamp.as_str(), &token].concat();
    let is_of = |key: &&Secret| {
        let mac = HmacKey::new(key.expose().as_bytes()).mac(signed.as_bytes());
        let mac = mac.map(|byte| format!("{byte:02x}")).concat();
        are_equal(mac.as_bytes(), told.to_ascii_lowercase().as_bytes())
    };
    // All of them are compared, so that the time does not tell which one it is.
    if keys.iter().filter(is_of).count() == 0 {
        return Err(Refusal::Forged);
    }
    signed_time::check_seconds(&timestamp, now)?;
    if tokens.admit(&token, body) { Ok(()) } else { Err(Refusal::Replayed) }
}
