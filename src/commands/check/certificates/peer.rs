//! Reads the certificate of a server: connects, asks for TLS in the way of its protocol, and hangs up. The certificate is not verified
//! here: the connections that carry data do that, and this one carries none.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use chrono::TimeDelta;
use native_tls::TlsConnector;
use openssl::asn1::Asn1Time;
use openssl::x509::X509;

use crate::net;

/// Longest reply that is read before TLS, in bytes.
const REPLY_MAX: usize = 16 * 1024;

/// How TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// With the first byte.
    Tls,
    /// With STARTTLS (RFC 3207), or with the first byte where the relay sends no greeting.
    Smtp,
    #[cfg(feature = "postgres")]
    /// With an `SSLRequest` (<https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL>).
    Postgres,
    #[cfg(feature = "mysql")]
    /// With a short `HandshakeResponse41` (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html>).
    Mysql,
}

/// A server that is asked over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What it is for fanmail.
    pub part: &'static str,
    host: String,
    port: u16,
    begin: Begin,
}

impl Peer {
    pub fn new(what: &'static str, host: &str, port: u16, begin: Begin) -> Self {
        Self { part: what, host: host.to_owned(), port, begin }
    }

    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// How long its certificate is still valid; negative if it is no more. `None` if the server offers no TLS.
///
/// # Errors
/// Why there is no certificate.
pub fn read(peer: &Peer, timeout: Duration) -> Result<Option<TimeDelta>, String> {
    let mut stream = open(peer, timeout).map_err(|error| error.to_string())?;
    let offered = match peer.begin {
        Begin::Tls => Ok(true),
        Begin::Smtp => match start_smtp(&mut stream) {
            // It waits for us: TLS begins with the first byte.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                stream = open(peer, timeout).map_err(|error| error.to_string())?;
                Ok(true)
            }
            other => other,
        },
        #[cfg(feature = "postgres")]
        Begin::Postgres => start_postgres(&mut stream),
        #[cfg(feature = "mysql")]
        Begin::Mysql => start_mysql(&mut stream),
    };
    if !offered.map_err(|error| error.to_string())? {
        return Ok(None);
    }
    let mut builder = TlsConnector::builder();
    builder.danger_accept_invalid_certs(true).danger_accept_invalid_hostnames(true);
    let connector = builder.build().map_err(|error| error.to_string())?;
    let encrypted = connector.connect(&peer.host, stream).map_err(|error| error.to_string())?;
    let certificate = encrypted.peer_certificate().map_err(|error| error.to_string())?;
    let der = certificate.ok_or("it has none")?.to_der().map_err(|error| error.to_string())?;
    time_left(&der).map(Some).map_err(|error| error.to_string())
}

fn open(peer: &Peer, timeout: Duration) -> io::Result<TcpStream> {
    let stream = net::connect(&peer.host, peer.port, timeout).map_err(io::Error::other)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(stream)
}

fn time_left(der: &[u8]) -> Result<TimeDelta, openssl::error::ErrorStack> {
    let certificate = X509::from_der(der)?;
    let left = Asn1Time::days_from_now(0)?.diff(certificate.not_after())?;
    Ok(TimeDelta::days(left.days.into()) + TimeDelta::seconds(left.secs.into()))
}

fn start_smtp(stream: &mut (impl Read + Write)) -> io::Result<bool> {
    let replies = [None, Some("EHLO [127.0.0.1]\r\n"), Some("STARTTLS\r\n")];
    for command in replies {
        stream.write_all(command.unwrap_or_default().as_bytes())?;
        if !smtp_reply(stream)?.starts_with('2') {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The last line of a reply.
fn smtp_reply(stream: &mut impl Read) -> io::Result<String> {
    let mut line = Vec::new();
    for _ in 0..REPLY_MAX {
        let byte = read_exactly::<1>(stream)?[0];
        if byte != b'\n' {
            line.push(byte);
        } else if line.get(3) == Some(&b'-') {
            line.clear();
        } else {
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, "its reply is too long"))
}

#[cfg(feature = "postgres")]
fn start_postgres(stream: &mut (impl Read + Write)) -> io::Result<bool> {
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
    Ok(read_exactly::<1>(stream)? == *b"S")
}

#[cfg(feature = "mysql")]
fn start_mysql(stream: &mut (impl Read + Write)) -> io::Result<bool> {
    const SSL: u32 = 0x800;
    const PROTOCOL_41: u32 = 0x200;
    const SECURE_CONNECTION: u32 = 0x8000;
    let [a, b, c, _sequence] = read_exactly::<4>(stream)?;
    let length = u32::from_le_bytes([a, b, c, 0]) as usize;
    if !(20..=REPLY_MAX).contains(&length) {
        return Err(io::Error::new(ErrorKind::InvalidData, "it does not begin as MySQL does"));
    }
    let mut greeting = vec![0; length];
    stream.read_exact(&mut greeting)?;
    // Protocol 10, the version up to a NUL, thread id (4), salt (8), a filler (1), and the lower half of the capabilities (2).
    let version = greeting.iter().skip(1).position(|byte| *byte == 0).unwrap_or(length);
    let capabilities = greeting.get(version + 15..version + 17).unwrap_or_default();
    let offered = capabilities.iter().rev().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    if greeting[0] != 10 || offered & SSL == 0 {
        return Ok(false);
    }
    let mut request = vec![32, 0, 0, 1];
    request.extend((SSL | PROTOCOL_41 | SECURE_CONNECTION).to_le_bytes());
    request.extend((16_u32 << 20).to_le_bytes());
    // utf8mb4, and 23 bytes that are reserved.
    request.push(45);
    request.extend([0; 23]);
    stream.write_all(&request)?;
    Ok(true)
}

fn read_exactly<const N: usize>(stream: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that has said this before anything was asked.
    struct Said<'a>(&'a [u8], Vec<u8>);

    impl Read for Said<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl Write for Said<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn starttls_is_asked_for_where_the_relay_offers_it() {
        let mut relay = Said(b"220-hello\r\n220 there\r\n250-a\r\n250 STARTTLS\r\n220 go\r\n", Vec::new());
        assert!(start_smtp(&mut relay).unwrap());
        assert_eq!(relay.1, b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n");
        let mut plain = Said(b"220 hello\r\n250 a\r\n502 no\r\n", Vec::new());
        assert!(!start_smtp(&mut plain).unwrap());
        assert!(start_smtp(&mut Said(b"220 he", Vec::new())).is_err());
    }

    #[cfg(feature = "postgres")]
    #[test]
    fn postgresql_is_asked_in_its_protocol() {
        for (answer, offers) in [(&b"S"[..], true), (b"N", false)] {
            let mut server = Said(answer, Vec::new());
            assert_eq!(start_postgres(&mut server).unwrap(), offers);
            assert_eq!(server.1.len(), 8);
        }
    }

    #[cfg(feature = "mysql")]
    #[test]
    fn mysql_is_asked_in_its_protocol() {
        let greeting = |capabilities: [u8; 2]| {
            let mut packet = vec![10];
            packet.extend(b"10.11.6-MariaDB\0\x01\0\0\0saltsalt\0");
            packet.extend(capabilities);
            packet.extend([0; 30]);
            [&[u8::try_from(packet.len()).unwrap(), 0, 0, 0][..], &packet].concat()
        };
        for (capabilities, offers) in [([0xfe, 0xff], true), ([0xff, 0xf7], false)] {
            let bytes = greeting(capabilities);
            let mut server = Said(&bytes, Vec::new());
            assert_eq!(start_mysql(&mut server).unwrap(), offers);
            assert_eq!(server.1.len(), if offers { 36 } else { 0 });
        }
        for wrong in [&b"HTTP/1.1 400 Bad"[..], b"\x05\0\0\0hello", b""] {
            assert!(start_mysql(&mut Said(wrong, Vec::new())).is_err());
        }
    }
}
