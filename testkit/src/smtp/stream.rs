//! A connection of the server's, in plain text or in TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use native_tls::{TlsAcceptor, TlsStream};

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// After STARTTLS (RFC 3207), which is offered; nothing else goes before it.
    StartTls,
    /// With the first byte (RFC 8314).
    Implicit,
}

/// What bytes come from and go to.
pub enum Stream {
    /// As they are.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The same connection, encrypted from here on.
    ///
    /// # Errors
    /// When the client does not want to, after all.
    pub fn encrypted(&self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        let socket = self.socket().try_clone()?;
        let accepted = acceptor.accept(socket).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self::Tls(Box::new(accepted)))
    }

    /// The connection below.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref(),
        }
    }

    /// No more will be written.
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
