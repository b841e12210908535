//! What is wrong at the moment, and with the metrics all that the process tells about itself. `http` serves both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::observe::metrics::Metrics;
use crate::observe::progress::FanOuts;
use crate::sync::lock;
use crate::text::clean::one_line;
use crate::text::mask::masked_line;

/// What can have a problem, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The connection that takes messages.
    Broker,
    /// The database.
    Database,
    /// The connection that writes dead letters.
    DeadLetters,
    /// The connection that publishes replies and events.
    Publications,
    /// The SMTP relay.
    Relay,
    /// Whom mails reach.
    Recipients,
    /// Which events start soon.
    Reminders,
}

impl Part {
    /// Those that may have a problem.
    pub const ALL: [Self; 6] =
        [Self::Broker, Self::Database, Self::DeadLetters, Self::Publications, Self::Relay, Self::Reminders];

    /// The value of the label `part` of `fanmail_up`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Database => "database",
            Self::DeadLetters => "dead_letters",
            Self::Publications => "replies_and_events",
            Self::Relay => "relay",
            Self::Recipients => "recipients",
            Self::Reminders => "reminders",
        }
    }

    /// Its name, as `/healthz` and `status` have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Broker => "broker",
            Self::Database => "database",
            Self::DeadLetters => "dead letters",
            Self::Publications => "replies and events",
            Self::Relay => "relay",
            Self::Recipients => "recipients",
            Self::Reminders => "reminders",
        }
    }
}

/// What a line begins with that is a note and no problem.
pub const NOTE_PREFIX: &str = "note: ";

/// Why a part is not ready that has neither worked nor failed yet.
const STARTING: &str = "not connected yet";

/// The current problem of each [`Part`], and its note: what is worth knowing and no problem. Cheap to clone; all clones
/// are one.
#[derive(Debug, Clone, Default)]
pub struct Health {
    problems: Arc<Mutex<Texts>>,
    notes: Arc<Mutex<Texts>>,
    /// What has neither worked nor failed yet.
    starting: Arc<Mutex<BTreeSet<Key>>>,
    /// The queue that the problems and notes of this clone are about, where there are several.
    queue: Option<Arc<str>>,
}

/// A part, and one of its queues.
type Key = (Part, Option<Arc<str>>);

/// What is said of each part, and of each queue of a part.
type Texts = BTreeMap<Key, String>;

impl Health {
    /// A clone whose problems and notes are about this queue.
    #[must_use]
    pub fn of_queue(&self, queue: &str) -> Self {
        Self { queue: Some(queue.into()), ..self.clone() }
    }

    /// The queue that the problems and notes of this clone are about.
    #[must_use]
    pub fn queue(&self) -> Option<&str> {
        self.queue.as_deref()
    }

    fn key(&self, part: Part) -> Key {
        (part, self.queue.clone())
    }

    /// From now until it works or fails, `part` is not ready, and that is no problem.
    pub fn set_starting(&self, part: Part) {
        lock(&self.starting).insert(self.key(part));
    }

    /// Sets what is wrong with `part`, in place of what was wrong before.
    pub fn set_problem(&self, part: Part, reason: String) {
        lock(&self.problems).insert(self.key(part), reason);
        lock(&self.starting).remove(&self.key(part));
    }

    /// Notes that `part` works.
    pub fn clear_problem(&self, part: Part) {
        lock(&self.problems).remove(&self.key(part));
        lock(&self.starting).remove(&self.key(part));
    }

    /// Why `part` is not ready, with every mail address masked; empty if it is. Of several queues, each is named.
    #[must_use]
    pub fn reasons_not_ready(&self, part: Part) -> Vec<String> {
        let of_part = |key: &Key| key.0 == part;
        let problems = lock(&self.problems);
        let problems = problems.iter().filter(|(key, _)| of_part(key));
        let starting = lock(&self.starting);
        let starting = starting.iter().filter(|key| of_part(key)).map(|key| (key, STARTING));
        let problems = problems.map(|(key, text)| (key, text.as_str()));
        problems.chain(starting).map(|((_, queue), text)| sentence(queue.as_deref(), text)).collect()
    }

    /// Sets what is worth knowing of `part`, in place of what was before.
    pub fn set_note(&self, part: Part, note: String) {
        lock(&self.notes).insert(self.key(part), note);
    }

    /// There is nothing to say of `part`.
    pub fn clear_note(&self, part: Part) {
        lock(&self.notes).remove(&self.key(part));
    }

    /// All problems, a line each, with every mail address masked. Empty when there is none.
    #[must_use]
    pub fn problems(&self) -> String {
        lines("", &lock(&self.problems))
    }

    /// All notes, as [`problems`](Self::problems), each with [`NOTE_PREFIX`].
    #[must_use]
    pub fn notes(&self) -> String {
        lines(NOTE_PREFIX, &lock(&self.notes))
    }
}

fn lines(prefix: &str, texts: &Texts) -> String {
    let line = |((part, queue), text): (&Key, &String)| {
        format!("{prefix}{}: {}\n", part.name(), sentence(queue.as_deref(), text))
    };
    texts.iter().map(line).collect()
}

fn sentence(queue: Option<&str>, text: &str) -> String {
    let queue = queue.map(|queue| format!("queue {}: ", one_line(queue)));
    queue.unwrap_or_default() + &masked_line(text)
}

/// Health and metrics of the process. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Monitor {
    /// What is wrong at the moment.
    pub health: Health,
    /// What was counted since the start.
    pub metrics: Arc<Metrics>,
    /// How far the fan-outs that run are.
    pub fan_outs: FanOuts,
}

impl Monitor {
    /// A clone whose problems and notes are about this queue.
    #[must_use]
    pub fn of_queue(&self, queue: &str) -> Self {
        Self { health: self.health.of_queue(queue), ..self.clone() }
    }

    /// What a worker or a retry that has to exit early leaves behind, a line each: problems, and mails that were sent but
    /// not recorded.
    #[must_use]
    pub fn exit_summary(&self) -> String {
        let problems = self.health.problems();
        match self.metrics.unrecorded.get() {
            0 => problems,
            unrecorded => format!(
                "{problems}mails accepted by the relay, but not recorded in the ledger: {unrecorded}; they are sent \
                 again, with the same Message-ID, when their notification is continued\n"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_works_hides_no_problem_of_another_one() {
        let health = Health::default();
        let [mails, urgent] = ["mails", "mails.urgent"].map(|queue| health.of_queue(queue));
        mails.set_problem(Part::Broker, "it was deleted".to_owned());
        urgent.set_problem(Part::Broker, "connection refused".to_owned());
        urgent.clear_problem(Part::Broker);
        health.set_problem(Part::Relay, "connection refused".to_owned());
        insta::assert_snapshot!(health.problems(), @r"
        broker: queue mails: it was deleted
        relay: connection refused
        ");
    }

    #[test]
    fn what_has_not_worked_yet_is_not_ready_and_no_problem() {
        let health = Health::default();
        assert!(health.reasons_not_ready(Part::Relay).is_empty(), "it is used when there is a mail");
        let [mails, urgent] = ["mails", "mails.urgent"].map(|queue| health.of_queue(queue));
        for health in [&mails, &urgent] {
            health.set_starting(Part::Broker);
        }
        mails.clear_problem(Part::Broker);
        assert_eq!(health.reasons_not_ready(Part::Broker), ["queue mails.urgent: not connected yet"]);
        assert_eq!(health.problems(), "");
        urgent.set_problem(Part::Broker, "refused <ann@example.com>".to_owned());
        assert_eq!(
            health.reasons_not_ready(Part::Broker),
            ["queue mails.urgent: refused <a***@example.com>"]
        );
        urgent.clear_problem(Part::Broker);
        assert!(health.reasons_not_ready(Part::Broker).is_empty());
    }

    #[test]
    fn an_early_exit_tells_problems_and_unrecorded_mails_of_a_worker_or_a_retry() {
        let monitor = Monitor::default();
        assert_eq!(monitor.exit_summary(), "");
        monitor.health.set_problem(Part::Database, "connection refused".to_owned());
        monitor.metrics.unrecorded.inc();
        insta::assert_snapshot!(monitor.exit_summary(), @r"
        database: connection refused
        mails accepted by the relay, but not recorded in the ledger: 1; they are sent again, with the same Message-ID, when their notification is continued
        ");
    }
}
