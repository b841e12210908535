//! TCP connections to a broker or a relay. TLS is left to `tls`, protocols and read timeouts to the callers.

use std::io::{self, ErrorKind};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// Why there is no TCP connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The resolver does not know the host.
    #[error("{0}")]
    Unresolved(io::Error),
    /// No address of the host accepts a connection; the error of the last address.
    #[error("{0}")]
    Unreachable(io::Error),
}

/// Connects to the first address of `host` that accepts. Waits up to `timeout` for each address; the resolver has its
/// own limits. `TCP_NODELAY` is set: no small write waits for the other side's delayed ACK (Nagle's algorithm).
///
/// # Errors
/// When the host has no address, or none of its addresses accepts.
pub fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, ConnectError> {
    let addresses = (host, port).to_socket_addrs().map_err(ConnectError::Unresolved)?;
    let mut failure = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        let connected = TcpStream::connect_timeout(&address, timeout)
            .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(ConnectError::Unreachable(failure))
}
