//! TCP connections to a broker or a relay. Races the addresses of a host, so that a dead one costs no timeout (RFC 8305).
//! TLS is left to `tls`, protocols and read timeouts to the callers.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Head start of each attempt before the next address is tried as well (RFC 8305 section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// Why there is no TCP connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The resolver does not know the host.
    #[error("{0}")]
    Unresolved(io::Error),
    /// No address of the host accepts a connection. `ConnectionRefused` means that no address was out of reach, but for a
    /// family that this machine has no network of (`NetworkUnreachable`).
    #[error("{0}")]
    Unreachable(io::Error),
}

/// Connects to the address of `host` that accepts first: the families take turns, and each attempt has a head start of
/// 250 ms. Waits up to `timeout` for all of them; the resolver has its own limits. `TCP_NODELAY` is set: no small write
/// waits for the other side's delayed ACK (Nagle's algorithm).
///
/// # Errors
/// When the host has no address, or none of its addresses accepts.
pub fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, ConnectError> {
    let addresses = (host, port).to_socket_addrs().map_err(ConnectError::Unresolved)?;
    let addresses = alternate_families(addresses.collect());
    let connected = match addresses[..] {
        [only] => TcpStream::connect_timeout(&only, timeout),
        _ => race(&addresses, timeout),
    };
    connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream)).map_err(ConnectError::Unreachable)
}

/// The addresses with IPv6 and IPv4 by turns. The first one remains the first (RFC 8305 section 4).
fn alternate_families(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_family = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_family);
    let mut second = second.into_iter();
    let mut ordered = Vec::new();
    for address in first {
        ordered.push(address);
        ordered.extend(second.next());
    }
    ordered.extend(second);
    ordered
}

/// Connects to the first of the addresses that accepts. An attempt that fails starts the next one at once. Without
/// threads, so that an attempt that was overtaken ends with the race.
fn race(addresses: &[SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    let deadline = Instant::now() + timeout;
    let mut untried = addresses.iter().peekable();
    let mut attempts: Vec<TcpStream> = Vec::new();
    let mut next_start = Instant::now();
    let mut failure: Option<io::Error> = None;
    loop {
        let now = Instant::now();
        if now >= deadline {
            return Err(ErrorKind::TimedOut.into());
        }
        if attempts.is_empty() || now >= next_start {
            match untried.next().map(|address| begin(*address)) {
                Some(Ok(attempt)) => {
                    attempts.push(attempt);
                    next_start = now + HEAD_START;
                }
                // The next one at once.
                Some(Err(error)) => {
                    failure = Some(worse(failure, error));
                    continue;
                }
                None if attempts.is_empty() => {
                    return Err(failure
                        .unwrap_or_else(|| io::Error::new(ErrorKind::NotFound, "the host has no address")));
                }
                None => {}
            }
        }
        let until = if untried.peek().is_some() { deadline.min(next_start) } else { deadline };
        for ready in wait(&attempts, until)?.into_iter().rev() {
            match finish(attempts.swap_remove(ready)) {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Some(worse(failure, error)),
            }
            next_start = Instant::now();
        }
    }
}

/// Of two addresses' errors the one to report: a host that is out of reach hides whether it refuses.
fn worse(known: Option<io::Error>, new: io::Error) -> io::Error {
    let rank = |error: &io::Error| match error.kind() {
        ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable => 0,
        ErrorKind::ConnectionRefused => 1,
        _ => 2,
    };
    match known {
        Some(known) if rank(&known) > rank(&new) => known,
        _ => new,
    }
}

/// Sends the SYN, and does not wait.
fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

/// The attempts that were accepted or refused, once there are any, or none at `until`; lowest index first.
fn wait(attempts: &[TcpStream], until: Instant) -> io::Result<Vec<usize>> {
    let mut polled: Vec<PollFd<'_>> =
        attempts.iter().map(|attempt| PollFd::new(attempt, PollFlags::OUT)).collect();
    let remaining = until.saturating_duration_since(Instant::now());
    let timeout = Timespec::try_from(remaining).map_err(io::Error::other)?;
    match poll(&mut polled, Some(&timeout)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let is_ready = |polled: &PollFd<'_>| !polled.revents().is_empty();
    Ok(polled.iter().enumerate().filter(|(_, polled)| is_ready(polled)).map(|(index, _)| index).collect())
}

/// The connection of an attempt that was accepted.
fn finish(attempt: TcpStream) -> io::Result<TcpStream> {
    match attempt.take_error()? {
        Some(error) => Err(error),
        None => attempt.set_nonblocking(false).map(|()| attempt),
    }
}

#[cfg(test)]
mod tests;
