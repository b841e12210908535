//! What the server recorded: bodies, its reply to each, connections, commands, violations of the protocol.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A body that was received with its dot.
#[derive(Debug, Clone)]
pub struct ReceivedMail {
    /// The Message-ID header with its angle brackets; empty when there is none.
    pub message_id: String,
    /// The sender of the envelope.
    pub sender: String,
    /// The recipient of the envelope.
    pub recipient: String,
    /// When the dot was read.
    pub at: Instant,
    /// The whole mail, with the dots unstuffed; empty when bodies are not kept.
    pub raw: Arc<[u8]>,
    /// The reply to the body.
    pub answer: BodyReply,
}

/// The reply to a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyReply {
    /// None: the connection was lost before. A real server has the mail then, and delivers it.
    None,
    /// 250.
    Accepted,
    /// 4yz or 5yz: the mail will not be delivered.
    Refused,
}

/// How often each Message-ID occurs.
pub type Multiset = BTreeMap<String, usize>;

/// All records.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// In the order of arrival.
    pub received: Vec<ReceivedMail>,
    /// Number of accepted bodies.
    pub accepted: usize,
    /// When a policy refused a mail, or the limit of connections a connection.
    pub refusals: Vec<Instant>,
    /// What the client did against the protocol.
    pub violations: Vec<String>,
    /// Number of connections so far.
    pub connections: usize,
    /// Number of open connections.
    pub open: usize,
    /// Largest number of connections that were open at the same time.
    pub most_open: usize,
    /// Number of TLS handshakes that the client broke off.
    pub failed_handshakes: usize,
    /// The first hundred command lines that came in plain text.
    pub plain_text: Vec<String>,
    /// How often each command came.
    pub commands: BTreeMap<String, usize>,
}

impl Log {
    /// Counts the bodies that `wanted` accepts, by Message-ID.
    pub fn count(&self, wanted: impl Fn(&ReceivedMail) -> bool) -> Multiset {
        let mut counts = Multiset::new();
        for received in self.received.iter().filter(|received| wanted(received)) {
            *counts.entry(received.message_id.clone()).or_default() += 1;
        }
        counts
    }
}

impl ReceivedMail {
    /// The notification that the Message-ID names.
    #[track_caller]
    pub fn notification(&self) -> i64 {
        let number = self.message_id.strip_prefix("<n").and_then(|rest| rest.split('.').next());
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{}", self.message_id))
    }

    /// The value of a header, unfolded; empty when there is none.
    pub fn header(&self, name: &str) -> String {
        header(&self.raw, name)
    }

    /// The path of the link in `List-Unsubscribe`.
    pub fn unsubscribe_path(&self) -> Option<String> {
        let link = self.header("List-Unsubscribe");
        let (_, behind_scheme) = link.trim_matches(['<', '>']).split_once("://")?;
        let (_, path) = behind_scheme.split_once('/')?;
        Some(format!("/{path}"))
    }
}

/// The value of a header, unfolded; empty when there is none.
pub fn header(raw: &[u8], name: &str) -> String {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(raw.len());
    let headers = String::from_utf8_lossy(&raw[..end]).replace("\r\n ", " ");
    let found = headers.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    });
    found.unwrap_or_default()
}
