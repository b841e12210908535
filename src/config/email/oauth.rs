//! The OAuth 2 client that gets access tokens for the relay (RFC 6749). Getting them is left to
//! `channels/email/oauth`.

use url::Url;

use crate::config::reader::{Reader, is_loopback};
use crate::config::secret::Secret;

/// Where access tokens come from, and what proves that fanmail may have them.
#[derive(Clone)]
pub struct OAuthClient {
    /// The token endpoint (`SMTP_OAUTH_TOKEN_URL`).
    pub token_url: Url,
    /// The client (`SMTP_OAUTH_CLIENT_ID`).
    pub client_id: String,
    /// Its secret (`SMTP_OAUTH_CLIENT_SECRET`). Public clients have none.
    pub client_secret: Option<Secret>,
    /// What the token is for (`SMTP_OAUTH_SCOPE`).
    pub scope: Option<String>,
    /// The refresh token (`SMTP_OAUTH_REFRESH_TOKEN`). Without it, the client's own credentials are the grant.
    pub refresh_token: Option<Secret>,
}

impl OAuthClient {
    /// Reads `SMTP_OAUTH_…`: nothing, or a token endpoint with its client.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let token_url = reader.text("SMTP_OAUTH_TOKEN_URL");
        let client_id = reader.text("SMTP_OAUTH_CLIENT_ID");
        let client_secret = reader.secret("SMTP_OAUTH_CLIENT_SECRET");
        let scope = reader.text("SMTP_OAUTH_SCOPE");
        let refresh_token = reader.secret("SMTP_OAUTH_REFRESH_TOKEN");
        let Some(token_url) = token_url else {
            let present = [
                ("SMTP_OAUTH_CLIENT_ID", client_id.is_some()),
                ("SMTP_OAUTH_CLIENT_SECRET", client_secret.is_some()),
                ("SMTP_OAUTH_SCOPE", scope.is_some()),
                ("SMTP_OAUTH_REFRESH_TOKEN", refresh_token.is_some()),
            ];
            if let Some((present, _)) = present.into_iter().find(|(_, is_set)| *is_set) {
                let sentence =
                    format!("is not set, but {present} is; expected the URL of the token endpoint");
                reader.problem("SMTP_OAUTH_TOKEN_URL", sentence);
            }
            return None;
        };
        let token_url = parse_token_url(reader, &token_url)?;
        let Some(client_id) = client_id else {
            let sentence =
                "is not set, but SMTP_OAUTH_TOKEN_URL is; expected the id of the client (application)";
            reader.problem("SMTP_OAUTH_CLIENT_ID", sentence.to_owned());
            return None;
        };
        if client_secret.is_none() && refresh_token.is_none() {
            reader.problem(
                "SMTP_OAUTH_CLIENT_SECRET",
                "is not set, and SMTP_OAUTH_REFRESH_TOKEN neither; expected the secret of the client, or a refresh \
                 token"
                    .to_owned(),
            );
            return None;
        }
        Some(Self { token_url, client_id, client_secret, scope, refresh_token })
    }

    /// The token endpoint for messages: without a query, which may hold a secret.
    #[must_use]
    pub fn shown_url(&self) -> &str {
        &self.token_url[..url::Position::AfterPath]
    }
}

impl std::fmt::Debug for OAuthClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OAuthClient")
            .field("token_url", &self.shown_url())
            .field("client_id", &self.client_id)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// The URL of a token endpoint. Secrets go there, so it must be https, except on this machine (RFC 6749 section 3.2).
fn parse_token_url(reader: &mut Reader<'_>, text: &str) -> Option<Url> {
    let url = Url::parse(text).ok().filter(|url| {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(host);
        is_safe && !host.is_empty() && url.username().is_empty() && url.password().is_none()
    });
    if url.is_none() {
        // The value is not shown: it may hold a user name and a password.
        let sentence = "is not the URL of a token endpoint; expected https://host/path, without user and password (http:// \
                        only on this machine)";
        reader.problem("SMTP_OAUTH_TOKEN_URL", sentence.to_owned());
    }
    url
}
