//! Whether and when a connection to the relay uses TLS: `SMTP_SECURITY`, or `SMTP_USE_TLS`, the older name that leaves it
//! to the port.

use crate::config::reader::Reader;

/// TLS on a connection to the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// No TLS.
    Plain,
    /// STARTTLS, required: no mail without TLS (RFC 3207).
    StartTls,
    /// TLS from the first byte, as on port 465 (RFC 8314).
    ImplicitTls,
    /// One of the two, required. STARTTLS, or TLS from the first byte on a port where the relay sends no greeting.
    AnyTls,
}

impl Security {
    /// Reads `SMTP_SECURITY` and `SMTP_USE_TLS`: plain text only if one of them asks for it.
    pub(super) fn read(reader: &mut Reader<'_>, port: u16) -> Self {
        let tls = reader.flag("SMTP_USE_TLS");
        let security = reader.parsed("SMTP_SECURITY", "starttls, tls or none", Self::parse);
        let Some(security) = security else {
            return Self::by_port(reader, tls.unwrap_or(true), port);
        };
        if tls.is_some_and(|tls| tls == (security == Self::Plain)) {
            let (word, flag) = if security == Self::Plain { ("none", "True") } else { ("TLS", "False") };
            reader.problem(
                "SMTP_SECURITY",
                format!("asks for {word}, but SMTP_USE_TLS is {flag}; remove SMTP_USE_TLS, SMTP_SECURITY is enough"),
            );
        }
        security
    }

    fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "starttls" => Some(Self::StartTls),
            "tls" => Some(Self::ImplicitTls),
            "none" => Some(Self::Plain),
            _ => None,
        }
    }

    /// What `SMTP_USE_TLS` means on this port.
    fn by_port(reader: &mut Reader<'_>, tls: bool, port: u16) -> Self {
        match (tls, port) {
            (true, 465) => Self::ImplicitTls,
            (true, _) => Self::AnyTls,
            (false, 465) => {
                reader.problem(
                    "SMTP_USE_TLS",
                    "is False, but on SMTP_PORT 465 TLS begins with the first byte (RFC 8314); expected True, or \
                     another port"
                        .to_owned(),
                );
                Self::ImplicitTls
            }
            (false, _) => Self::Plain,
        }
    }

    /// Adds the problem of a CA file that plain text does not use.
    pub(super) fn refuse_ca_file(reader: &mut Reader<'_>) {
        let (variable, value, expected) = if reader.text("SMTP_SECURITY").is_some() {
            ("SMTP_SECURITY", "none", "starttls or tls")
        } else {
            ("SMTP_USE_TLS", "False", "True")
        };
        let sentence =
            format!("is {value}, but SMTP_CA_FILE is set; expected {expected}, or no SMTP_CA_FILE");
        reader.problem(variable, sentence);
    }
}
