//! One connection to the relay: single commands and their replies. Knows no mail: what is written when is left to `smtp`,
//! opening a connection to `connector`, and reading and writing bytes to `stream`.

use std::time::{Duration, Instant};

use crate::channels::email::smtp::capabilities::Capabilities;
use crate::channels::email::smtp::reply::Reply;
use crate::channels::email::smtp::stream::{EachSecond, RelayStream};

/// How long we wait for the reply to `QUIT` before we close the connection anyway.
const QUIT_TIMEOUT: Duration = Duration::from_secs(2);

/// An open connection, after EHLO, TLS and AUTH.
pub struct RelayConnection {
    stream: RelayStream,
    /// Longest wait for the reply to a body.
    data_timeout: Duration,
    /// Whether the relay accepts several commands in one write (RFC 2920).
    pub pipelining: bool,
    /// Whether the relay accepts addresses that are not ASCII (RFC 6531).
    pub smtputf8: bool,
    /// The largest mail that the relay accepts, in bytes; `None` for no limit (RFC 1870).
    pub size_limit: Option<usize>,
    /// Mails that were submitted on it, accepted or not.
    pub mails: u32,
    /// How many of them the relay has throttled in a row, up to the last one.
    pub throttled: u32,
    /// The envelope that was written behind the last body, while its replies are unread.
    pub pipelined: Option<PipelinedEnvelope>,
    /// Whether that mail was taken back: the relay waits for its body in vain, and only closing the connection ends that.
    pub next_taken_back: bool,
}

/// An envelope that was written behind the body of the mail before it.
pub struct PipelinedEnvelope {
    /// The Message-ID of its mail.
    pub message_id: String,
    /// Since when the relay may be waiting for the body.
    pub since: Instant,
}

impl RelayConnection {
    /// A connection after EHLO, TLS and login.
    pub(crate) fn new(stream: RelayStream, capabilities: &Capabilities, data_timeout: Duration) -> Self {
        Self {
            stream,
            data_timeout,
            pipelining: capabilities.has("PIPELINING"),
            smtputf8: capabilities.has("SMTPUTF8"),
            size_limit: capabilities.size_limit(),
            mails: 0,
            throttled: 0,
            pipelined: None,
            next_taken_back: false,
        }
    }

    /// Writes `text` in one write and reads one reply.
    pub fn command(&mut self, text: &str) -> Reply {
        self.stream.command(text)
    }

    /// Writes a body, perhaps with an envelope behind it, and reads the reply to the body. Waits for up to
    /// `SMTP_DATA_TIMEOUT`: a relay may scan the mail first, and may hold back the reply until it has processed the
    /// envelope (Postfix does). Calls `each_second` meanwhile.
    pub(crate) fn command_body(&mut self, text: &str, each_second: EachSecond) -> Reply {
        self.stream.command_body(text, self.data_timeout, each_second)
    }

    /// Reads the next reply of a pipelined group.
    pub fn read_reply(&mut self) -> Reply {
        self.stream.read_reply()
    }

    /// Sends RSET. Returns whether the connection is ready for another mail.
    pub fn reset(&mut self) -> bool {
        self.command("RSET\r\n").is_positive()
    }

    /// Sends QUIT and waits briefly. Sends nothing while the relay expects a body: QUIT would become part of it.
    pub fn quit(mut self) {
        if self.pipelined.is_some() {
            return;
        }
        let timeout_set = self.stream.set_timeout(QUIT_TIMEOUT);
        if timeout_set.is_err() || !self.command("QUIT\r\n").is_positive() {
            log::debug!("the relay did not reply to QUIT");
        }
    }

    /// What was negotiated, in one line, for `fanmail check`.
    #[must_use]
    pub fn describe(&self) -> String {
        let yes_no = |offered| if offered { "yes" } else { "no" };
        format!(
            "connected; encrypted: {}, PIPELINING: {}, SMTPUTF8: {}",
            yes_no(self.stream.is_encrypted()),
            yes_no(self.pipelining),
            yes_no(self.smtputf8)
        )
    }
}
