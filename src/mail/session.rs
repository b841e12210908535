//! One connection to the relay: how it is made, what the relay offers on it, and plain commands and answers.
//! Knows no mail.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::reply::{Answer, Class, Phase, Refusal};
use crate::config::{Relay, Security};
use crate::domain::address::mask;

/// How long a relay may take to answer `QUIT`; we leave either way.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens connections to one relay.
pub struct Connector {
    relay: Relay,
    hello: ClientId,
    tls: Option<TlsParameters>,
}

/// An open connection, past EHLO, TLS and AUTH.
pub struct Session {
    connection: SmtpConnection,
    encrypted: bool,
    /// The relay takes several commands in one write (RFC 2920).
    pub pipelining: bool,
    /// The relay takes addresses beyond ASCII (RFC 6531).
    pub smtputf8: bool,
    /// Mails that were tried on it.
    pub mails: u32,
}

impl Connector {
    /// A connector for the relay.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(relay: &Relay) -> Result<Self, Refusal> {
        let tls = match relay.security {
            Security::Plain => None,
            Security::StartTls | Security::ImplicitTls => {
                let parameters = TlsParameters::new(relay.host.clone());
                Some(parameters.map_err(|error| trouble(format!("cannot set up TLS: {error}")))?)
            }
        };
        Ok(Self { relay: relay.clone(), hello: ClientId::default(), tls })
    }

    /// Connects, greets, encrypts and authenticates, as configured.
    ///
    /// # Errors
    /// Every failure here is the relay's: [`Class::Relay`].
    pub fn connect(&self) -> Result<Session, Refusal> {
        let mut connection = self.open()?;
        if let (Security::StartTls, Some(tls)) = (self.relay.security, &self.tls) {
            if !connection.can_starttls() {
                return Err(trouble(
                    "the relay does not offer STARTTLS; SMTP_USE_TLS=False would send in plain text"
                        .to_owned(),
                ));
            }
            connection.starttls(tls, &self.hello).map_err(refused)?;
        }

        // lettre keeps only the extensions it uses itself, so the list is asked for once more.
        let hello = connection.command(format_args!("EHLO {}\r\n", self.hello));
        let offers = hello.map_err(refused)?;
        let offers: Vec<String> = offers.message().map(str::to_ascii_uppercase).collect();
        let offered = |name: &str| offers.iter().any(|line| line.split(' ').next() == Some(name));

        if let Some((username, password)) = &self.relay.credentials {
            let credentials = Credentials::new(username.clone(), password.expose().to_owned());
            connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).map_err(login_refused)?;
        }
        Ok(Session {
            encrypted: connection.is_encrypted(),
            connection,
            pipelining: offered("PIPELINING"),
            smtputf8: offered("SMTPUTF8"),
            mails: 0,
        })
    }

    /// A connection past greeting and EHLO, encrypted already if TLS comes first.
    fn open(&self) -> Result<SmtpConnection, Refusal> {
        let Relay { host, port, timeout, security, .. } = &self.relay;
        let address = (host.clone(), *port);
        let (timeout, hello) = (*timeout, self.hello.clone());
        let tls = self.tls.clone().filter(|_| *security == Security::ImplicitTls);
        if tls.is_none() {
            return SmtpConnection::connect(address, Some(timeout), &hello, None, None)
                .map_err(|error| self.not_reached(error));
        }
        // lettre sets its timeouts only after the TLS handshake, and a relay that says nothing would hold
        // this lane for ever. So the handshake happens beside it, and a silent one is left behind.
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new()
            .name("tls-handshake".to_owned())
            .spawn(move || {
                let connected = SmtpConnection::connect(address, Some(timeout), &hello, tls.as_ref(), None);
                if sender.send(connected).is_err() {
                    log::debug!("a TLS handshake ended after its lane had given up on it");
                }
            })
            .map_err(|error| trouble(format!("cannot start a thread: {error}")))?;
        match receiver.recv_timeout(timeout) {
            Ok(connected) => connected.map_err(|error| self.not_reached(error)),
            Err(_) => Err(trouble(format!(
                "{}:{}: no TLS handshake within SMTP_TIMEOUT; does TLS come first on that port?",
                self.relay.host, self.relay.port
            ))),
        }
    }

    /// Names what was tried, and what to check.
    fn not_reached(&self, error: lettre::transport::smtp::Error) -> Refusal {
        let Relay { host, port, .. } = &self.relay;
        let refusal = refused(error);
        // A relay that answers has been reached; then its answer says enough.
        let advice = if refusal.smtp_code.is_some() { "" } else { "; check SMTP_HOST and SMTP_PORT" };
        let detail = format!("{host}:{port}: {}{advice}", refusal.detail);
        Refusal { detail, ..refusal }
    }
}

impl Session {
    /// Writes `text` in one write and reads one answer.
    pub fn command(&mut self, text: &str) -> Answer {
        Answer::from_lettre(self.connection.command(text))
    }

    /// Reads one more answer of a pipelined group.
    pub fn read_answer(&mut self) -> Answer {
        Answer::from_lettre(self.connection.read_response())
    }

    /// Abandons the current mail; says whether the connection is ready for the next one.
    pub fn reset(&mut self) -> bool {
        self.command("RSET\r\n").is_positive()
    }

    /// Takes leave politely, and briefly.
    pub fn quit(mut self) {
        let farewell = self.connection.set_timeout(Some(QUIT_TIMEOUT));
        if farewell.is_err() || self.connection.quit().is_err() {
            log::debug!("the relay did not answer QUIT");
        }
    }

    /// One sentence for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let yes_no = |offered| if offered { "yes" } else { "no" };
        format!(
            "connected; encrypted: {}, PIPELINING: {}, SMTPUTF8: {}",
            yes_no(self.encrypted),
            yes_no(self.pipelining),
            yes_no(self.smtputf8)
        )
    }
}

/// A failure of the relay, from what lettre says.
fn refused(error: lettre::transport::smtp::Error) -> Refusal {
    Answer::from_lettre(Err(error)).refusal(Phase::Connect)
}

/// The relay does not let us in: a wrong login, or no way to log in that we know.
fn login_refused(error: lettre::transport::smtp::Error) -> Refusal {
    if error.status().is_none() && !error.is_client() {
        return refused(error);
    }
    let smtp_code = error.status().map(u16::from);
    // 4yz is the relay's own trouble with its list of users, and passes.
    let advice =
        if error.is_transient() { "" } else { "; check SMTP_USERNAME, SMTP_PASSWORD and SMTP_USE_TLS" };
    let detail = mask(&format!("login: {error}{advice}"));
    Refusal { class: Class::Relay, smtp_code, detail }
}

/// A failure of the relay, in our words.
fn trouble(detail: String) -> Refusal {
    Refusal { class: Class::Relay, smtp_code: None, detail }
}
