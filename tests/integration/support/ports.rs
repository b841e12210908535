//! Ports that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};

/// A free port on loopback, below the range that outgoing connections take theirs from: a server can go away and
/// come back on it.
pub fn free_port() -> u16 {
    loop {
        let port = fastrand::u16(12_000..32_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
