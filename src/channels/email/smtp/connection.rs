//! One connection to the relay: connecting, EHLO, STARTTLS, login, then single commands and their replies. Knows no
//! mail: what is written when is left to `smtp`, and reading and writing bytes to `stream`.

use std::time::{Duration, Instant};

use lettre::transport::smtp::extension::ClientId;
use native_tls::TlsConnector;

use crate::channels::SendError;
use crate::channels::email::smtp::auth;
use crate::channels::email::smtp::capabilities::Capabilities;
use crate::channels::email::smtp::reply::{Phase, Reply};
use crate::channels::email::smtp::stream::RelayStream;
use crate::config::email::{Relay, Security};
use crate::tls;

/// How long we wait for the reply to `QUIT` before we close the connection anyway.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens connections to one relay.
pub struct RelayConnector {
    relay: Relay,
    client_id: ClientId,
    tls: Option<TlsConnector>,
}

/// An open connection, after EHLO, TLS and AUTH.
pub struct RelayConnection {
    stream: RelayStream,
    /// Whether the relay accepts several commands in one write (RFC 2920).
    pub pipelining: bool,
    /// Whether the relay accepts addresses that are not ASCII (RFC 6531).
    pub smtputf8: bool,
    /// The largest mail that the relay accepts, in bytes; `None` for no limit (RFC 1870).
    pub size_limit: Option<usize>,
    /// Mails that were submitted on it, accepted or not.
    pub mails: u32,
    /// The envelope that was written behind the last body, while its replies are unread.
    pub pipelined: Option<PipelinedEnvelope>,
}

/// An envelope that was written behind the body of the mail before it.
pub struct PipelinedEnvelope {
    /// The Message-ID of its mail.
    pub message_id: String,
    /// Since when the relay may be waiting for the body.
    pub since: Instant,
}

impl RelayConnector {
    /// A connector for the relay.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(relay: &Relay) -> Result<Self, SendError> {
        let tls = match relay.security {
            Security::Plain => None,
            Security::StartTls | Security::ImplicitTls => {
                let connector = tls::connector(relay.ca_certificates.as_slice());
                let cannot = |error| SendError::relay_failure(format!("cannot set up TLS: {error}"));
                Some(connector.map_err(cannot)?)
            }
        };
        Ok(Self { relay: relay.clone(), client_id: ClientId::default(), tls })
    }

    /// Connects, sends EHLO, starts TLS and logs in, as configured. The password is sent only under TLS, unless the
    /// configuration explicitly turns TLS off.
    ///
    /// # Errors
    /// Every failure is a relay failure: [`Class::RelayFailure`](crate::channels::Class::RelayFailure).
    pub fn connect(&self) -> Result<RelayConnection, SendError> {
        let mut stream = self.open()?;
        let mut capabilities = self.ehlo(&mut stream)?;
        if let (Security::StartTls, Some(tls)) = (self.relay.security, &self.tls) {
            if !capabilities.has("STARTTLS") {
                return Err(SendError::relay_failure(
                    "the relay does not offer STARTTLS, so nothing was sent; SMTP_USE_TLS=False would send in \
                     plain text"
                        .to_owned(),
                ));
            }
            stream.command("STARTTLS\r\n", 1).into_text()?;
            self.start_tls(&mut stream, tls)?;
            // The keywords received in plain text may be forged (RFC 3207 section 4.2).
            capabilities = self.ehlo(&mut stream)?;
        }
        if let Some((username, password)) = &self.relay.credentials {
            auth::log_in(&mut stream, &capabilities, username, password)?;
        }
        Ok(RelayConnection {
            stream,
            pipelining: capabilities.has("PIPELINING"),
            smtputf8: capabilities.has("SMTPUTF8"),
            size_limit: capabilities.size_limit(),
            mails: 0,
            pipelined: None,
        })
    }

    /// Connects and reads the greeting, under TLS if TLS is implicit.
    fn open(&self) -> Result<RelayStream, SendError> {
        let Relay { host, port, timeout, security, .. } = &self.relay;
        let connected = RelayStream::connect(host, *port, *timeout);
        let mut stream = connected.map_err(|cause| self.unreachable(&Reply::Lost(cause)))?;
        if let (Security::ImplicitTls, Some(tls)) = (security, &self.tls) {
            self.start_tls(&mut stream, tls)?;
        }
        match stream.read_reply(1) {
            greeting if greeting.is_positive() => Ok(stream),
            other => Err(self.unreachable(&other)),
        }
    }

    fn start_tls(&self, stream: &mut RelayStream, tls: &TlsConnector) -> Result<(), SendError> {
        let Relay { host, port, .. } = &self.relay;
        stream
            .start_tls(tls, host)
            .map_err(|cause| SendError::relay_failure(format!("{host}:{port}: {cause}")))
    }

    /// Sends EHLO and reads the keywords.
    fn ehlo(&self, stream: &mut RelayStream) -> Result<Capabilities, SendError> {
        stream
            .command(&format!("EHLO {}\r\n", self.client_id), 1)
            .into_text()
            .map(|text| Capabilities::read(&text))
    }

    /// The error for a relay that could not be connected to, with host and port.
    fn unreachable(&self, reply: &Reply) -> SendError {
        let Relay { host, port, .. } = &self.relay;
        let error = reply.send_error(Phase::Connect);
        // A relay that replies was reached: then host and port are right.
        let advice = if error.code.is_some() { "" } else { "; check SMTP_HOST and SMTP_PORT" };
        let detail = format!("{host}:{port}: {}{advice}", error.detail);
        SendError { detail, ..error }
    }
}

impl RelayConnection {
    /// Writes `text` in one write and reads one reply.
    pub fn command(&mut self, text: &str) -> Reply {
        self.stream.command(text, 1)
    }

    /// Writes a body with an envelope behind it, and reads the reply to the body. Waits for up to two timeouts: a relay
    /// may hold back that reply until it has processed the envelope (Postfix does).
    pub fn command_with_envelope(&mut self, text: &str) -> Reply {
        self.stream.command(text, 2)
    }

    /// Reads the next reply of a pipelined group.
    pub fn read_reply(&mut self) -> Reply {
        self.stream.read_reply(1)
    }

    /// Sends RSET. Returns whether the connection is ready for another mail.
    pub fn reset(&mut self) -> bool {
        self.command("RSET\r\n").is_positive()
    }

    /// Sends QUIT and waits briefly. Sends nothing while the relay expects a body: QUIT would become part of it.
    pub fn quit(mut self) {
        if self.pipelined.is_some() {
            return;
        }
        let timeout_set = self.stream.set_timeout(QUIT_TIMEOUT);
        if timeout_set.is_err() || !self.command("QUIT\r\n").is_positive() {
            log::debug!("the relay did not reply to QUIT");
        }
    }

    /// What was negotiated, in one line, for `fanmail check`.
    #[must_use]
    pub fn describe(&self) -> String {
        let yes_no = |offered| if offered { "yes" } else { "no" };
        format!(
            "connected; encrypted: {}, PIPELINING: {}, SMTPUTF8: {}",
            yes_no(self.stream.is_encrypted()),
            yes_no(self.pipelining),
            yes_no(self.smtputf8)
        )
    }
}

#[cfg(test)]
mod tests;
