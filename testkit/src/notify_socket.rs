//! A service manager's end of `NOTIFY_SOCKET`: what `sd_notify(3)` describes.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use uuid::Uuid;

use crate::wait::TIMEOUT;

/// An abstract socket.
pub struct NotifySocket {
    /// What `NOTIFY_SOCKET` has to be.
    pub name: String,
    socket: UnixDatagram,
}

impl NotifySocket {
    /// A socket of its own.
    pub fn new() -> Self {
        let name = format!("fanmail-test-{}", Uuid::now_v7().simple());
        let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Self { name: format!("@{name}"), socket }
    }

    /// Waits for a datagram that contains `state`. Returns all lines until then, and those of that datagram.
    #[track_caller]
    pub fn wait_for(&self, state: &str) -> Vec<String> {
        self.socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut lines = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let length = self.socket.recv(&mut buffer).unwrap_or_else(|error| {
                panic!("waited for {state:?}: {error}; told were: {lines:?}");
            });
            let states = std::str::from_utf8(&buffer[..length]).unwrap();
            lines.extend(states.lines().map(str::to_owned));
            if states.contains(state) {
                return lines;
            }
        }
    }

    /// The lines that were told and not read yet.
    pub fn told(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 4096];
        let mut lines = Vec::new();
        while let Ok(length) = self.socket.recv(&mut buffer) {
            lines.extend(String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned));
        }
        self.socket.set_nonblocking(false).unwrap();
        lines
    }

    /// Whether nothing is told from now on for so long.
    pub fn is_silent(&self, time: Duration) -> bool {
        self.told();
        self.socket.set_read_timeout(Some(time)).unwrap();
        self.socket.recv(&mut [0; 4096]).is_err()
    }
}
