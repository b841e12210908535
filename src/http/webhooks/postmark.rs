//! Postmark signs nothing: it sends a user name and a password with each request (RFC 7617).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::secret::Secret;
use crate::hmac::are_equal;
use crate::http::webhooks::refusal::Refusal;

/// Refuses a request without one of these passwords. The user name is not looked at.
pub(super) fn authenticate(secrets: &[Secret], headers: &HeaderMap) -> Result<(), Refusal> {
    let password = password(headers).ok_or(Refusal::Unauthorized)?;
    // All of them are compared, so that the time does not tell which one it is.
    let equal = secrets.iter().filter(|secret| are_equal(secret.expose().as_bytes(), &password)).count();
    if equal > 0 { Ok(()) } else { Err(Refusal::Unauthorized) }
}

fn password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| decoded[colon + 1..].to_vec())
}
