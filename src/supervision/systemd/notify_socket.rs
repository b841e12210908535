//! The socket of a service manager that is told of states, as `sd_notify(3)` describes it. What is told is left to `systemd`.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Longest wait for a manager that takes nothing.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Where states are sent.
#[derive(Debug)]
pub(super) struct NotifySocket {
    address: SocketAddr,
    socket: UnixDatagram,
}

impl NotifySocket {
    /// The socket of this name: a path, or `@` and the name of an abstract one. Nothing is connected yet: a manager may be restarted.
    ///
    /// # Errors
    /// When it is the name of no socket, or there is no descriptor left.
    pub(super) fn open(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => abstract_address(name)?,
            None => SocketAddr::from_pathname(name)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(SEND_TIMEOUT))?;
        Ok(Self { address, socket })
    }

    /// Sends states such as `READY=1`, one a line.
    ///
    /// # Errors
    /// Those of sendmsg(2).
    pub(super) fn send(&self, states: &str) -> io::Result<()> {
        self.socket.send_to_addr(states.as_bytes(), &self.address).map(|_| ())
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "only Linux has sockets without a path"))
}
