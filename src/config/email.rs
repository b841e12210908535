//! The section of outgoing mail: sender, templates, and the relay or the dry-run mode.

use std::path::PathBuf;
use std::time::Duration;

use lettre::Address;

use crate::config::ca_certificates::CaCertificates;
use crate::config::reader::{Reader, is_loopback};
use crate::config::secret::Secret;

/// Sender, templates and route of mails.
#[derive(Debug, Clone)]
pub struct EmailConfig {
    /// Through a relay, or dry-run mode.
    pub route: Route,
    /// Address in `From:` and in the envelope (`FROM_EMAIL`); its domain also ends every Message-ID.
    pub from_email: String,
    /// Display name in `From:` (`FROM_NAME`); may be empty.
    pub from_name: String,
    /// Templates to use instead of the embedded ones (`TEMPLATES_DIR`).
    pub templates_dir: Option<PathBuf>,
    /// Lanes, each with one connection (`SMTP_CONNECTIONS`).
    pub connections: usize,
    /// Most mails per second over all lanes (`SMTP_RATE_PER_SECOND`); `None` is no limit.
    pub rate_per_second: Option<u32>,
}

/// How mails leave.
#[derive(Debug, Clone)]
pub enum Route {
    /// Dry-run mode (`EMAIL_DUMMY_MODE`): no mail is sent; with `EMAIL_OUTBOX_DIR` each mail is written to a file.
    Dummy {
        /// Directory for the mails.
        outbox: Option<PathBuf>,
    },
    /// Through an SMTP relay.
    Smtp(Relay),
}

/// An SMTP relay, and how to connect to it.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Host name or address (`SMTP_HOST`).
    pub host: String,
    /// Port (`SMTP_PORT`).
    pub port: u16,
    /// Whether and when the connection uses TLS.
    pub security: Security,
    /// Authorities that are trusted in addition to the system's (`SMTP_CA_FILE`).
    pub ca_certificates: CaCertificates,
    /// User name and password, when the relay wants them.
    pub credentials: Option<(String, Secret)>,
    /// Mails after which a connection is renewed (`SMTP_MAX_PER_CONNECTION`).
    pub max_per_connection: u32,
    /// Longest wait for a connection, a reply or a write (`SMTP_TIMEOUT`).
    pub timeout: Duration,
    /// A connection unused for this long is closed (`SMTP_IDLE_TIMEOUT`).
    pub idle_timeout: Duration,
}

impl Relay {
    /// Whether mails and the password cross a network unencrypted.
    #[must_use]
    pub fn is_plaintext_off_host(&self) -> bool {
        self.security == Security::Plain && !is_loopback(&self.host)
    }
}

impl EmailConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let dummy = reader.flag("EMAIL_DUMMY_MODE").unwrap_or(true);
        let outbox = reader.path("EMAIL_OUTBOX_DIR");
        let relay = Relay::read(reader, dummy);
        Self {
            from_email: read_from_email(reader, dummy),
            from_name: reader
                .parsed("FROM_NAME", "a name on one line", |value| {
                    (!value.chars().any(char::is_control)).then(|| value.to_owned())
                })
                .unwrap_or_default(),
            templates_dir: reader.path("TEMPLATES_DIR"),
            connections: reader.integer("SMTP_CONNECTIONS", &(1..=100)).unwrap_or(4),
            rate_per_second: reader.integer("SMTP_RATE_PER_SECOND", &(1..=1_000_000)),
            route: if dummy { Route::Dummy { outbox } } else { Route::Smtp(relay) },
        }
    }
}

impl Relay {
    /// Reads `SMTP_…`. Dry-run mode needs none of them, but an invalid value is a problem even then.
    fn read(reader: &mut Reader<'_>, dummy: bool) -> Self {
        let host = reader.host("SMTP_HOST");
        if host.is_none() && !dummy {
            reader.problem(
                "SMTP_HOST",
                "is not set; expected the host of your relay, or EMAIL_DUMMY_MODE=True to send no mail"
                    .to_owned(),
            );
        }
        let port = reader.integer("SMTP_PORT", &(1..=u16::MAX)).unwrap_or(587);
        let security = read_security(reader, port);
        let ca_certificates = CaCertificates::read(reader, "SMTP_CA_FILE");
        if ca_certificates.is_some() && security == Security::Plain {
            let sentence = "is False, but SMTP_CA_FILE is set; expected True, or no SMTP_CA_FILE";
            reader.problem("SMTP_USE_TLS", sentence.to_owned());
        }
        let host = host.unwrap_or_default();
        let credentials = read_credentials(reader, dummy);
        Self {
            host,
            port,
            security,
            ca_certificates,
            credentials,
            max_per_connection: reader.integer("SMTP_MAX_PER_CONNECTION", &(1..=1_000_000)).unwrap_or(100),
            timeout: reader.seconds("SMTP_TIMEOUT", 60, &(0.1..=3_600.0)),
            idle_timeout: reader.seconds("SMTP_IDLE_TIMEOUT", 30, &(0.1..=3_600.0)),
        }
    }
}

/// Reads `SMTP_USE_TLS`: plain text only if it is `False`.
fn read_security(reader: &mut Reader<'_>, port: u16) -> Security {
    let tls = reader.flag("SMTP_USE_TLS").unwrap_or(true);
    match (tls, port) {
        (true, 465) => Security::ImplicitTls,
        (true, _) => Security::StartTls,
        (false, 465) => {
            reader.problem(
                "SMTP_USE_TLS",
                "is False, but on SMTP_PORT 465 TLS begins with the first byte (RFC 8314); expected True, or \
                 another port"
                    .to_owned(),
            );
            Security::ImplicitTls
        }
        (false, _) => Security::Plain,
    }
}

/// Reads user name and password: both, or neither.
fn read_credentials(reader: &mut Reader<'_>, dummy: bool) -> Option<(String, Secret)> {
    let username = reader.text("SMTP_USERNAME");
    let password = reader.secret("SMTP_PASSWORD");
    let (missing, present) = match (username, password) {
        (Some(username), Some(password)) => return Some((username, password)),
        (None, None) => return None,
        (Some(_), None) => ("SMTP_PASSWORD", "SMTP_USERNAME"),
        (None, Some(_)) => ("SMTP_USERNAME", "SMTP_PASSWORD"),
    };
    if !dummy {
        reader.problem(
            missing,
            format!("is not set, but {present} is; expected both, or neither if the relay needs no login"),
        );
    }
    None
}

/// Reads `FROM_EMAIL`. Only dry-run mode has a default.
fn read_from_email(reader: &mut Reader<'_>, dummy: bool) -> String {
    let expected = "one address such as events@example.org, without a name; write a domain with non-ASCII letters in \
                    its xn-- form";
    let address = reader.parsed("FROM_EMAIL", expected, |value| {
        (value.is_ascii() && value.parse::<Address>().is_ok()).then(|| value.to_owned())
    });
    if address.is_none() && !dummy {
        reader.problem("FROM_EMAIL", "is not set; expected the sender's address of your mails".to_owned());
    }
    address.unwrap_or_else(|| "noreply@example.com".to_owned())
}

/// TLS on a connection to the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// No TLS.
    Plain,
    /// STARTTLS, required: no mail without TLS (RFC 3207).
    StartTls,
    /// TLS from the first byte, as on port 465 (RFC 8314).
    ImplicitTls,
}
