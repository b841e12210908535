//! Reads lines and sends replies. Replies to a pipelined group are sent together, as real servers do.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use native_tls::TlsAcceptor;

use crate::smtp::stream::Stream;

/// A connection to a client.
pub struct Connection {
    stream: Stream,
    input: Vec<u8>,
    /// How much of `input` was read.
    taken: usize,
    output: Vec<u8>,
    /// Pause before each group of replies.
    delay: Duration,
}

impl Connection {
    /// A connection over an accepted socket.
    pub fn new(stream: TcpStream, delay: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream: Stream::Plain(stream), input: Vec::new(), taken: 0, output: Vec::new(), delay })
    }

    /// Sends the replies, then starts TLS. What the client has sent before is discarded (RFC 3207 section 4.2).
    ///
    /// # Errors
    /// When the client breaks off the handshake, as it does when it does not trust the certificate.
    pub fn encrypt(&mut self, acceptor: &TlsAcceptor) -> io::Result<()> {
        self.flush()?;
        self.stream = self.stream.encrypted(acceptor)?;
        self.input.clear();
        self.taken = 0;
        Ok(())
    }

    /// Whether TLS is on.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// The next line with its end, CRLF or LF. Sends the replies before it waits.
    pub fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = self.taken;
        loop {
            if let Some(length) = self.input[searched..].iter().position(|byte| *byte == b'\n') {
                let end = searched + length + 1;
                let line = self.input[self.taken..end].to_vec();
                self.taken = end;
                return Ok(line);
            }
            self.flush()?;
            self.input.drain(..self.taken);
            self.taken = 0;
            searched = self.input.len();
            if self.receive()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn receive(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let length = self.stream.read(&mut chunk)?;
        self.input.extend_from_slice(&chunk[..length]);
        Ok(length)
    }

    /// Whether the client has sent more than was read.
    pub fn has_unread(&self) -> bool {
        self.taken < self.input.len()
    }

    /// Reads what has arrived, without waiting.
    ///
    /// # Errors
    /// When the client has closed the connection.
    pub fn receive_available(&mut self) -> io::Result<()> {
        self.stream.socket().set_nonblocking(true)?;
        let outcome = loop {
            match self.receive() {
                Ok(0) => break Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.stream.socket().set_nonblocking(false)?;
        outcome
    }

    /// Lets this time pass.
    ///
    /// # Errors
    /// When the client closes the connection meanwhile.
    pub fn wait(&mut self, time: Duration) -> io::Result<()> {
        self.flush()?;
        let end = Instant::now() + time;
        while Instant::now() < end {
            thread::sleep(end.saturating_duration_since(Instant::now()).min(Duration::from_millis(5)));
            self.receive_available()?;
        }
        Ok(())
    }

    /// Adds a reply to the group that is sent next.
    pub fn reply(&mut self, text: &(impl AsRef<[u8]> + ?Sized)) {
        self.output.extend_from_slice(text.as_ref());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Sends the group of replies.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            thread::sleep(self.delay);
            self.stream.write_all(&self.output)?;
            self.output.clear();
        }
        Ok(())
    }

    /// Sends the last reply and closes the connection so that the client can read the reply: a close with unread input
    /// would reset the connection and could destroy the reply.
    pub fn hang_up(mut self) -> io::Result<()> {
        self.flush()?;
        self.stream.end()?;
        while self.receive()? > 0 {
            self.input.clear();
        }
        Ok(())
    }
}
