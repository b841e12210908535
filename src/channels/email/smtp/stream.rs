//! The wire to the relay: connecting, TLS, writing, reading replies. Whatever the other side does, each of these ends
//! in bounded time and memory. Knows replies (RFC 5321 section 4.2), no commands.
//!
//! lettre's own connection bounds neither: it reads a line to its end however long that is, waits anew for each
//! byte, sets its timeouts after the TLS handshake only, and takes for the first reply under TLS what somebody on
//! the way had put behind the reply to STARTTLS in plain text.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use native_tls::{HandshakeError, TlsConnector, TlsStream};

use crate::channels::email::smtp::reply::Reply;
use crate::net::{self, ConnectError};
use crate::text::clean::{cut, one_line};
use crate::tls::certificate_error;

/// Longest reply, all its lines together, in bytes. RFC 5321 section 4.5.3.1.5 allows 512 a line.
const LONGEST_REPLY: usize = 64 * 1024;

/// Characters of a line without a code that are worth showing.
const SHOWN: usize = 80;

/// What to look at when the other side does not speak TLS.
const CHECK_PORT: &str = "TLS comes first on SMTP_PORT 465, and after STARTTLS on others";

/// Cause of a [`Reply::Lost`] when time is up.
const TOO_SLOW: &str = "no answer within SMTP_TIMEOUT";

/// One connection.
pub(crate) struct RelayStream {
    stream: Stream,
    /// What was received and is not read yet.
    received: Vec<u8>,
    timeout: Duration,
}

enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
    /// Lost in a handshake.
    Gone,
}

/// A socket that gives up at the deadline, or at the first silence of the timeout after it: what drips is not
/// waited for.
struct Socket {
    tcp: TcpStream,
    deadline: Instant,
}

impl RelayStream {
    /// Connects to the first address of the host that accepts.
    ///
    /// # Errors
    /// Why there is no connection, in words for people.
    pub fn connect(host: &str, port: u16, timeout: Duration) -> Result<Self, String> {
        let tcp = net::connect(host, port, timeout).map_err(|error| match error {
            ConnectError::Unresolved(error) => error.to_string(),
            ConnectError::Unreachable(error) => lost(&error),
        })?;
        let socket = Socket::new(tcp, timeout).map_err(|error| lost(&error))?;
        Ok(Self { stream: Stream::Plain(socket), received: Vec::new(), timeout })
    }

    /// Goes on in TLS, with a server that is `host`. Nothing may have been received in plain text that was not
    /// read: it would be taken for replies under TLS, whoever wrote it.
    ///
    /// # Errors
    /// Why not, in words for people; the connection is of no use any more.
    pub fn starttls(&mut self, connector: &TlsConnector, host: &str) -> Result<(), String> {
        let Stream::Plain(mut socket) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err("TLS has begun already".to_owned());
        };
        if !self.received.is_empty() {
            return Err(
                "the relay, or somebody on the way to it, sent more than the reply to STARTTLS before TLS \
                        began"
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
            Err(HandshakeError::Failure(error)) => Err(no_tls(&error)),
        }
    }

    /// Whether nobody on the way can read what is said.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// How long each step may take from now on.
    ///
    /// # Errors
    /// When the socket does not take it.
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.timeout = timeout;
        self.socket()?.set_timeout(timeout)
    }

    /// Writes `text` in one write and reads one reply, which may take so many times the timeout.
    pub fn command(&mut self, text: &str, times: u32) -> Reply {
        match self.write(text.as_bytes()) {
            Ok(()) => self.read_reply(times),
            Err(error) => Reply::Lost(lost(&error)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.start_clock(1)?;
        match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes),
            Stream::Gone => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Reads one reply, all its lines, which may take so many times the timeout.
    pub fn read_reply(&mut self, times: u32) -> Reply {
        if let Err(error) = self.start_clock(times) {
            return Reply::Lost(lost(&error));
        }
        let (mut code, mut text, mut length) = (None, String::new(), 0);
        loop {
            let line = match self.read_line(LONGEST_REPLY - length) {
                Ok(Some(line)) => line,
                Ok(None) => return Reply::Unreadable("it does not end".to_owned()),
                Err(error) => return Reply::Lost(lost(&error)),
            };
            length += line.len();
            let Some((its_code, goes_on, words)) = split(&line) else {
                let line = cut(one_line(&String::from_utf8_lossy(&line)), SHOWN);
                return Reply::Unreadable(format!("it has no code: {line:?}"));
            };
            if *code.get_or_insert(its_code) != its_code {
                return Reply::Unreadable("its lines have different codes".to_owned());
            }
            text.push_str(&String::from_utf8_lossy(words));
            if !goes_on {
                return Reply::Complete(its_code, text);
            }
            text.push('\n');
        }
    }

    /// The next line with its end; `None` when it is longer than `longest`.
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
                Stream::Gone => Err(ErrorKind::NotConnected.into()),
            };
            match count {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A silence of one timeout, where more are allowed.
                Err(error) if is_silence(&error) && self.socket()?.in_time().is_ok() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn start_clock(&mut self, times: u32) -> io::Result<()> {
        let deadline = Instant::now() + times * self.timeout;
        self.socket()?.deadline = deadline;
        Ok(())
    }

    fn socket(&mut self) -> io::Result<&mut Socket> {
        match &mut self.stream {
            Stream::Plain(socket) => Ok(socket),
            Stream::Tls(stream) => Ok(stream.get_mut()),
            Stream::Gone => Err(ErrorKind::NotConnected.into()),
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

    fn in_time(&self) -> io::Result<()> {
        // What a socket with a timeout says when the time is over, and what the handshake goes on after.
        if Instant::now() < self.deadline { Ok(()) } else { Err(ErrorKind::WouldBlock.into()) }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.in_time()?;
        self.tcp.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.in_time()?;
        self.tcp.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// Code, whether more lines follow, and text of a line: `250-SIZE`, `250 ok`, or a bare `250`.
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

/// What a socket with a timeout says when that is over.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Why a connection is lost, in words for people.
fn lost(error: &io::Error) -> String {
    match error.kind() {
        _ if is_silence(error) => TOO_SLOW.to_owned(),
        ErrorKind::UnexpectedEof => "the relay closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

/// Why there is no TLS, in words for people.
fn no_tls(error: &native_tls::Error) -> String {
    certificate_error(error).map_or_else(
        || format!("no TLS: {error}; {CHECK_PORT}"),
        |found| {
            format!(
                "the relay's certificate is refused: {found}; it has to be valid, made for SMTP_HOST, and signed by \
                 an authority that this machine trusts or that SMTP_CA_FILE names"
            )
        },
    )
}
