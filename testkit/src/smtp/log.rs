//! What the server saw: bodies, what it answered to each, connections, commands, breaches of the protocol.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// A body that was received to its dot.
#[derive(Debug, Clone)]
pub struct ReceivedMail {
    /// The header, with its angle brackets; empty when there is none.
    pub message_id: String,
    /// Out of the envelope.
    pub recipient: String,
    /// When its dot was read.
    pub at: Instant,
    /// The whole mail, dots un-stuffed; empty where it is not to be kept.
    pub raw: Arc<[u8]>,
    /// What the client was told.
    pub answer: BodyReply,
}

/// What the client was told about a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyReply {
    /// Nothing: the connection was lost first. A real server has the mail then, and delivers it.
    None,
    /// 250.
    Accepted,
    /// 4yz or 5yz: it will not be delivered.
    Refused,
}

/// How often each Message-ID occurs.
pub type Multiset = BTreeMap<String, usize>;

/// Everything that was seen.
#[derive(Debug, Clone, Default)]
pub struct Log {
    /// In the order in which they came.
    pub received: Vec<ReceivedMail>,
    /// How many of them were accepted.
    pub accepted: usize,
    /// What the client must not do, and did.
    pub violations: Vec<String>,
    /// Connections so far.
    pub connections: usize,
    /// Open now.
    pub open: usize,
    /// Most that were open at the same time.
    pub most_open: usize,
    /// TLS handshakes that the client broke off.
    pub failed_handshakes: usize,
    /// The first hundred command lines that came in plain text.
    pub plain_text: Vec<String>,
    /// How often each command came.
    pub commands: BTreeMap<String, usize>,
}

impl Log {
    /// Counts by Message-ID those bodies that `wanted` picks.
    pub fn count(&self, wanted: impl Fn(&ReceivedMail) -> bool) -> Multiset {
        let mut counts = Multiset::new();
        for received in self.received.iter().filter(|received| wanted(received)) {
            *counts.entry(received.message_id.clone()).or_default() += 1;
        }
        counts
    }
}

/// The value of the Message-ID header, unfolded; empty when there is none.
pub fn message_id(raw: &[u8]) -> String {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(raw.len());
    let header = String::from_utf8_lossy(&raw[..end]).replace("\r\n ", " ");
    let found = header.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("Message-ID").then(|| value.trim().to_owned())
    });
    found.unwrap_or_default()
}
