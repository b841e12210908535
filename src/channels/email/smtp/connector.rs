//! Makes connections to one relay ready for mails: EHLO, STARTTLS, login. TCP, the greeting and TLS from the first byte
//! are left to `opening`, the login itself to `auth`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use lettre::transport::smtp::extension::ClientId;

use crate::channels::SendError;
use crate::channels::email::oauth::AccessTokens;
use crate::channels::email::smtp::auth::{self, Proof};
use crate::channels::email::smtp::capabilities::Capabilities;
use crate::channels::email::smtp::connection::RelayConnection;
use crate::channels::email::smtp::opening::Opening;
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::email::smtp::stream::RelayStream;
use crate::config::email::login::LoginMethod;
use crate::config::email::relay::Relay;
use crate::config::email::security::Security;
use crate::config::secret::Secret;

/// Connects to one relay. Clones share what one of them has learned about it.
#[derive(Clone)]
pub struct RelayConnector {
    relay: Arc<Relay>,
    opening: Opening,
    /// The name in EHLO and HELO.
    helo_name: String,
    password: Option<Secret>,
    /// Instead of a password.
    tokens: Option<AccessTokens>,
    /// Whether the log has said that it takes no envelopes ahead.
    told_no_envelopes_ahead: Arc<AtomicBool>,
}

impl RelayConnector {
    /// A connector for the relay.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(relay: &Relay) -> Result<Self, SendError> {
        let helo_name = relay.helo_name.clone().unwrap_or_else(|| ClientId::default().to_string());
        let (password, tokens) = match relay.login.as_ref().map(|login| &login.method) {
            Some(LoginMethod::Password(password)) => (Some(password.clone()), None),
            Some(LoginMethod::OAuth(client)) => (None, Some(AccessTokens::new(client))),
            None => (None, None),
        };
        let relay = Arc::new(relay.clone());
        let opening = Opening::new(Arc::clone(&relay))?;
        Ok(Self { relay, opening, helo_name, password, tokens, told_no_envelopes_ahead: Arc::default() })
    }

    /// The relay offers PIPELINING, and does not take an envelope behind a body. Each lane finds that out, and the log says it once.
    pub fn takes_no_envelopes_ahead(&self, detail: &str) {
        if !self.told_no_envelopes_ahead.swap(true, Ordering::Relaxed) {
            log::info!(
                "the relay offers PIPELINING, but does not accept an envelope behind a body: {detail}; fanmail sends no \
                 envelopes ahead any more on connections where that has failed"
            );
        }
    }

    /// The relay.
    #[must_use]
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The name in EHLO and HELO.
    #[must_use]
    pub fn helo_name(&self) -> &str {
        &self.helo_name
    }

    /// Connects, sends EHLO, starts TLS and logs in, as configured. The password is sent only under TLS, unless the
    /// configuration explicitly turns TLS off.
    ///
    /// # Errors
    /// Every failure is a relay failure, [`Class::RelayFailure`](crate::channels::Class::RelayFailure), unless the relay
    /// asks for fewer mails or connections: [`Class::Throttled`](crate::channels::Class::Throttled).
    pub fn connect(&self) -> Result<RelayConnection, SendError> {
        let Some(tokens) = &self.tokens else {
            return self.connect_with(self.password.as_ref().map(Proof::Password));
        };
        let token = tokens.get(Instant::now())?;
        match self.connect_with(Some(Proof::Token(&token))) {
            // Revoked, or at its end before its time: once more with a new one.
            Err(error) if error.code == Some(535) => {
                tokens.refused(&token);
                let token = tokens.get(Instant::now())?;
                self.connect_with(Some(Proof::Token(&token)))
            }
            result => result,
        }
    }

    /// One connection, with this login.
    fn connect_with(&self, proof: Option<Proof<'_>>) -> Result<RelayConnection, SendError> {
        let mut stream = self.opening.open()?;
        let mut capabilities = self.ehlo(&mut stream)?;
        if self.relay.security != Security::Plain && !stream.is_encrypted() {
            if !capabilities.has("STARTTLS") {
                return Err(SendError::relay_failure(
                    "the relay does not offer STARTTLS, so nothing was sent; SMTP_SECURITY=none, without \
                     SMTP_USE_TLS=True, would send in plain text"
                        .to_owned(),
                ));
            }
            stream.command("STARTTLS\r\n").into_text()?;
            self.opening.start_tls(&mut stream)?;
            // The keywords received in plain text may be forged (RFC 3207 section 4.2).
            capabilities = self.ehlo(&mut stream)?;
        }
        if let (Some(login), Some(proof)) = (&self.relay.login, proof) {
            auth::log_in(&mut stream, &capabilities, &login.username, proof)?;
        }
        Ok(RelayConnection::new(stream, &capabilities, self.relay.data_timeout))
    }

    /// Sends EHLO and reads the keywords. A relay that does not know EHLO gets HELO, and has no keywords then (RFC 5321
    /// section 3.2).
    fn ehlo(&self, stream: &mut RelayStream) -> Result<Capabilities, SendError> {
        let reply = stream.command(&format!("EHLO {}\r\n", self.helo_name));
        match &reply {
            Reply::Complete(500 | 502 | 504, _) => self.helo(stream, &reply),
            Reply::Complete(200..=299, text) => Ok(Capabilities::read(text)),
            Reply::Complete(..) => Err(self.name_refused(&reply)),
            Reply::Unreadable(_) | Reply::Lost(_) => Err(reply.send_error(Phase::Connect)),
        }
    }

    /// Sends HELO after `ehlo_reply`, unless TLS or a login is wanted: HELO offers neither.
    fn helo(&self, stream: &mut RelayStream, ehlo_reply: &Reply) -> Result<Capabilities, SendError> {
        let needs_starttls = self.relay.security != Security::Plain && !stream.is_encrypted();
        let wanted = if needs_starttls { "TLS" } else { "login" };
        if needs_starttls || self.relay.login.is_some() {
            let SendError { detail, .. } = ehlo_reply.send_error(Phase::Connect);
            return Err(SendError::relay_failure(format!(
                "the relay does not know EHLO ({detail}), so it offers no {wanted}, and nothing was sent; check \
                 SMTP_HOST and SMTP_PORT"
            )));
        }
        let reply = stream.command(&format!("HELO {}\r\n", self.helo_name));
        if reply.is_positive() {
            return Ok(Capabilities::none());
        }
        Err(self.name_refused(&reply))
    }

    /// The error for a relay that refuses EHLO or HELO, perhaps because of the name.
    fn name_refused(&self, reply: &Reply) -> SendError {
        let error = reply.send_error(Phase::Connect);
        let detail = format!(
            "{} (to EHLO {}; if the relay refuses this name, set SMTP_HELO_NAME)",
            error.detail, self.helo_name
        );
        SendError { detail, ..error }
    }
}

#[cfg(test)]
mod tests;
