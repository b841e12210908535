//! One connection to the relay: how it is made, what the relay offers on it, and plain commands and answers.
//! Knows no mail.

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

/// How long a relay may take to answer `QUIT`; we leave either way.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens connections to one relay.
pub struct RelayConnector {
    relay: Relay,
    hello: ClientId,
    tls: Option<TlsConnector>,
}

/// An open connection, past EHLO, TLS and AUTH.
pub struct RelayConnection {
    stream: RelayStream,
    /// The relay takes several commands in one write (RFC 2920).
    pub pipelining: bool,
    /// The relay takes addresses beyond ASCII (RFC 6531).
    pub smtputf8: bool,
    /// The largest mail that the relay takes, in bytes, if it says so (RFC 1870).
    pub size_limit: Option<usize>,
    /// Mails that were tried on it.
    pub mails: u32,
    /// The envelope that was written behind the last body, if its answers are not read yet.
    pub pipelined: Option<PipelinedEnvelope>,
}

/// An envelope that was written ahead of its turn.
pub struct PipelinedEnvelope {
    /// Its mail.
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
                Some(
                    connector
                        .map_err(|error| SendError::relay_failure(format!("cannot set up TLS: {error}")))?,
                )
            }
        };
        Ok(Self { relay: relay.clone(), hello: ClientId::default(), tls })
    }

    /// Connects, greets, encrypts and authenticates, as configured. The password goes over the stream only after
    /// TLS, unless the configuration says in so many words that there is none.
    ///
    /// # Errors
    /// Every failure here is the relay's: [`Class::RelayFailure`](crate::channels::Class::RelayFailure).
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
            self.starttls(&mut stream, tls)?;
            // What was offered in plain text may be anybody's (RFC 3207 section 4.2).
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

    /// A connection past the greeting, encrypted already if TLS comes first.
    fn open(&self) -> Result<RelayStream, SendError> {
        let Relay { host, port, timeout, security, .. } = &self.relay;
        let connected = RelayStream::connect(host, *port, *timeout);
        let mut stream = connected.map_err(|cause| self.unreachable(&Reply::Lost(cause)))?;
        if let (Security::ImplicitTls, Some(tls)) = (security, &self.tls) {
            self.starttls(&mut stream, tls)?;
        }
        match stream.read_reply(1) {
            greeting if greeting.is_positive() => Ok(stream),
            other => Err(self.unreachable(&other)),
        }
    }

    fn starttls(&self, stream: &mut RelayStream, tls: &TlsConnector) -> Result<(), SendError> {
        let Relay { host, port, .. } = &self.relay;
        stream
            .starttls(tls, host)
            .map_err(|cause| SendError::relay_failure(format!("{host}:{port}: {cause}")))
    }

    /// Says EHLO.
    fn ehlo(&self, stream: &mut RelayStream) -> Result<Capabilities, SendError> {
        stream
            .command(&format!("EHLO {}\r\n", self.hello), 1)
            .into_text()
            .map(|text| Capabilities::read(&text))
    }

    /// Names what was tried, and what to check.
    fn unreachable(&self, reply: &Reply) -> SendError {
        let Relay { host, port, .. } = &self.relay;
        let error = reply.send_error(Phase::Connect);
        // A relay that answers has been reached; then its answer says enough.
        let advice = if error.code.is_some() { "" } else { "; check SMTP_HOST and SMTP_PORT" };
        let detail = format!("{host}:{port}: {}{advice}", error.detail);
        SendError { detail, ..error }
    }
}

impl RelayConnection {
    /// Writes `text` in one write and reads one answer.
    pub fn command(&mut self, text: &str) -> Reply {
        self.stream.command(text, 1)
    }

    /// Writes a body with an envelope behind it, and reads the answer to the body. That may take the time of two: a
    /// relay that has more to read may keep an answer until all is done (Postfix does).
    pub fn command_with_envelope(&mut self, text: &str) -> Reply {
        self.stream.command(text, 2)
    }

    /// Reads one more answer of a pipelined group.
    pub fn read_reply(&mut self) -> Reply {
        self.stream.read_reply(1)
    }

    /// Abandons the current mail; says whether the connection is ready for the next one.
    pub fn reset(&mut self) -> bool {
        self.command("RSET\r\n").is_positive()
    }

    /// Takes leave politely, and briefly; without a word of a relay that waits for a body, which would take it for one.
    pub fn quit(mut self) {
        if self.pipelined.is_some() {
            return;
        }
        let farewell = self.stream.set_timeout(QUIT_TIMEOUT);
        if farewell.is_err() || !self.command("QUIT\r\n").is_positive() {
            log::debug!("the relay did not answer QUIT");
        }
    }

    /// One sentence for people.
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
