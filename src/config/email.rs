//! The section of outgoing mail.

use std::path::PathBuf;
use std::time::Duration;

use super::Secret;

/// How mails leave, and what they look like.
#[derive(Debug, Clone)]
pub struct EmailConfig {
    /// Through a relay, or nowhere.
    pub route: Route,
    /// Address in `From:` and in the envelope (`FROM_EMAIL`); its domain also ends every Message-ID.
    pub from_email: String,
    /// Display name in `From:` (`FROM_NAME`); may be empty.
    pub from_name: String,
    /// Templates to use instead of the embedded ones (`TEMPLATES_DIR`).
    pub templates_dir: Option<PathBuf>,
    /// How many lanes work, each with one connection (`SMTP_CONNECTIONS`).
    pub connections: usize,
    /// Most mails per second over all lanes (`SMTP_RATE_PER_SECOND`); `None` is no limit.
    pub rate_per_second: Option<u32>,
}

/// Where mails go.
#[derive(Debug, Clone)]
pub enum Route {
    /// Nothing is sent; with an outbox (`EMAIL_OUTBOX_DIR`) each mail is written there.
    Dummy {
        /// Directory for the mails.
        outbox: Option<PathBuf>,
    },
    /// Through an SMTP relay.
    Smtp(Relay),
}

/// One SMTP relay and how to talk to it.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Name or address (`SMTP_HOST`).
    pub host: String,
    /// Port (`SMTP_PORT`).
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User name and password, when the relay wants them.
    pub credentials: Option<(String, Secret)>,
    /// Mails after which a connection is renewed (`SMTP_MAX_PER_CONNECTION`).
    pub max_per_connection: u32,
    /// Longest wait for one reply or one write (`SMTP_TIMEOUT`).
    pub timeout: Duration,
    /// A connection unused for this long is closed (`SMTP_IDLE_TIMEOUT`).
    pub idle_timeout: Duration,
}

/// How a connection to the relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Not at all.
    Plain,
    /// STARTTLS, required (RFC 3207).
    StartTls,
    /// TLS from the first byte, as on port 465 (RFC 8314).
    ImplicitTls,
}
