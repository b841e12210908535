//! Plain text or TLS between the bytes of a connection and their content. The TLS works on buffers and not on the
//! socket, so that both directions run at once and its bytes can be delayed.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::sync::Mutex;

use native_tls::{HandshakeError, TlsAcceptor, TlsStream};

use crate::sync::lock;

/// The layer of one connection.
pub enum Layer {
    /// The bytes are the content.
    Plain,
    /// TLS.
    Tls(Mutex<TlsStream<Pipe>>),
}

/// Buffers in place of a socket.
#[derive(Debug, Default)]
pub struct Pipe {
    received: VecDeque<u8>,
    to_send: Vec<u8>,
}

impl Layer {
    /// TLS with a client. `receive` waits for its next bytes, and `send` sends it bytes.
    ///
    /// # Errors
    /// When the client breaks off the handshake.
    pub fn encrypted(
        acceptor: &TlsAcceptor,
        mut receive: impl FnMut() -> io::Result<Vec<u8>>,
        mut send: impl FnMut(Vec<u8>),
    ) -> io::Result<Self> {
        let mut attempt = acceptor.accept(Pipe::default());
        loop {
            match attempt {
                Ok(mut tls) => {
                    send(mem::take(&mut tls.get_mut().to_send));
                    return Ok(Self::Tls(Mutex::new(tls)));
                }
                Err(HandshakeError::Failure(error)) => return Err(io::Error::other(error)),
                Err(HandshakeError::WouldBlock(mut handshake)) => {
                    let pipe = handshake.get_mut();
                    if !pipe.to_send.is_empty() {
                        send(mem::take(&mut pipe.to_send));
                    }
                    let received = receive()?;
                    if received.is_empty() {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    pipe.received.extend(received);
                    attempt = handshake.handshake();
                }
            }
        }
    }

    /// The content of these bytes of the client.
    ///
    /// # Errors
    /// When they cannot be decrypted.
    pub fn decrypt(&self, received: &[u8]) -> io::Result<Vec<u8>> {
        let Self::Tls(tls) = self else {
            return Ok(received.to_vec());
        };
        let mut tls = lock(tls);
        tls.get_mut().received.extend(received);
        let mut content = Vec::with_capacity(received.len());
        match tls.read_to_end(&mut content) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(content),
            outcome => outcome.map(|_| content),
        }
    }

    /// The bytes that carry this content to the client; empty for no content.
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn encrypt(&self, content: &[u8]) -> io::Result<Vec<u8>> {
        let Self::Tls(tls) = self else {
            return Ok(content.to_vec());
        };
        let mut tls = lock(tls);
        tls.write_all(content)?;
        Ok(mem::take(&mut tls.get_mut().to_send))
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.received.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.received.read(buffer)
    }
}

impl Write for Pipe {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.to_send.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
