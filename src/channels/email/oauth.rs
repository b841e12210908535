//! Access tokens for the login at the relay (RFC 6749): gets them from the token endpoint, keeps one for all lanes, and
//! renews it before its end. Presenting it to the relay is left to `smtp/auth`.

pub(crate) mod response;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ureq::Agent;

use crate::channels::SendError;
use crate::channels::email::oauth::response::{Grant, read_grant};
use crate::config::email::oauth::OAuthClient;
use crate::config::secret::Secret;
use crate::sync::lock;
use crate::text::clean::{cut, one_line};
use crate::tls::https_agent;

/// Longest time for one request, with name look-up, connection and response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest response that is read, in bytes. A token has a few kilobytes.
const RESPONSE_MAX: u64 = 64 * 1024;

/// A token is renewed so long before its end, or a tenth of its life before it if that is shorter.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);

/// Pause before the next attempt when a renewal has failed and the old token is still good.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// Characters of an error text from the network.
const SHOWN_MAX: usize = 200;

/// The access token of one relay. Clones share it.
#[derive(Clone)]
pub(crate) struct AccessTokens {
    client: Arc<OAuthClient>,
    http: Agent,
    /// Locked during a request: one renewal at a time, and all lanes get its result.
    state: Arc<Mutex<State>>,
}

struct State {
    token: Option<AccessToken>,
    /// The one of the configuration, or the one that came with the last access token.
    refresh_token: Option<Secret>,
    /// When the last request failed, and why.
    failure: Option<(Instant, SendError)>,
}

struct AccessToken {
    value: Secret,
    renew_at: Instant,
    expires_at: Instant,
}

impl AccessTokens {
    /// No token yet: the first is requested when it is needed.
    pub fn new(client: &OAuthClient) -> Self {
        // The body of an error says what is wrong, and a redirect would take the secrets elsewhere: it follows none.
        let http = https_agent(REQUEST_TIMEOUT);
        let state = State { token: None, refresh_token: client.refresh_token.clone(), failure: None };
        Self { client: Arc::new(client.clone()), http, state: Arc::new(Mutex::new(state)) }
    }

    /// A token that is good at `now`: the one that is kept, or a new one.
    ///
    /// # Errors
    /// A relay failure when a new one is needed and the token endpoint gives none.
    pub fn get(&self, now: Instant) -> Result<Secret, SendError> {
        let mut state = lock(&self.state);
        if let Some(token) = state.token.as_ref().filter(|token| now < token.renew_at) {
            return Ok(token.value.clone());
        }
        // Another lane's request failed while this one waited. Otherwise each lane in turn would wait for an endpoint
        // that hangs.
        if let Some((_, error)) = state.failure.as_ref().filter(|(failed_at, _)| *failed_at >= now) {
            return Err(error.clone());
        }
        match (self.request(state.refresh_token.as_ref()), &mut state.token) {
            (Ok(grant), _) => Ok(state.keep(grant, now)),
            (Err(error), Some(token)) if now < token.expires_at => {
                token.renew_at = now + RENEWAL_PAUSE;
                log::warn!("{error}; the access token is good for some time yet, and fanmail tries again");
                Ok(token.value.clone())
            }
            (Err(error), _) => {
                state.failure = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// The relay has refused `token`: the next call of `get` requests a new one, unless another lane already has.
    pub fn refused(&self, token: &Secret) {
        let mut state = lock(&self.state);
        state.token.take_if(|kept| kept.value == *token);
    }

    /// Requests a token: with a refresh token (RFC 6749 section 6), or with the client's own credentials (section 4.4).
    fn request(&self, refresh_token: Option<&Secret>) -> Result<Grant, SendError> {
        let client = &self.client;
        let mut form = match refresh_token {
            Some(token) => vec![("grant_type", "refresh_token"), ("refresh_token", token.expose())],
            None => vec![("grant_type", "client_credentials")],
        };
        form.push(("client_id", &client.client_id));
        form.extend(client.client_secret.iter().map(|secret| ("client_secret", secret.expose())));
        form.extend(client.scope.iter().map(|scope| ("scope", scope.as_str())));
        let response = self.http.post(client.token_url.as_str()).send_form(form);
        let failed = |error: ureq::Error| self.failure(&cut(one_line(&error.to_string()), SHOWN_MAX));
        let mut response = response.map_err(failed)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(RESPONSE_MAX).read_to_string().map_err(failed)?;
        let secrets: Vec<&str> =
            client.client_secret.as_ref().into_iter().chain(refresh_token).map(Secret::expose).collect();
        read_grant(status, &body, &secrets).map_err(|cause| self.failure(&cause))
    }

    fn failure(&self, cause: &str) -> SendError {
        let url = self.client.shown_url();
        SendError::relay_failure(format!("login: no access token from {url}: {cause}"))
    }
}

impl State {
    /// Keeps what was granted at `now`.
    fn keep(&mut self, grant: Grant, now: Instant) -> Secret {
        let expires_at = now + grant.lifetime;
        let margin = RENEWAL_MARGIN.min(grant.lifetime / 10);
        let renew_at = now + grant.lifetime.saturating_sub(margin);
        // Some servers give a new refresh token each time, and accept the old one no more (RFC 6749 section 6).
        self.refresh_token = grant.refresh_token.or_else(|| self.refresh_token.take());
        self.token = Some(AccessToken { value: grant.access_token.clone(), renew_at, expires_at });
        grant.access_token
    }
}

#[cfg(test)]
pub(crate) mod tests;
