//! SendGrid signs time and body with a key on an elliptic curve (ECDSA with SHA-256); the operator has its public half.

use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::sign::Verifier;

use crate::http::webhooks::refusal::Refusal;
use crate::http::webhooks::signed_time;

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// Refuses a body that none of these keys has signed.
pub(super) fn authenticate(
    keys: &[PKey<Public>],
    headers: &HeaderMap,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let field = |name: &str| headers.get(name)?.to_str().ok();
    let (Some(signature), Some(timestamp)) = (field(SIGNATURE), field(TIMESTAMP)) else {
        return Err(Refusal::Forged);
    };
    let signature = STANDARD.decode(signature.trim()).map_err(|_| Refusal::Forged)?;
    let has_signed = |key: &PKey<Public>| {
        let mut verifier = Verifier::new(MessageDigest::sha256(), key)?;
        verifier.update(timestamp.as_bytes())?;
        verifier.update(body)?;
        // An error is a signature in a wrong form.
        verifier.verify(&signature)
    };
    if !keys.iter().any(|key| has_signed(key).unwrap_or(false)) {
        return Err(Refusal::Forged);
    }
    signed_time::check_seconds(timestamp, now)
}
