//! Postfix's smtp-sink, and how many bodies it has received.
//!
//! Its own counter (`-c`) writes a line for each mail, which costs time that belongs to the senders. Counting in the
//! other direction is free: it is told to end after some more mails than there will be (`-M`), and afterwards it is
//! sent further ones until it does.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::guardian::Ward;
use crate::support::ports::free_port;
use crate::support::wait::wait_for;

/// How many mails more than expected can be counted. A sink that gets still more ends early, which shows as well.
const SLACK: usize = 64;

/// A running smtp-sink, which offers PIPELINING and 8BITMIME. Dropping it ends it.
pub struct Sink {
    ward: Ward,
    /// On loopback.
    pub port: u16,
    limit: usize,
}

impl Sink {
    /// One that expects so many mails.
    pub fn expecting(mails: usize) -> Self {
        let (port, limit) = (free_port(), mails + SLACK);
        let ward = Ward::spawn(
            Command::new(program("SMTP_SINK"))
                .args(["-M", &limit.to_string(), &format!("127.0.0.1:{port}"), "1024"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let sink = Self { ward, port, limit };
        wait_for("smtp-sink to listen", Duration::from_secs(20), || sink.connect().ok());
        sink
    }

    fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// How many bodies it has received; ends it. One that has ended already got `SLACK` more than it expected, at
    /// least.
    pub fn count(mut self) -> usize {
        let mut fillers = 0;
        if self.ward.child.try_wait().unwrap().is_none() {
            while self.is_hungry() {
                fillers += 1;
                assert!(fillers <= self.limit, "smtp-sink does not end after {} mails", self.limit);
            }
            fillers += 1;
        }
        self.limit - fillers
    }

    /// Sends one mail; whether there is an answer to it. The last one gets none.
    fn is_hungry(&self) -> bool {
        let mut wire = BufReader::new(self.connect().unwrap());
        for command in ["", "HELO bench", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"] {
            if !command.is_empty() {
                write!(wire.get_mut(), "{command}\r\n").unwrap();
            }
            assert!(wire.read_line(&mut String::new()).unwrap() > 0, "smtp-sink hung up after {command:?}");
        }
        wire.get_mut().write_all(b"\r\n.\r\n").unwrap();
        // Reading fails when it ended with something unread.
        wire.read_line(&mut String::new()).is_ok_and(|length| length > 0)
    }
}

/// One of Postfix's tools, as scripts/lib/smtp-tools.sh has found them.
pub fn program(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set; start this with scripts/bench"))
}
