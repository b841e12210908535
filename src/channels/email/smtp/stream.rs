//! The TCP or TLS stream to the relay: connects, writes, reads replies (RFC 5321 section 4.2). Each step ends in bounded
//! time and memory, whatever the relay does. Knows no commands.
//!
//! lettre's own connection bounds neither: it reads a line of any length, restarts its timeout with each byte, and sets
//! its timeouts only after the TLS handshake. It also accepts as the first reply under TLS what an attacker has put
//! behind the reply to STARTTLS in plain text.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use native_tls::{HandshakeError, TlsConnector, TlsStream};

use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::socket::{Socket, is_timeout};
use crate::net::{self, ConnectError};
use crate::text::clean::cut;
use crate::tls::certificate_error;

/// Longest reply, in bytes, all lines together. RFC 5321 section 4.5.3.1.5 allows 512 bytes a line.
const REPLY_MAX: usize = 64 * 1024;

/// Characters of a line without a code that an error shows.
const SHOWN_MAX: usize = 80;

/// The variable that sets how long most steps may take.
const TIMEOUT: &str = "SMTP_TIMEOUT";

/// The variable that sets how long the reply to a body may take.
const DATA_TIMEOUT: &str = "SMTP_DATA_TIMEOUT";

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

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// The other side sends plain text, such as a greeting, where TLS should begin.
    #[error("the relay answers in plain text where TLS should begin")]
    PlainText,
    /// The certificate is not good enough.
    #[error(
        "the relay's certificate is refused: {0}; it must be valid, made for SMTP_HOST, and signed by an authority that \
         this machine trusts or that SMTP_CA_FILE names"
    )]
    Certificate(String),
    /// Anything else, with the cause.
    #[error("{0}")]
    Failed(String),
}

/// Called about once a second while a reply is awaited.
pub(crate) type EachSecond<'a> = &'a mut dyn FnMut();

impl RelayStream {
    /// Connects to the first address of the host that accepts.
    ///
    /// # Errors
    /// The cause, for users.
    pub fn connect(host: &str, port: u16, timeout: Duration) -> Result<Self, String> {
        let tcp = net::connect(host, port, timeout).map_err(|error| match error {
            ConnectError::Unresolved(error) => error.to_string(),
            ConnectError::Unreachable(error) => describe(&error, TIMEOUT),
        })?;
        let socket = Socket::new(tcp, timeout).map_err(|error| describe(&error, TIMEOUT))?;
        Ok(Self { stream: Stream::Plain(socket), received: Vec::new(), timeout })
    }

    /// Starts TLS and verifies that the server is `host`. Refuses when unread bytes were received in plain text: they
    /// would be read as replies under TLS, and may be forged.
    ///
    /// # Errors
    /// Why there is no TLS. The connection is closed then.
    pub fn start_tls(&mut self, connector: &TlsConnector, host: &str) -> Result<(), TlsError> {
        let Stream::Plain(mut socket) = std::mem::replace(&mut self.stream, Stream::Closed) else {
            return Err(TlsError::Failed("TLS was started already".to_owned()));
        };
        if !self.received.is_empty() {
            return Err(TlsError::Failed(
                "the relay, or an attacker between, sent more than the reply to STARTTLS before TLS began"
                    .to_owned(),
            ));
        }
        socket.deadline = Instant::now() + self.timeout;
        let first_byte = Arc::clone(&socket.first_byte);
        first_byte.store(0, Ordering::Relaxed);
        match connector.connect(host, socket) {
            Ok(stream) => {
                self.stream = Stream::Tls(Box::new(stream));
                Ok(())
            }
            Err(HandshakeError::WouldBlock(_)) => {
                Err(TlsError::Failed(format!("no TLS handshake within {TIMEOUT}")))
            }
            Err(HandshakeError::Failure(error)) => Err(tls_error(&error, first_byte.load(Ordering::Relaxed))),
        }
    }

    /// Whether TLS is on.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// Whether the first byte received begins a TLS record: a handshake, or an alert.
    pub fn begins_like_tls(&mut self) -> bool {
        self.socket().is_ok_and(|socket| matches!(socket.first_byte.load(Ordering::Relaxed), 0x15 | 0x16))
    }

    /// Sets how long each step may take from now on.
    ///
    /// # Errors
    /// When the socket refuses it.
    pub fn set_timeout(&mut self, timeout: Duration) -> io::Result<()> {
        self.timeout = timeout;
        self.socket()?.set_timeout(timeout)
    }

    /// Whether the relay sends anything within `patience`, or closes the connection. Only before TLS.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn is_readable_within(&mut self, patience: Duration) -> io::Result<bool> {
        let readable = self.socket()?.is_readable_within(patience);
        self.set_timeout(self.timeout)?;
        readable
    }

    /// Writes `text` in one write and reads one reply.
    pub fn command(&mut self, text: &str) -> Reply {
        match self.write(text.as_bytes()) {
            Ok(()) => self.read_reply(),
            Err(error) => Reply::Lost(describe(&error, TIMEOUT)),
        }
    }

    /// Writes a body in one write and reads the reply to it. Waits for the reply for `data_timeout`, and calls
    /// `each_second` meanwhile.
    pub fn command_body(&mut self, text: &str, data_timeout: Duration, each_second: EachSecond) -> Reply {
        match self.write(text.as_bytes()) {
            Ok(()) => self.read_within(data_timeout, DATA_TIMEOUT, Some(each_second)),
            Err(error) => Reply::Lost(describe(&error, TIMEOUT)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.set_deadline(self.timeout, false)?;
        match &mut self.stream {
            Stream::Plain(socket) => socket.write_all(bytes),
            Stream::Tls(stream) => stream.write_all(bytes),
            Stream::Closed => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// Reads one reply with all its lines.
    pub fn read_reply(&mut self) -> Reply {
        self.read_within(self.timeout, TIMEOUT, None)
    }

    /// Reads one reply. `variable` is where `timeout` comes from.
    fn read_within(
        &mut self,
        timeout: Duration,
        variable: &str,
        mut each_second: Option<EachSecond>,
    ) -> Reply {
        if let Err(error) = self.set_deadline(timeout, each_second.is_some()) {
            return Reply::Lost(describe(&error, variable));
        }
        let (mut code, mut text, mut length) = (None, String::new(), 0);
        loop {
            let line = match self.read_line(REPLY_MAX - length, &mut each_second) {
                Ok(Some(line)) => line,
                Ok(None) => return Reply::Unreadable("it does not end".to_owned()),
                Err(error) => return Reply::Lost(describe(&error, variable)),
            };
            length += line.len();
            let Some((line_code, continues, words)) = split(&line) else {
                return Reply::Unreadable(without_code(&line));
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
    fn read_line(
        &mut self,
        longest: usize,
        each_second: &mut Option<EachSecond>,
    ) -> io::Result<Option<Vec<u8>>> {
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
                Err(error) if is_timeout(&error) && self.socket()?.check_deadline().is_ok() => {
                    if let Some(each_second) = each_second {
                        each_second();
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn set_deadline(&mut self, timeout: Duration, ticks: bool) -> io::Result<()> {
        let socket = self.socket()?;
        socket.deadline = Instant::now() + timeout;
        socket.ticks = ticks;
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

/// What is wrong with a line that [`split`] does not know. Characters that show nothing, such as a TAB, are written out.
fn without_code(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = cut(text.trim_end_matches(['\r', '\n']), SHOWN_MAX);
    match text.chars().nth(3) {
        Some(c) if split(&line[..3]).is_some() => {
            format!("its code is followed by {c:?} and not by a space or a hyphen: {text:?}")
        }
        _ => format!("it has no code: {text:?}"),
    }
}

/// Why the connection was lost, for users. `variable` set the time that was allowed.
fn describe(error: &io::Error, variable: &str) -> String {
    match error.kind() {
        _ if is_timeout(error) => format!("no answer within {variable}"),
        ErrorKind::UnexpectedEof => "the relay closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

/// Why the TLS handshake failed. TLS never begins with a digit, and a greeting always does.
fn tls_error(error: &native_tls::Error, first_byte: u8) -> TlsError {
    match certificate_error(error) {
        Some(cause) => TlsError::Certificate(cause),
        None if first_byte.is_ascii_digit() => TlsError::PlainText,
        None => TlsError::Failed(format!("no TLS: {error}")),
    }
}
