//! Postfix's smtp-sink, and how many bodies it has received.
//!
//! Its own counter (`-c`) writes a line for each mail, which costs time that belongs to the senders. Counting in the
//! other direction is free: it is told to end after some more mails than there will be (`-M`), and afterwards it is
//! sent further ones until it does.

use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::cleanup::ChildGuard;
use crate::ports::free_port;
use crate::wait::wait_for;

/// How many mails more than expected can be counted. A sink that gets still more ends early, which shows as well.
const SLACK: usize = 64;

/// A running smtp-sink, which offers PIPELINING and 8BITMIME. Dropping it ends it.
pub struct Sink {
    ward: ChildGuard,
    /// On loopback.
    pub port: u16,
    limit: usize,
}

impl Sink {
    /// One that expects so many mails.
    pub fn expecting(mails: usize) -> Self {
        let (port, limit) = (free_port(), mails + SLACK);
        let ward = ChildGuard::spawn(
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

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// How many bodies it has received; ends it. One that has ended already got [`SLACK`] more than it expected, at
    /// least.
    pub fn count(mut self) -> usize {
        let mut fillers = 0;
        while let Ok(answered) = self.feed() {
            fillers += 1;
            if !answered {
                break;
            }
        }
        wait_for("smtp-sink to end", Duration::from_secs(20), || self.ward.child.try_wait().unwrap());
        self.limit - fillers
    }

    /// Sends it one mail; gives whether there is an answer. The mail that it ends with gets none.
    ///
    /// # Errors
    /// When it has ended before.
    pub fn feed(&self) -> io::Result<bool> {
        let mut wire = BufReader::new(self.connect()?);
        for command in
            ["", "HELO bench\r\n", "MAIL FROM:<a@b.example>\r\n", "RCPT TO:<c@b.example>\r\n", "DATA\r\n"]
        {
            wire.get_mut().write_all(command.as_bytes())?;
            if wire.read_line(&mut String::new())? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        wire.get_mut().write_all(b"\r\n.\r\n")?;
        // Reading fails when it ended with something unread.
        Ok(wire.read_line(&mut String::new()).is_ok_and(|length| length > 0))
    }
}

/// A program that the script found which starts this.
pub fn program(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set; start this with its script, in scripts/"))
}
