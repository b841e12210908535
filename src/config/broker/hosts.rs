//! The hosts of the broker: one, or several of a cluster with commas between them, each with a port of its own or without.

use std::fmt;

use crate::config::reader::parse_host;

/// What a list of hosts looks like, for errors.
pub(super) const EXPECTED: &str = "a host name or an address, without scheme; or several with commas, each with :port if it has one of its own";

/// A host of the broker, and its port. Shown as `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerHost {
    /// Name or address; an IPv6 address is without brackets.
    pub name: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for BrokerHost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, port } = self;
        if name.contains(':') { write!(out, "[{name}]:{port}") } else { write!(out, "{name}:{port}") }
    }
}

/// A host as it is written: its port may be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenHost {
    /// Name or address; an IPv6 address is without brackets.
    pub name: String,
    /// Its own port.
    pub port: Option<u16>,
}

impl WrittenHost {
    /// With this port, unless it has one of its own.
    pub(super) fn with_port(self, port: u16) -> BrokerHost {
        BrokerHost { name: self.name, port: self.port.unwrap_or(port) }
    }
}

/// Reads hosts with commas between them; `None` if one of them is none.
pub(super) fn parse(list: &str) -> Option<Vec<WrittenHost>> {
    list.split(',').map(|host| parse_one(host.trim())).collect()
}

/// `::1:5672` is an address without a port (RFC 4291 section 2.2); with a port it needs brackets.
fn parse_one(host: &str) -> Option<WrittenHost> {
    if let Some(name) = parse_host(host) {
        return Some(WrittenHost { name, port: None });
    }
    let (name, port) = host.rsplit_once(':')?;
    let is_whole = !name.contains(':') || name.starts_with('[') && name.ends_with(']');
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_whole && is_number && *port > 0)?;
    Some(WrittenHost { name: parse_host(name)?, port: Some(port) })
}
