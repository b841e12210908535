//! What a token endpoint answers: a token (RFC 6749 section 5.1), or an error (section 5.2). No secret reaches an error
//! text.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::config::secret::Secret;
use crate::text::clean::cut;
use crate::text::mask::masked_line;

/// Life of a token whose response does not say it. A relay that refuses it earlier makes fanmail renew it.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3600);

/// Longest life that is believed.
const LIFETIME_MAX: Duration = Duration::from_secs(24 * 3600);

/// Characters of an error description that are shown.
const DESCRIPTION_MAX: usize = 300;

/// An access token, and what came with it.
pub(crate) struct Grant {
    pub access_token: Secret,
    pub lifetime: Duration,
    /// The refresh token for the next time, when the server gives a new one.
    pub refresh_token: Option<Secret>,
}

#[derive(Deserialize)]
struct Success {
    access_token: String,
    /// Seconds; some servers write them as text.
    expires_in: Option<Value>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
    error_description: Option<String>,
}

/// Reads the response. `secrets` are what the request contained.
///
/// # Errors
/// The cause, for users, without secrets.
pub(crate) fn read_grant(status: u16, body: &str, secrets: &[&str]) -> Result<Grant, String> {
    if !(200..=299).contains(&status) {
        return Err(refusal(status, body, secrets));
    }
    // The error of serde_json may show a part of the body, so it is not used.
    let Ok(success) = serde_json::from_str::<Success>(body) else {
        return Err(match serde_json::from_str::<Failure>(body) {
            Ok(_) => refusal(status, body, secrets),
            Err(_) => "the response is not JSON with an access_token; check SMTP_OAUTH_TOKEN_URL".to_owned(),
        });
    };
    if success.access_token.is_empty() || !success.access_token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the response has an access_token that is no token".to_owned());
    }
    let refresh_token = success.refresh_token.filter(|token| !token.is_empty()).map(Secret::new);
    Ok(Grant {
        access_token: Secret::new(success.access_token),
        lifetime: lifetime(success.expires_in.as_ref()),
        refresh_token,
    })
}

fn lifetime(expires_in: Option<&Value>) -> Duration {
    let seconds = match expires_in {
        Some(Value::Number(seconds)) => seconds.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    // Not a number is no lifetime either.
    seconds.filter(|seconds: &f64| !seconds.is_nan()).map_or(DEFAULT_LIFETIME, |seconds| {
        Duration::from_secs_f64(seconds.clamp(0.0, LIFETIME_MAX.as_secs_f64()))
    })
}

/// What the endpoint says, and what to do.
fn refusal(status: u16, body: &str, secrets: &[&str]) -> String {
    let Ok(Failure { error, error_description }) = serde_json::from_str(body) else {
        let advice = if status < 500 { "; check SMTP_OAUTH_TOKEN_URL" } else { "" };
        return format!("HTTP status {status}{advice}");
    };
    let advice = match error.as_str() {
        "invalid_client" => "check SMTP_OAUTH_CLIENT_ID and SMTP_OAUTH_CLIENT_SECRET",
        "invalid_grant" => "the refresh token may be expired or revoked: get a new SMTP_OAUTH_REFRESH_TOKEN",
        "invalid_scope" => "check SMTP_OAUTH_SCOPE",
        "unauthorized_client" | "unsupported_grant_type" => {
            "this client may not use this grant: allow it at the provider, or set SMTP_OAUTH_REFRESH_TOKEN"
        }
        _ if status >= 500 => "fanmail tries again",
        _ => "check the variables SMTP_OAUTH_…",
    };
    let said = match error_description {
        Some(description) => format!("{error}: {description}"),
        None => error,
    };
    let said = secrets.iter().fold(said, |said, secret| said.replace(secret, "…"));
    format!("HTTP status {status}, {}; {advice}", cut(masked_line(&said), DESCRIPTION_MAX))
}
