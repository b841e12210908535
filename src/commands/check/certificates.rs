//! How long the certificates of broker, relay and database are valid. Reading one is left to `peer`.

use std::time::Duration;

use chrono::{TimeDelta, Utc};

use crate::commands::check::certificates::peer::{Begin, Peer, read};
use crate::commands::check::finding::Finding;
use crate::commands::check::parts::Parts;
use crate::config::Config;
#[cfg(any(feature = "mysql", feature = "postgres"))]
use crate::config::database::Backend;
use crate::config::email::Route;
use crate::config::email::security::Security;

mod peer;

/// A certificate that ends earlier than this should be renewed now: those of Let's Encrypt are renewed 30 days before their end.
const SOON: TimeDelta = TimeDelta::days(14);

/// Longest wait for a connection, and for each step on it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Looks at each server that is asked over TLS. Sends no password. One that does not work is left to its own check.
pub fn check(parts: &Parts<'_>) -> Finding {
    let (mut valid, mut warnings, mut ended, mut notes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for peer in peers(parts) {
        if parts.is_failed(peer.part) {
            notes.push(format!("{}: not checked, because it does not work: see there", peer.part));
            continue;
        }
        match read(&peer, TIMEOUT) {
            Ok(None) => {}
            Ok(Some(left)) if left <= TimeDelta::zero() => {
                ended.push(format!("{}; renew it on the server", told(&peer, left)));
            }
            Ok(Some(left)) if left < SOON => {
                warnings.push(format!("{}; renew it on the server", told(&peer, left)));
            }
            Ok(Some(left)) => valid.push(told(&peer, left)),
            Err(cause) => notes.push(format!(
                "the certificate of the {} ({}) cannot be read: {cause}",
                peer.part,
                peer.address()
            )),
        }
    }
    let finding = if !ended.is_empty() {
        Finding::fails(ended.join("\n"))
    } else if valid.is_empty() && warnings.is_empty() {
        Finding::skipped(if notes.is_empty() {
            "no connection uses TLS"
        } else {
            "no certificate could be read"
        })
    } else if valid.is_empty() {
        Finding::works("none has ended")
    } else {
        Finding::works(valid.join("; "))
    };
    finding.with_warnings(warnings).with_notes(notes)
}

/// Until when a certificate is valid, or was.
fn told(peer: &Peer, left: TimeDelta) -> String {
    let now = Utc::now();
    let end = (now + left).date_naive();
    let (part, address) = (peer.part, peer.address());
    match (end - now.date_naive()).num_days() {
        _ if left <= TimeDelta::zero() => {
            format!("the certificate of the {part} ({address}) has ended on {end}")
        }
        0 => format!("the certificate of the {part} ({address}) ends today, on {end}"),
        1 => format!("the certificate of the {part} ({address}) ends tomorrow, on {end}"),
        days if left < SOON => {
            format!("the certificate of the {part} ({address}) ends in {days} days, on {end}")
        }
        days => format!("{part} ({address}): until {end}, {days} days"),
    }
}

fn peers(parts: &Parts<'_>) -> Vec<Peer> {
    let Config { broker, email, .. } = parts.config;
    let mut peers = Vec::new();
    if broker.tls && !parts.outbox_only {
        let hosts = broker.hosts.iter();
        peers.extend(hosts.map(|host| Peer::new("broker", &host.name, host.port, Begin::Tls)));
    }
    if let Route::Smtp(relay) = &email.route {
        let begin = match relay.security {
            Security::Plain => None,
            Security::ImplicitTls => Some(Begin::Tls),
            Security::StartTls | Security::AnyTls => Some(Begin::Smtp),
        };
        peers.extend(begin.map(|begin| Peer::new("relay", &relay.host, relay.port, begin)));
    }
    peers.extend(database(parts.config));
    peers
}

/// The server of the database, unless it is on a Unix socket or TLS is turned off.
fn database(config: &Config) -> Option<Peer> {
    match &config.database.backend {
        #[cfg(feature = "postgres")]
        Backend::Postgres(server) => {
            let setting = |name: &str| {
                server.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
            };
            let host = setting("host")?
                .split(',')
                .next()
                .filter(|host| !host.is_empty() && !host.starts_with(['/', '@']))?;
            let port =
                setting("port").and_then(|ports| ports.split(',').next()?.parse().ok()).unwrap_or(5432);
            (setting("sslmode") != Some("disable"))
                .then(|| Peer::new("database", host, port, Begin::Postgres))
        }
        #[cfg(feature = "mysql")]
        Backend::Mysql(server) => {
            use crate::config::database::mysql::MysqlTls;
            let has_tls = server.unix_socket.is_none() && server.tls != MysqlTls::Disabled;
            has_tls.then(|| Peer::new("database", &server.host, server.port, Begin::Mysql))
        }
        _ => None,
    }
}
