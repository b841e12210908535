//! What lies between the bytes on a connection and what they mean: nothing, or TLS. TLS is kept away from the socket,
//! so that both directions can go on at once, and so that its bytes can be held back.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::sync::{Mutex, PoisonError};

use native_tls::{HandshakeError, TlsAcceptor, TlsStream};

/// Of one connection.
pub enum Layer {
    /// Bytes are what they mean.
    Plain,
    /// Encrypted.
    Tls(Mutex<TlsStream<Pipe>>),
}

/// Takes the place of a socket.
#[derive(Debug, Default)]
pub struct Pipe {
    received: VecDeque<u8>,
    to_send: Vec<u8>,
}

impl Layer {
    /// TLS with a client: `receive` waits for what it sends next, and `send` lets it have something.
    ///
    /// # Errors
    /// When the client breaks off.
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

    /// What the client means by these bytes.
    ///
    /// # Errors
    /// When they mean nothing.
    pub fn open(&self, received: &[u8]) -> io::Result<Vec<u8>> {
        let Self::Tls(tls) = self else {
            return Ok(received.to_vec());
        };
        let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
        tls.get_mut().received.extend(received);
        let mut meaning = Vec::with_capacity(received.len());
        match tls.read_to_end(&mut meaning) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(meaning),
            outcome => outcome.map(|_| meaning),
        }
    }

    /// The bytes that say this to the client; none for nothing.
    ///
    /// # Errors
    /// When the connection is over.
    pub fn seal(&self, said: &[u8]) -> io::Result<Vec<u8>> {
        let Self::Tls(tls) = self else {
            return Ok(said.to_vec());
        };
        let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
        tls.write_all(said)?;
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
