//! The SMTP relay: the breaker opens and closes, and the number of usable connections changes.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::observe::health::{Monitor, Part};
use crate::observe::metrics::Metrics;
use crate::text::count::count;
use crate::text::timestamp::to_the_second;

/// How a relay fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelaySymptom {
    /// It cannot be reached, or takes no mail from us at all.
    Down,
    /// It refuses one recipient after the other, for reasons that may be ours.
    RefusesEveryone,
}

/// A relay that does not work.
#[derive(Debug, Clone, Copy)]
pub struct RelayProblem<'a> {
    /// How it failed last.
    pub symptom: RelaySymptom,
    /// For how long it has not worked.
    pub lasted: Duration,
    /// Probes that have failed.
    pub failed_probes: u32,
    /// When the next mail may be submitted as a probe.
    pub next_probe_in: Duration,
    /// What was said last.
    pub words: RelayWords<'a>,
}

/// The words of a relay.
#[derive(Debug, Clone, Copy)]
pub struct RelayWords<'a> {
    /// What the relay or the connection said.
    pub detail: &'a str,
    /// What an operator can do about it. May be empty.
    pub advice: &'static str,
}

impl RelayProblem<'_> {
    /// For health and `status`. With times of day, because it may be read some time later.
    fn describe(&self, now: DateTime<Utc>) -> String {
        let state = match self.symptom {
            RelaySymptom::Down => "down",
            RelaySymptom::RefusesEveryone => "refuses everyone",
        };
        format!(
            "{state} since {}, {} failed, next attempt after {}: {}{}",
            to_the_second(now - self.lasted),
            count(self.failed_probes.into(), "probe"),
            (now + self.next_probe_in).format("%H:%M:%SZ"),
            self.words.detail,
            self.advice()
        )
    }

    /// What to do about it, to be put at the end of a line.
    fn advice(&self) -> String {
        if self.words.advice.is_empty() { String::new() } else { format!("; {}", self.words.advice) }
    }
}

/// The breaker opened.
pub fn down(monitor: &Monitor, problem: &RelayProblem<'_>) {
    monitor.metrics.breaker_open.set(1);
    monitor.health.set_problem(Part::Relay, problem.describe(Utc::now()));
    match problem.symptom {
        RelaySymptom::Down => log::warn!(
            detail = problem.words.detail;
            "the relay does not work: {}; sending is paused until a probe succeeds; nothing is lost. Find the cause with: fanmail check",
            problem.words.detail
        ),
        RelaySymptom::RefusesEveryone => log::warn!(
            detail = problem.words.detail;
            "the relay refuses everyone: {}; sending is paused until it accepts a mail; nothing is lost{}",
            problem.words.detail,
            problem.advice()
        ),
    }
}

/// A probe of the open breaker failed.
pub fn probe_failed(monitor: &Monitor, problem: &RelayProblem<'_>) {
    monitor.health.set_problem(Part::Relay, problem.describe(Utc::now()));
    log::debug!(probes = problem.failed_probes, detail = problem.words.detail; "probe {} of the relay failed: {}", problem.failed_probes, problem.words.detail);
}

/// A probe failed, and the log has not mentioned the relay for some time, or with another cause.
pub fn still_down(monitor: &Monitor, problem: &RelayProblem<'_>) {
    monitor.health.set_problem(Part::Relay, problem.describe(Utc::now()));
    let state = match problem.symptom {
        RelaySymptom::Down => format!("is still {}", problem.describe(Utc::now())),
        RelaySymptom::RefusesEveryone => format!("still {}", problem.describe(Utc::now())),
    };
    let waiting = monitor.fan_outs.describe_waiting();
    log::warn!(
        seconds = problem.lasted.as_secs(),
        probes = problem.failed_probes,
        detail = problem.words.detail,
        waiting_mails = monitor.fan_outs.waiting_mails();
        "the relay {state}; {}nothing is lost. See: fanmail status",
        waiting.map_or(String::new(), |waiting| format!("{waiting} wait, "))
    );
}

/// What is told of a relay that says nothing begins so.
const SILENT: &str = "has not answered since ";

/// Whether this problem of the relay is that it says nothing.
#[must_use]
pub fn is_silence(problem: &str) -> bool {
    problem.starts_with(SILENT)
}

/// The relay has said nothing for `lasted`, while `mails` wait for a reply.
pub fn silent(monitor: &Monitor, mails: u64, lasted: Duration) {
    let since = to_the_second(Utc::now() - lasted);
    let wait = if mails == 1 { "1 mail waits".to_owned() } else { format!("{mails} mails wait") };
    let what_follows = "each is tried again after SMTP_TIMEOUT, or after SMTP_DATA_TIMEOUT once its body is sent, and nothing is lost";
    monitor.health.set_problem(
        Part::Relay,
        format!("{SILENT}{since}; {wait} for its reply; {what_follows}; look at the log of the relay, and at firewalls between"),
    );
    log::warn!(
        seconds = lasted.as_secs(),
        waiting_mails = mails;
        "the relay has not answered for {} s; {wait} for its reply; {what_follows}. Find the cause with: fanmail check",
        lasted.as_secs()
    );
}

/// The relay has said something, after `lasted`.
pub fn answers_again(monitor: &Monitor, lasted: Duration) {
    monitor.health.clear_problem(Part::Relay);
    log::info!(seconds = lasted.as_secs(); "the relay answers again, after {} s", lasted.as_secs());
}

/// The breaker closed, after the relay had not worked for `lasted`.
pub fn up(monitor: &Monitor, cause: RelaySymptom, lasted: Duration) {
    monitor.health.clear_problem(Part::Relay);
    monitor.metrics.breaker_open.set(0);
    let state = match cause {
        RelaySymptom::Down => "works",
        RelaySymptom::RefusesEveryone => "accepts mails",
    };
    log::info!(seconds = lasted.as_secs(); "the relay {state} again after {} s", lasted.as_secs());
}

/// The number of connections that may be open changed to `granted` of `max`.
pub fn connections_changed(metrics: &Metrics, granted: usize, max: usize) {
    metrics.connections_in_use.set(granted as u64);
    log::debug!(connections = granted; "{granted} of {max} connections to the relay in use");
}

/// The relay refuses a connection while others work.
pub fn connections_refused(max: usize, detail: &str) {
    log::warn!(
        connections = max, detail = detail;
        "the relay accepts some connections and refuses others: {detail}; sending continues on the accepted ones, and \
         one more is tried from time to time; nothing is lost. If the relay allows fewer connections than \
         SMTP_CONNECTIONS ({max}), lower SMTP_CONNECTIONS; if not, one of the relay's machines may be broken. \
         (Logged at most once an hour; the metric fanmail_connections_in_use has the current number)"
    );
}

/// All `max` connections may be open again.
pub fn connections_restored(max: usize) {
    log::info!(connections = max; "the relay accepts all {max} connections again");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_described_with_times_of_day() {
        let now = DateTime::from_timestamp(1_800_000_060, 0).unwrap();
        let problem = RelayProblem {
            symptom: RelaySymptom::Down,
            lasted: Duration::from_secs(60),
            failed_probes: 3,
            next_probe_in: Duration::from_secs(35),
            words: RelayWords { detail: "127.0.0.1:25: cannot connect", advice: "" },
        };
        assert_eq!(
            problem.describe(now),
            "down since 2027-01-15 08:00:00Z, 3 probes failed, next attempt after 08:01:35Z: 127.0.0.1:25: cannot \
             connect"
        );
        let first = RelayProblem { failed_probes: 1, ..problem };
        assert!(first.describe(now).contains(", 1 probe failed, "));
    }

    #[test]
    fn a_relay_that_refuses_everyone_is_described_in_one_line_with_its_words_and_what_to_do() {
        let now = DateTime::from_timestamp(1_800_000_060, 0).unwrap();
        let problem = RelayProblem {
            symptom: RelaySymptom::RefusesEveryone,
            lasted: Duration::from_secs(60),
            failed_probes: 3,
            next_probe_in: Duration::from_secs(35),
            words: RelayWords {
                detail: "554 5.7.1 <a***@example.com>: Relay access denied",
                advice: "log in, or ask the operator",
            },
        };
        assert_eq!(
            problem.describe(now),
            "refuses everyone since 2027-01-15 08:00:00Z, 3 probes failed, next attempt after 08:01:35Z: 554 5.7.1 \
             <a***@example.com>: Relay access denied; log in, or ask the operator"
        );
    }
}
