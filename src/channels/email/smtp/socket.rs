//! A TCP socket with a deadline: reading and writing fail after it, even if single bytes keep coming. Lines, replies and
//! TLS are left to `stream`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// How often a socket that waits looks at its deadline, so how late a timeout may come.
const TICK: Duration = Duration::from_secs(1);

/// A socket that fails after its deadline.
pub(crate) struct Socket {
    tcp: TcpStream,
    /// When reading and writing end.
    pub deadline: Instant,
    /// Whether a wait returns about once a second as [`ErrorKind::WouldBlock`], also before the deadline.
    pub ticks: bool,
    /// The first byte that was received since the last reset; 0 for none. Shared, because a failed TLS handshake drops
    /// the socket.
    pub first_byte: Arc<AtomicU8>,
}

impl Socket {
    /// The socket of a connection, with the same timeout for reading and for writing.
    ///
    /// # Errors
    /// When the timeouts cannot be set.
    pub fn new(tcp: TcpStream, timeout: Duration) -> io::Result<Self> {
        let deadline = Instant::now() + timeout;
        let socket = Self { tcp, deadline, ticks: false, first_byte: Arc::default() };
        socket.set_timeout(timeout)?;
        Ok(socket)
    }

    /// Sets how long a single wait may take.
    ///
    /// # Errors
    /// When the timeouts cannot be set.
    pub fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.tcp.set_read_timeout(Some(timeout.min(TICK)))?;
        self.tcp.set_write_timeout(Some(timeout))
    }

    /// Whether anything can be read within `patience`, the end of the connection included. Reads nothing. Afterwards
    /// the timeouts must be set again.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn is_readable_within(&self, patience: Duration) -> io::Result<bool> {
        self.tcp.set_read_timeout(Some(patience))?;
        match self.tcp.peek(&mut [0]) {
            Ok(_) => Ok(true),
            Err(error) if is_timeout(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// After the deadline: the error of a socket whose timeout is over.
    pub fn check_deadline(&self) -> io::Result<()> {
        if Instant::now() < self.deadline { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.check_deadline()?;
            match self.tcp.read(buffer) {
                Err(error) if is_timeout(&error) && !self.ticks => {}
                Ok(count) if count > 0 && self.first_byte.load(Ordering::Relaxed) == 0 => {
                    self.first_byte.store(buffer[0], Ordering::Relaxed);
                    return Ok(count);
                }
                other => return other,
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.check_deadline()?;
        self.tcp.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// Whether the timeout of the socket is over. Its kind of error depends on the platform.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
