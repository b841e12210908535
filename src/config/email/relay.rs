//! The relay: host, port, the name in EHLO, and how long a reply may take. TLS is read in `security`, the login in `login`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use crate::config::ca_certificates::CaCertificates;
use crate::config::email::login::Login;
use crate::config::email::security::Security;
use crate::config::reader::{Reader, is_loopback};

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
    /// The name in EHLO (`SMTP_HELO_NAME`); `None` is the host's name.
    pub helo_name: Option<String>,
    /// How to log in, when the relay wants it.
    pub login: Option<Login>,
    /// Mails after which a connection is renewed (`SMTP_MAX_PER_CONNECTION`).
    pub max_per_connection: u32,
    /// Longest wait for a connection, a reply or a write (`SMTP_TIMEOUT`).
    pub timeout: Duration,
    /// Longest wait for the reply to a body (`SMTP_DATA_TIMEOUT`).
    pub data_timeout: Duration,
    /// A connection unused for this long is closed (`SMTP_IDLE_TIMEOUT`).
    pub idle_timeout: Duration,
}

impl Relay {
    /// Whether mails and the password cross a network unencrypted.
    #[must_use]
    pub fn is_plaintext_off_host(&self) -> bool {
        self.security == Security::Plain && !is_loopback(&self.host)
    }

    /// Reads `SMTP_…`. Dry-run mode needs none of them, but an invalid value is a problem even then.
    pub(super) fn read(reader: &mut Reader<'_>, dummy: bool) -> Self {
        let host = reader.host("SMTP_HOST");
        if host.is_none() && !dummy {
            reader.problem(
                "SMTP_HOST",
                "is not set; expected the host of your relay, or EMAIL_DUMMY_MODE=True to send no mail"
                    .to_owned(),
            );
        }
        let port = reader.integer("SMTP_PORT", &(1..=u16::MAX)).unwrap_or(587);
        let security = Security::read(reader, port);
        let ca_certificates = CaCertificates::read(reader, "SMTP_CA_FILE");
        if ca_certificates.is_some() && security == Security::Plain {
            Security::refuse_ca_file(reader);
        }
        let login = Login::read(reader, dummy);
        Self {
            host: host.unwrap_or_default(),
            port,
            security,
            ca_certificates,
            helo_name: read_helo_name(reader),
            login,
            max_per_connection: reader.integer("SMTP_MAX_PER_CONNECTION", &(1..=1_000_000)).unwrap_or(100),
            timeout: reader.seconds("SMTP_TIMEOUT", 60, &(0.1..=3_600.0)),
            data_timeout: reader.seconds("SMTP_DATA_TIMEOUT", 600, &(0.1..=3_600.0)),
            idle_timeout: reader.seconds("SMTP_IDLE_TIMEOUT", 30, &(0.1..=3_600.0)),
        }
    }

    /// A relay on this machine in plain text and without a login.
    #[cfg(test)]
    #[must_use]
    pub fn on_loopback(port: u16) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port,
            security: Security::Plain,
            ca_certificates: CaCertificates::default(),
            helo_name: None,
            login: None,
            max_per_connection: 100,
            timeout: Duration::from_secs(10),
            data_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
        }
    }
}

fn read_helo_name(reader: &mut Reader<'_>) -> Option<String> {
    let expected = "a domain name such as mail.example.org, or an address in brackets such as [192.0.2.1] or \
                    [IPv6:2001:db8::1]";
    reader.parsed("SMTP_HELO_NAME", expected, |value| {
        (is_domain_name(value) || is_address_literal(value)).then(|| value.to_owned())
    })
}

/// A `Domain` of RFC 5321 section 4.1.2. A number as the last label would be an address without brackets.
fn is_domain_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last_label = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 255
        && text.split('.').all(is_label)
        && !last_label.bytes().all(|byte| byte.is_ascii_digit())
}

/// An `address-literal` of RFC 5321 section 4.1.3.
fn is_address_literal(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default();
    inner
        .strip_prefix("IPv6:")
        .map_or_else(|| inner.parse::<Ipv4Addr>().is_ok(), |address| address.parse::<Ipv6Addr>().is_ok())
}
