//! Other libraries: the programs of `benches/peers/`. Each gets the same mails in a file, composes them and sends them
//! with its own library.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use mail_parser::MessageParser;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::rounds::{Run, Sender};
use testkit::bench::faults::Faults;
use testkit::bench::sink::Sink;
use testkit::cleanup::ChildGuard;
use testkit::ledger::people::Person;
use testkit::scenario::{EVENT, Scenario};
use testkit::wait::{wait_for, wait_until};

/// Deadline of a run.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A library that sends mails, by its language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// Rust.
    Lettre,
    /// Node.js.
    Nodemailer,
    /// Python.
    Aiosmtplib,
}

/// A library, with mails to send.
pub struct Peer<'a> {
    /// The library.
    pub library: Library,
    /// The mails.
    pub mails: &'a Mails,
    /// Number of mails.
    pub count: usize,
    /// Number of connections.
    pub connections: usize,
}

/// A mail of fanmail, for the other libraries to send.
pub struct Mails {
    /// Subject and bodies, with a placeholder for the name of the participant.
    mail: Value,
    people: Vec<Person>,
    folder: TempDir,
}

impl Mails {
    /// A mail of fanmail, and the recipients.
    pub fn to(people: Vec<Person>) -> Self {
        let scenario = Scenario::with_relay("bench-mail", 1).build();
        scenario
            .ledger
            .execute(&format!("UPDATE participants SET name = '{{{{name}}}}' WHERE event_id = {EVENT}"));
        let worker = scenario.worker();
        scenario.publish("UPDATED");
        wait_until("a mail to copy", || scenario.smtp.accepted() == 1);
        worker.stop();
        let raw = scenario.smtp.log().received[0].raw.clone();
        let mail = MessageParser::default().parse(&*raw).unwrap();
        let from = mail.from().unwrap().first().unwrap();
        let mail = json!({
            "from": format!("{} <{}>", from.name().unwrap(), from.address().unwrap()),
            "subject": mail.subject(),
            "text": mail.body_text(0),
            "html": mail.body_html(0),
        });
        assert!(
            ["text", "html"].iter().all(|part| mail[part].as_str().unwrap().contains("{{name}}")),
            "{mail}"
        );
        Self { mail, people, folder: tempfile::tempdir().unwrap() }
    }

    /// The first `count` mails, in a file.
    fn write(&self, count: usize) -> PathBuf {
        let people = self.people[..count].iter();
        let mut mails = self.mail.clone();
        mails["recipients"] =
            people.map(|person| json!({ "name": person.name, "address": person.email })).collect();
        let file = self.folder.path().join("mails.json");
        fs::write(&file, mails.to_string()).unwrap();
        file
    }
}

impl Library {
    /// The program and its first arguments.
    fn command(self) -> Command {
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        match self {
            Self::Lettre => Command::new(required("LETTRE_POOL")),
            Self::Nodemailer => {
                let mut command = Command::new("node");
                command
                    .env("NODE_PATH", required("NODEMAILER_MODULES"))
                    .arg(peers.join("nodemailer/send.js"));
                command
            }
            Self::Aiosmtplib => {
                let mut command = Command::new(required("AIOSMTPLIB_PYTHON"));
                command.arg(peers.join("aiosmtplib/send.py"));
                command
            }
        }
    }
}

impl Sender for Peer<'_> {
    fn name(&self) -> String {
        match self.library {
            Library::Lettre => "lettre, pool (Rust)",
            Library::Nodemailer => "nodemailer, pool (Node.js)",
            Library::Aiosmtplib => "aiosmtplib (Python)",
        }
        .to_owned()
    }

    fn run(&self) -> Run {
        let (file, sink) = (self.mails.write(self.count), Sink::expecting(self.count));
        let output = self.mails.folder.path().join("output");
        let mut ward = ChildGuard::spawn(
            self.library
                .command()
                .args([sink.port.to_string(), self.connections.to_string()])
                .arg(file)
                .stdin(Stdio::null())
                .stdout(fs::File::create(&output).unwrap()),
        );
        let status = wait_for(&self.name(), TIMEOUT, || ward.child.try_wait().unwrap());
        assert!(status.success(), "{}: {status}", self.name());
        let output: Value = serde_json::from_str(&fs::read_to_string(output).unwrap()).unwrap();
        assert_eq!(output["sent"], self.count, "{}", self.name());
        Run {
            mails: self.count,
            seconds: output["seconds"].as_f64().unwrap(),
            faults: Faults::by_count(self.count, sink.count()),
            cpu_seconds: None,
            peak_memory: None,
        }
    }
}

/// A variable of scripts/lib/peers.sh.
fn required(variable: &str) -> OsString {
    env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set; start this with scripts/bench"))
}
