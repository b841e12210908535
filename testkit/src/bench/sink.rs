//! Postfix's smtp-sink, and the number of bodies that it has received.
//!
//! Its own counter (`-c`) writes a line for each mail, which takes time from the senders. Counting down is free: the
//! sink is started so that it ends after some more mails than expected (`-M`). Afterwards [`Sink::count`] sends the
//! missing mails until it ends.

use std::env;
use std::fs;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;

use crate::cleanup::ChildGuard;
use crate::database::unprivileged::is_root;
use crate::ports::free_port;
use crate::wait::{wait_for, wait_for_program};

/// Number of mails above the expected ones that can be counted. With still more the sink ends early.
const SLACK: usize = 64;

/// A running smtp-sink, which announces PIPELINING and 8BITMIME. Dropping it ends it.
pub struct Sink {
    ward: ChildGuard,
    /// Port on loopback.
    pub port: u16,
    limit: usize,
}

impl Sink {
    /// A sink that expects this number of mails.
    pub fn expecting(mails: usize) -> Self {
        let (port, limit) = (free_port(), mails + SLACK);
        let words = NamedTempFile::new().unwrap();
        let mut command = Command::new(program("SMTP_SINK"));
        if is_root() {
            // As root it insists on the user that it becomes.
            command.args(["-u", "root"]);
        }
        command.args(["-M", &limit.to_string(), &format!("127.0.0.1:{port}"), "1024"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words.reopen().unwrap());
        let mut sink = Self { ward: ChildGuard::spawn(&mut command), port, limit };
        sink.wait_until_it_listens(&|| fs::read_to_string(words.path()).unwrap());
        sink
    }

    fn wait_until_it_listens(&mut self, words: &dyn Fn() -> String) {
        wait_for_program("smtp-sink to listen", Duration::from_secs(20), words, || {
            let ended = self.ward.child.try_wait().unwrap();
            assert!(ended.is_none(), "smtp-sink ended at once ({ended:?}):\n{}", words());
            self.connect().ok()
        });
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// The number of received bodies. Ends the sink. When the sink had ended before, the result is the expected number
    /// and `SLACK`, and there may have been more.
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

    /// Sends one mail. Returns whether the sink replied. It ends with the last mail and sends no reply to it.
    ///
    /// # Errors
    /// When the sink has ended before.
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
        // Reading fails when the sink ended with unread input.
        Ok(wire.read_line(&mut String::new()).is_ok_and(|length| length > 0))
    }
}

/// The path of a program of Postfix: that in a variable, which the scripts set, or where they find it.
pub fn program(variable: &str) -> String {
    let name = variable.to_ascii_lowercase().replace('_', "-");
    let found = || {
        let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
        let unpacked = cache.map(|cache| cache.join("fanmail/postfix/bin"));
        let folders = [Some(PathBuf::from("/usr/sbin")), unpacked].into_iter().flatten();
        folders.map(|folder| folder.join(&name)).find(|path| path.is_file())
    };
    let found = env::var(variable).ok().or_else(|| Some(found()?.to_str()?.to_owned()));
    found.unwrap_or_else(|| panic!("{name} of Postfix is not there; scripts/test unpacks it"))
}
