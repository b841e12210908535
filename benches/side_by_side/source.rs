//! Postfix's smtp-source: the same prebuilt mail many times, without database, queue or ledger. It shows the limit of
//! this machine and the sink for a program in C.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::rounds::{Run, Sender};
use testkit::bench::faults::Faults;
use testkit::bench::sink::{Sink, program};
use testkit::cleanup::ChildGuard;
use testkit::smtp::SmtpServer;
use testkit::wait::wait_for;

/// Deadline of a run.
const TIMEOUT: Duration = Duration::from_secs(300);

/// smtp-source with these arguments.
pub struct Source {
    /// Number of mails.
    pub mails: usize,
    /// Number of sessions.
    pub sessions: usize,
    /// The value of `-l`.
    pub payload: usize,
}

impl Source {
    /// Runs it to its end. Returns the time that it took.
    pub fn send(&self, port: u16) -> Duration {
        let start = Instant::now();
        let mut ward = ChildGuard::spawn(
            Command::new(program("SMTP_SOURCE"))
                .args(["-d", "-s", &self.sessions.to_string(), "-m", &self.mails.to_string()])
                .args(["-l", &self.payload.to_string(), "-f", "a@example.org", "-t", "b@example.org"])
                .arg(format!("127.0.0.1:{port}"))
                .stdin(Stdio::null()),
        );
        let status = wait_for("smtp-source to end", TIMEOUT, || ward.child.try_wait().unwrap());
        let took = start.elapsed();
        assert!(status.success(), "smtp-source: {status}");
        took
    }

    /// The value of `-l` for mails of `octets` octets: it does not count the header.
    pub fn payload_for(octets: usize) -> usize {
        let size_with = |payload| {
            let relay = SmtpServer::start();
            Self { mails: 1, sessions: 1, payload }.send(relay.port);
            relay.log().received[0].raw.len()
        };
        let header = size_with(1000) - 1000;
        let payload = octets - header;
        assert!(size_with(payload).abs_diff(octets) <= 4, "smtp-source -l {payload} is not {octets} octets");
        payload
    }
}

impl Sender for Source {
    fn name(&self) -> String {
        "smtp-source".to_owned()
    }

    fn run(&self) -> Run {
        let sink = Sink::expecting(self.mails);
        let took = self.send(sink.port);
        Run {
            mails: self.mails,
            seconds: took.as_secs_f64(),
            faults: Faults::by_count(self.mails, sink.count()),
            cpu_seconds: None,
            peak_memory: None,
        }
    }
}
