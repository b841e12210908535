//! Opens a connection to the relay: TCP, TLS from the first byte, the greeting. Finds out which kind of TLS the port
//! wants where the configuration leaves it open (decision 0009). EHLO and STARTTLS are left to `connector`.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use native_tls::TlsConnector;

use crate::channels::SendError;
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::reply::phase::Phase;
use crate::channels::email::smtp::stream::{RelayStream, TlsError};
use crate::config::email::relay::Relay;
use crate::config::email::security::Security;
use crate::sync::lock;
use crate::tls;

/// After so long without a greeting, a TLS handshake is tried on a second connection, or after a third of
/// `SMTP_TIMEOUT` if that is shorter.
const GREETING_PATIENCE: Duration = Duration::from_secs(2);

/// What to check when a port seems to want TLS, or seems to want none.
const WANTS_TLS: &str = "if TLS begins with the first byte on this port, set SMTP_SECURITY=tls";
const WANTS_STARTTLS: &str = "this port seems to want STARTTLS: set SMTP_SECURITY=starttls";

/// What to check when the relay was not reached.
const CHECK_ADDRESS: &str = "check SMTP_HOST and SMTP_PORT";

/// Opens connections to one relay.
#[derive(Clone)]
pub(crate) struct Opening {
    relay: Arc<Relay>,
    tls: Option<TlsConnector>,
    /// The kind of TLS that worked on this port, for [`Security::AnyTls`].
    found: Arc<Mutex<Option<Security>>>,
}

impl Opening {
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(relay: Arc<Relay>) -> Result<Self, SendError> {
        let tls = match relay.security {
            Security::Plain => None,
            Security::StartTls | Security::ImplicitTls | Security::AnyTls => {
                let connector = tls::connector(relay.ca_certificates.as_slice());
                let cannot = |error| SendError::relay_failure(format!("cannot set up TLS: {error}"));
                Some(connector.map_err(cannot)?)
            }
        };
        Ok(Self { relay, tls, found: Arc::default() })
    }

    /// Connects and reads the greeting, under TLS if TLS begins with the first byte. Otherwise the stream is not
    /// encrypted yet.
    ///
    /// # Errors
    /// Every failure is a relay failure.
    pub fn open(&self) -> Result<RelayStream, SendError> {
        let found = *lock(&self.found);
        match (self.relay.security, found) {
            (Security::AnyTls, None) => self.find(),
            (Security::AnyTls, Some(security)) => {
                // The port may have changed its kind: the next connection finds out anew.
                self.open_with(security).inspect_err(|_| *lock(&self.found) = None)
            }
            (security, _) => self.open_with(security),
        }
    }

    fn open_with(&self, security: Security) -> Result<RelayStream, SendError> {
        let mut stream = self.connect(self.relay.timeout)?;
        if security == Security::ImplicitTls {
            self.start_tls(&mut stream)?;
        }
        self.read_greeting(stream, WANTS_TLS)
    }

    /// Waits briefly for a greeting in plain text. Without one, tries a TLS handshake on a second connection, and waits
    /// for the greeting of the first one only after that: a relay that greets late is not taken for one that wants TLS.
    fn find(&self) -> Result<RelayStream, SendError> {
        let timeout = self.relay.timeout;
        let begun = Instant::now();
        let mut stream = self.connect(timeout)?;
        if let Ok(false) = stream.is_readable_within(GREETING_PATIENCE.min(timeout / 3)) {
            let remaining = timeout.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
            if let Some(encrypted) = self.try_implicit_tls(remaining)? {
                *lock(&self.found) = Some(Security::ImplicitTls);
                return Ok(encrypted);
            }
            let remaining = timeout.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
            // The connection may have broken meanwhile: then reading says so.
            stream.set_timeout(remaining).ok();
        }
        let mut stream = self.read_greeting(stream, "a TLS handshake was tried as well")?;
        self.restore_timeout(&mut stream)?;
        *lock(&self.found) = Some(Security::StartTls);
        Ok(stream)
    }

    /// A connection that begins with TLS; `None` when the port does not speak TLS from the first byte.
    ///
    /// # Errors
    /// When the port speaks TLS, but its certificate is refused.
    fn try_implicit_tls(&self, timeout: Duration) -> Result<Option<RelayStream>, SendError> {
        let Ok(mut stream) = self.connect(timeout) else { return Ok(None) };
        let Some(tls) = &self.tls else { return Ok(None) };
        match stream.start_tls(tls, &self.relay.host) {
            Ok(()) => {}
            Err(error @ TlsError::Certificate(_)) => return Err(self.failure(&error.to_string())),
            Err(TlsError::PlainText | TlsError::Failed(_)) => return Ok(None),
        }
        log::info!(
            "{}:{} begins with TLS and not with a greeting; SMTP_SECURITY=tls saves finding this out at each start",
            self.relay.host,
            self.relay.port
        );
        let mut stream = self.read_greeting(stream, CHECK_ADDRESS)?;
        self.restore_timeout(&mut stream)?;
        Ok(Some(stream))
    }

    /// Gives each further step its whole time again: finding out may have left little of it.
    fn restore_timeout(&self, stream: &mut RelayStream) -> Result<(), SendError> {
        stream.set_timeout(self.relay.timeout).map_err(|error| self.failure(&error.to_string()))
    }

    fn connect(&self, timeout: Duration) -> Result<RelayStream, SendError> {
        let Relay { host, port, .. } = &*self.relay;
        RelayStream::connect(host, *port, timeout)
            .map_err(|cause| self.unreachable(&Reply::Lost(cause), CHECK_ADDRESS))
    }

    /// Starts TLS on this stream.
    ///
    /// # Errors
    /// A relay failure that says what to check.
    pub fn start_tls(&self, stream: &mut RelayStream) -> Result<(), SendError> {
        let Some(tls) = &self.tls else { return Err(self.failure("TLS is turned off")) };
        stream.start_tls(tls, &self.relay.host).map_err(|error| {
            self.failure(&match &error {
                TlsError::PlainText => format!("{error}; {WANTS_STARTTLS}"),
                TlsError::Failed(_) if self.relay.security == Security::ImplicitTls => {
                    format!("{error}; is this the port for TLS from the first byte? {CHECK_ADDRESS}")
                }
                TlsError::Failed(_) | TlsError::Certificate(_) => error.to_string(),
            })
        })
    }

    /// Reads the greeting. `advice` is for a port that sends none.
    fn read_greeting(&self, mut stream: RelayStream, advice: &str) -> Result<RelayStream, SendError> {
        match stream.read_reply() {
            greeting if greeting.is_positive() => Ok(stream),
            // A relay that replies was reached: then host and port are right.
            reply @ Reply::Complete(..) => Err(self.unreachable(&reply, "")),
            reply if stream.begins_like_tls() => {
                Err(self.unreachable(&reply, "this port speaks TLS: set SMTP_SECURITY=tls"))
            }
            reply => Err(self.unreachable(&reply, &format!("{advice}; otherwise {CHECK_ADDRESS}"))),
        }
    }

    /// The error for a relay that could not be connected to, with host and port.
    fn unreachable(&self, reply: &Reply, advice: &str) -> SendError {
        let Relay { host, port, .. } = &*self.relay;
        let error = reply.send_error(Phase::Connect);
        let separator = if advice.is_empty() { "" } else { "; " };
        let detail = format!("{host}:{port}: {}{separator}{advice}", error.detail);
        SendError { detail, ..error }
    }

    fn failure(&self, cause: &str) -> SendError {
        let Relay { host, port, .. } = &*self.relay;
        SendError::relay_failure(format!("{host}:{port}: {cause}"))
    }
}

#[cfg(test)]
mod tests;
