//! The inner parts under callgrind: this program starts itself there, to run one part many times.

use std::fmt;
use std::hint::black_box;
use std::process::{Command, Stdio};

use clap::ValueEnum;
use fanmail::domain::event_key_type::EventKeyType;
use fanmail::domain::message::Message;
use tempfile::NamedTempFile;
use testkit::bench::callgrind;
use testkit::dkim::TestKey;

use crate::parts::{BODY, Mails, SignedMails, Tables, stuff};

/// Participants in the database. More would only take longer: no count depends on them.
const PARTICIPANTS: u32 = 2_000;

/// An inner part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Decoding a message.
    Decode,
    /// Rendering the templates of a mail.
    Render,
    /// Composing a mail from the rendered texts.
    Compose,
    /// Making the link of a mail that unsubscribes.
    Link,
    /// Dot-stuffing a mail.
    DotStuff,
    /// Signing a mail with DKIM and an Ed25519 key. An RSA key is made with another number of instructions each time.
    Sign,
    /// Reading a page of 100 participants.
    PageRead,
    /// Committing one outcome.
    Commit1,
    /// Committing 16 outcomes.
    Commit16,
    /// Committing 100 outcomes.
    Commit100,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 10] = [
        Self::Decode,
        Self::Render,
        Self::Compose,
        Self::Link,
        Self::DotStuff,
        Self::Sign,
        Self::PageRead,
        Self::Commit1,
        Self::Commit16,
        Self::Commit100,
    ];

    /// The instructions of one run.
    pub fn count(self) -> u64 {
        // Enough runs that the cost of the first ones and the growth of the tables do not show.
        callgrind::per_unit(20, 20 + self.runs(), |times| self.count_many(times))
    }

    /// How many runs are counted. Loading the templates costs some million instructions more or less each time, because the keys
    /// of maps are hashed with random numbers: a part of ten thousand instructions runs often, so that this does not show.
    const fn runs(self) -> u64 {
        match self {
            Self::Decode | Self::Render | Self::Compose | Self::Link | Self::DotStuff => 4_000,
            Self::Sign | Self::PageRead | Self::Commit1 | Self::Commit16 | Self::Commit100 => 200,
        }
    }

    fn count_many(self, times: u64) -> u64 {
        let out = NamedTempFile::new().unwrap();
        let callgrind = callgrind::command(out.path());
        let name = self.to_possible_value().unwrap();
        let status = Command::new(&callgrind[0])
            .args(&callgrind[1..])
            .arg(std::env::current_exe().unwrap())
            .args(["--part", name.get_name(), "--times", &times.to_string()])
            .stdin(Stdio::null())
            .status()
            .expect("valgrind cannot be started");
        assert!(status.success(), "{self} under callgrind: {status}");
        callgrind::total(out.path())
    }

    /// Runs the part this many times.
    pub fn run(self, times: u64) {
        match self {
            Self::Decode => repeat(times, || Message::decode(black_box(BODY), EventKeyType::Number)),
            Self::Link => {
                let mails = Mails::new();
                repeat(times, || mails.link());
            }
            Self::Render => {
                let mails = Mails::new();
                repeat(times, || mails.render());
            }
            Self::Compose => {
                let mut mails = Mails::new();
                let render = mails.render();
                repeat(times, || mails.compose(render.clone()));
            }
            Self::DotStuff => {
                let mut mails = Mails::new();
                let content = mails.compose(mails.render()).as_received();
                repeat(times, || stuff(black_box(&content)));
            }
            Self::Sign => {
                let mut mails = SignedMails::new(&TestKey::ed25519("ed25519"));
                repeat(times, || mails.sign());
            }
            Self::PageRead => {
                let mut tables = Tables::with(PARTICIPANTS);
                repeat(times, || tables.read_page());
            }
            Self::Commit1 => commit(times, 1),
            Self::Commit16 => commit(times, 16),
            Self::Commit100 => commit(times, 100),
        }
    }
}

fn commit(times: u64, group: u16) {
    let mut tables = Tables::with(PARTICIPANTS);
    repeat(times, || {
        let outcomes = tables.outcomes(group);
        tables.record(&outcomes);
    });
}

fn repeat<T>(times: u64, mut once: impl FnMut() -> T) {
    for _ in 0..times {
        black_box(once());
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decode => "decode",
            Self::Render => "render",
            Self::Compose => "compose",
            Self::Link => "unsubscribe link",
            Self::DotStuff => "dot-stuff",
            Self::Sign => "DKIM signature, Ed25519",
            Self::PageRead => "page read, 100 people",
            Self::Commit1 => "ledger commit of 1",
            Self::Commit16 => "ledger commit of 16",
            Self::Commit100 => "ledger commit of 100",
        })
    }
}
