//! A socket of the server, in plain text or with TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use native_tls::{TlsAcceptor, TlsStream};

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// With STARTTLS (RFC 3207), which is announced and required.
    StartTls,
    /// With the first byte (RFC 8314).
    Implicit,
}

/// A socket, or TLS on a socket.
pub(super) enum Stream {
    /// Plain text.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Starts TLS on the connection.
    ///
    /// # Errors
    /// When the client breaks off the handshake.
    pub fn encrypted(&self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        let socket = self.socket().try_clone()?;
        let accepted = acceptor.accept(socket).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self::Tls(Box::new(accepted)))
    }

    /// The socket.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref(),
        }
    }

    /// Closes the direction to the client.
    pub fn end(&mut self) -> io::Result<()> {
        if let Self::Tls(stream) = self {
            stream.shutdown()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(buffer),
            Self::Tls(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
