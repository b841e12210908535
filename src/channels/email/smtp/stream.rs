//! The TCP or TLS stream to the relay: connects, writes, reads replies (RFC 5321 section 4.2). Each step ends in bounded
//! time and memory, whatever the relay does. Knows no commands.
//!
//! lettre's own connection bounds neither: it reads a line of any length, restarts its timeout with each byte, and sets
//! its timeouts only after the TLS handshake. It also accepts as the first reply under TLS what an attacker has put
//! behind the reply to STARTTLS in plain text.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use native_tls::{HandshakeError, TlsConnector, TlsStream};

use crate::channels::email::smtp::reply::Reply;
use crate::net::{self, ConnectError};
use crate::text::clean::{cut, one_line};
use crate::tls::certificate_error;

/// Longest reply, in bytes, all lines together. RFC 5321 section 4.5.3.1.5 allows 512 bytes a line.
const REPLY_MAX: usize = 64 * 1024;

/// Characters of a line without a code that an error shows.
const SHOWN_MAX: usize = 80;

/// What the user should check when the TLS handshake fails.
const CHECK_PORT: &str = "SMTP_PORT 465 begins with TLS, other ports begin with STARTTLS";

/// The cause in [`Reply::Lost`] after a timeout.
const TIMED_OUT: &str = "no answer within SMTP_TIMEOUT";

/// One connection.
pub(crate) struct RelayStream {
    stream: Stream,
    /// Received bytes that are not read yet.
    received: Vec<u8>,
    timeout: Duration,
}

enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// Closed by a failed handshake.
    Closed,
}

/// A socket that fails after the deadline, even if single bytes keep coming.
struct Socket {
    tcp: TcpStream,
    deadline: Instant,
}

impl RelayStream {
    /// Connects to the first address of the host that accepts.
    ///
    /// # Errors
    /// The cause, for users.
    pub fn connect(host: &str, port: u16, timeout: Duration) -> Result<Self, String> {
        let tcp = net::connect(host, port, timeout).map_err(|error| match error {
            ConnectError::Unresolved(error) => error.to_string(),
            ConnectError::Unreachable(error) => describe(&error),
        })?;
        let socket = Socket::new(tcp, timeout).map_err(|error| describe(&error))?;
        Ok(Self { stream: Stream::Plain(socket), received: Vec::new(), timeout })
    }

    /// Starts TLS and verifies that the server is `host`. Refuses when unread bytes were received in plain text: they
    /// would be read as replies under TLS, and may be forged.
    ///
    /// # Errors
    /// The cause, for users. The connection is closed then.
    pub fn start_tls(&mut self, connector: &TlsConnector, host: &str) -> Result<(), String> {
        let Stream::Plain(mut socket) = std::mem::replace(&mut self.stream, Stream::Closed) else {
            return Err("TLS was started already".to_owned());
        };
        if !self.received.is_empty() {
            return Err(
                "the relay, or an attacker between, sent more than the reply to STARTTLS before TLS began"
                    .to_owned(),
            );
        }
        socket.deadline = Instant::now() + self.timeout;
        match connector.connect(host, socket) {
            Ok(stream) => {
                self.stream = Stream::Tls(Box::new(stream));
                Ok(())
            }
            Err(HandshakeError::WouldBlock(_)) => {
                Err(format!("no TLS handshake within SMTP_TIMEOUT; {CHECK_PORT}"))
            }
            Err(HandshakeError::Failure(error)) => Err(describe_tls(&error)),
        }
    }

    /// Whether TLS is on.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Sets how long each step may take from now on.
    ///
    /// # Errors
    /// When the socket refuses it.
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.timeout = timeout;
        self.socket()?.set_timeout(timeout)
    }

    /// Writes `text` in one write and reads one reply. Waits for it for `timeouts` times the timeout.
    pub fn command(&mut self, text: &str, timeouts: u32) -> Reply {
        match self.write(text.as_bytes()) {
            Ok(()) => self.read_reply(timeouts),
            Err(error) => Reply::Lost(describe(&error)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.set_deadline(1)?;
        match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes),
            Stream::Closed => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Reads one reply with all its lines. Waits for it for `timeouts` times the timeout.
    pub fn read_reply(&mut self, timeouts: u32) -> Reply {
        if let Err(error) = self.set_deadline(timeouts) {
            return Reply::Lost(describe(&error));
        }
        let (mut code, mut text, mut length) = (None, String::new(), 0);
        loop {
            let line = match self.read_line(REPLY_MAX - length) {
                Ok(Some(line)) => line,
                Ok(None) => return Reply::Unreadable("it does not end".to_owned()),
                Err(error) => return Reply::Lost(describe(&error)),
            };
            length += line.len();
            let Some((line_code, continues, words)) = split(&line) else {
                let line = cut(one_line(&String::from_utf8_lossy(&line)), SHOWN_MAX);
                return Reply::Unreadable(format!("it has no code: {line:?}"));
            };
            if *code.get_or_insert(line_code) != line_code {
                return Reply::Unreadable("its lines have different codes".to_owned());
            }
            text.push_str(&String::from_utf8_lossy(words));
            if !continues {
                return Reply::Complete(line_code, text);
            }
            text.push('\n');
        }
    }

    /// The next line with its end; `None` when it is longer than `longest` bytes.
    fn read_line(&mut self, longest: usize) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let end = self.received[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end.map(|end| searched + end + 1).filter(|end| *end <= longest) {
                return Ok(Some(self.received.drain(..end).collect()));
            }
            searched = self.received.len();
            if end.is_some() || searched >= longest {
                return Ok(None);
            }
            let mut chunk = [0; 4096];
            let count = match &mut self.stream {
                Stream::Plain(socket) => socket.read(&mut chunk),
                Stream::Tls(stream) => stream.read(&mut chunk),
                Stream::Closed => Err(ErrorKind::NotConnected.into()),
            };
            match count {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // One timeout of the socket is over, but the deadline is not.
                Err(error) if is_timeout(&error) && self.socket()?.check_deadline().is_ok() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn set_deadline(&mut self, timeouts: u32) -> io::Result<()> {
        let deadline = Instant::now() + timeouts * self.timeout;
        self.socket()?.deadline = deadline;
        Ok(())
    }

    fn socket(&mut self) -> io::Result<&mut Socket> {
        match &mut self.stream {
            Stream::Plain(socket) => Ok(socket),
            Stream::Tls(stream) => Ok(stream.get_mut()),
            Stream::Closed => Err(ErrorKind::NotConnected.into()),
        }
    }
}

impl Socket {
    fn new(tcp: TcpStream, timeout: Duration) -> io::Result<Self> {
        let socket = Self { tcp, deadline: Instant::now() + timeout };
        socket.set_timeout(timeout)?;
        Ok(socket)
    }

    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.tcp.set_read_timeout(Some(timeout))?;
        self.tcp.set_write_timeout(Some(timeout))
    }

    fn check_deadline(&self) -> io::Result<()> {
        // The error of a socket whose timeout is over; the TLS handshake can continue after it.
        if Instant::now() < self.deadline { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.check_deadline()?;
        self.tcp.read(buffer)
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

/// The code of a reply line, whether more lines follow, and its text: `250-SIZE`, `250 ok`, or a bare `250`.
fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (code, rest) = line.split_at_checked(3)?;
    let code = std::str::from_utf8(code).ok()?.parse().ok().filter(|code| (200..600).contains(code))?;
    match rest.split_first() {
        None => Some((code, false, rest)),
        Some((b' ', text)) => Some((code, false, text)),
        Some((b'-', text)) => Some((code, true, text)),
        Some(_) => None,
    }
}

/// Whether the timeout of the socket is over. Its kind of error depends on the platform.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Why the connection was lost, for users.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        _ if is_timeout(error) => TIMED_OUT.to_owned(),
        ErrorKind::UnexpectedEof => "the relay closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

/// Why the TLS handshake failed, for users.
fn describe_tls(error: &native_tls::Error) -> String {
    certificate_error(error).map_or_else(
        || format!("no TLS: {error}; {CHECK_PORT}"),
        |found| {
            format!(
                "the relay's certificate is refused: {found}; it must be valid, made for SMTP_HOST, and signed by \
                 an authority that this machine trusts or that SMTP_CA_FILE names"
            )
        },
    )
}
