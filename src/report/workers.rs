//! The workers: what each of them last reported, and whether it is still alive.

use std::time::Duration;

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::observe::health::NOTE_PREFIX;
use crate::process_id;
use crate::report::MAX_NAMED;
use crate::store::workers::Worker;
use crate::text::clean::one_line;
use crate::text::count::count;
use crate::text::timestamp::{rfc3339, to_the_second};

/// For so long it is news that a worker was killed or has crashed.
const NEWS: Duration = Duration::from_secs(60 * 60);

/// All workers that the database knows.
pub struct Workers(Vec<WorkerLine>);

struct WorkerLine {
    /// `host:pid`.
    worker: String,
    started_at: NaiveDateTime,
    silent_for: Duration,
    state: WorkerState,
    problems: Vec<String>,
    /// What is worth knowing and no problem.
    notes: Vec<String>,
}

/// Whether a worker is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkerState {
    /// It has reported in time.
    Running,
    /// It has not reported in time: frozen, cut off from the database, or dead.
    Silent,
    /// It was a process of this machine and has exited without a clean stop.
    Gone,
}

impl Workers {
    /// A worker that has not reported for longer than `report_timeout` is silent.
    #[must_use]
    pub fn new(workers: Vec<Worker>, report_timeout: Duration) -> Self {
        let line = |worker: Worker| {
            let state = if process_id::has_exited(&worker.name) {
                WorkerState::Gone
            } else if worker.silent_for > report_timeout {
                WorkerState::Silent
            } else {
                WorkerState::Running
            };
            WorkerLine::new(&worker, state)
        };
        Self(workers.into_iter().map(line).collect())
    }

    /// Whether a worker may be running: it has reported in time, or is silent.
    #[must_use]
    pub fn are_running(&self) -> bool {
        self.0.iter().any(|line| line.state != WorkerState::Gone)
    }

    /// A line for each worker, each of its problems and each note. `unfinished` is the number of notifications
    /// that are waiting or running.
    #[must_use]
    pub fn to_text(&self, unfinished: usize) -> String {
        let (alive, others): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|line| line.state == WorkerState::Running);
        let mut parts: Vec<String> = alive.iter().map(|line| line.to_text()).collect();
        if alive.is_empty() {
            let is_certain = others.iter().all(|line| line.state == WorkerState::Gone);
            let none = if is_certain { "No worker is running" } else { "No worker is known to be running" };
            parts.push(match unfinished {
                0 => format!("{none}.\n"),
                _ => format!(
                    "{none}; {}. Start one with: fanmail worker\n",
                    count(unfinished as u64, "unfinished notification")
                ),
            });
        }
        // A worker that crashes after every restart leaves many lines; the newest ones matter most.
        let hidden = others.len().saturating_sub(MAX_NAMED);
        parts.extend(others[hidden..].iter().map(|line| line.to_text()));
        if hidden > 0 {
            parts.push(format!("and {} that are silent or gone\n", count(hidden as u64, "older worker")));
        }
        parts.concat()
    }

    /// The problems of running workers other than `this`, each with the worker.
    #[must_use]
    pub fn problems_of_others(&self, this: &str) -> Vec<(String, String)> {
        self.of_others(this, |line| &line.problems)
    }

    /// Their notes.
    #[must_use]
    pub fn notes_of_others(&self, this: &str) -> Vec<(String, String)> {
        let notes = self.of_others(this, |line| &line.notes);
        notes
            .into_iter()
            .map(|(worker, note)| (worker, note.trim_start_matches(NOTE_PREFIX).to_owned()))
            .collect()
    }

    fn of_others(&self, this: &str, told: fn(&WorkerLine) -> &Vec<String>) -> Vec<(String, String)> {
        let others = self.0.iter().filter(|line| line.state == WorkerState::Running && line.worker != this);
        others.flat_map(|line| told(line).iter().map(|said| (line.worker.clone(), said.clone()))).collect()
    }

    /// A sentence for each worker that may be frozen.
    #[must_use]
    pub fn silent(&self) -> Vec<String> {
        let silent = self.0.iter().filter(|line| line.state == WorkerState::Silent);
        silent.map(|line| line.to_text().lines().next().unwrap_or_default().to_owned()).collect()
    }

    /// A sentence for each worker that was killed or has crashed, and not long ago: whoever starts it again knows of it by then.
    #[must_use]
    pub fn gone(&self) -> Vec<String> {
        let gone = self.0.iter().filter(|line| line.state == WorkerState::Gone && line.silent_for < NEWS);
        gone.map(|line| line.to_text().trim_end().to_owned()).collect()
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> Vec<JsonWorker<'_>> {
        self.0.iter().map(WorkerLine::to_json).collect()
    }
}

impl WorkerLine {
    fn new(worker: &Worker, state: WorkerState) -> Self {
        let lines = worker.troubles.lines().map(one_line);
        let (notes, problems): (Vec<String>, Vec<String>) =
            lines.partition(|line| line.starts_with(NOTE_PREFIX));
        Self {
            worker: process_id::display_name(&worker.name).to_owned(),
            started_at: worker.started_at,
            silent_for: worker.silent_for,
            state,
            problems,
            notes,
        }
    }

    fn to_text(&self) -> String {
        let state = match self.state {
            WorkerState::Running => String::new(),
            WorkerState::Silent => format!(
                ", silent for {} s: frozen, cut off from the database, or killed",
                self.silent_for.as_secs()
            ),
            WorkerState::Gone => ", gone: killed or crashed; see the end of its log".to_owned(),
        };
        let since = to_the_second(self.started_at.and_utc());
        // What a process that is gone has said last is not so any more.
        let said = self.problems.iter().chain(&self.notes).filter(|_| self.state != WorkerState::Gone);
        let lines = said.map(|line| format!("    {line}\n"));
        format!("worker {} since {since}{state}\n{}", self.worker, lines.collect::<String>())
    }

    fn to_json(&self) -> JsonWorker<'_> {
        JsonWorker {
            worker: &self.worker,
            started_at: rfc3339(self.started_at.and_utc()),
            silent_seconds: self.silent_for.as_secs(),
            presence: match self.state {
                WorkerState::Running => "at work",
                WorkerState::Silent => "silent",
                WorkerState::Gone => "gone",
            },
            troubles: &self.problems,
            notes: self.notes.iter().map(|note| note.trim_start_matches(NOTE_PREFIX)).collect(),
        }
    }
}

/// A worker as JSON. Scripts rely on these keys and on the words of `presence`.
#[derive(Serialize)]
pub struct JsonWorker<'a> {
    worker: &'a str,
    started_at: String,
    silent_seconds: u64,
    presence: &'static str,
    troubles: &'a [String],
    notes: Vec<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBLEMS: &str = "broker: connection refused\nrelay: down since 2026-11-21 09:00:00Z, 3 probes failed: 421 \u{1b}[2Jbusy\n";
    const NOTE: &str = "note: relay: asks for fewer mails: 48 a second at the moment\n";

    fn worker(pid: u32, silent_for: u64, troubles: &str) -> Worker {
        Worker {
            name: format!("web-{pid}:{pid}:8123:0:4026:1f2e"),
            started_at: "2026-11-21T08:00:00.250".parse().unwrap(),
            silent_for: Duration::from_secs(silent_for),
            troubles: troubles.to_owned(),
        }
    }

    fn report_of(workers: Vec<Worker>) -> Workers {
        Workers::new(workers, Duration::from_secs(60))
    }

    fn gone(pid: u32) -> WorkerLine {
        WorkerLine::new(&worker(pid, 5, ""), WorkerState::Gone)
    }

    #[test]
    fn each_problem_and_each_note_is_a_line() {
        let workers = vec![worker(1, 60, NOTE), worker(2, 61, ""), worker(3, 0, PROBLEMS)];
        insta::assert_snapshot!(report_of(workers).to_text(7), @r"
        worker web-1:1 since 2026-11-21 08:00:00Z
            note: relay: asks for fewer mails: 48 a second at the moment
        worker web-3:3 since 2026-11-21 08:00:00Z
            broker: connection refused
            relay: down since 2026-11-21 09:00:00Z, 3 probes failed: 421 [2Jbusy
        worker web-2:2 since 2026-11-21 08:00:00Z, silent for 61 s: frozen, cut off from the database, or killed
        ");
    }

    #[test]
    fn no_running_worker_is_reported_with_what_to_do() {
        let none = report_of(Vec::new());
        let silent = report_of(vec![worker(1, 240, "")]);
        let texts = [none.to_text(0), none.to_text(1), Workers(vec![gone(4)]).to_text(2), silent.to_text(2)];
        insta::assert_snapshot!(texts.join("\n"), @r"
        No worker is running.

        No worker is running; 1 unfinished notification. Start one with: fanmail worker

        No worker is running; 2 unfinished notifications. Start one with: fanmail worker
        worker web-4:4 since 2026-11-21 08:00:00Z, gone: killed or crashed; see the end of its log

        No worker is known to be running; 2 unfinished notifications. Start one with: fanmail worker
        worker web-1:1 since 2026-11-21 08:00:00Z, silent for 240 s: frozen, cut off from the database, or killed
        ");
    }

    #[test]
    fn what_a_worker_said_before_it_was_killed_is_not_shown() {
        let killed = |silent_for| {
            let worker = worker(4, silent_for, PROBLEMS);
            Workers(vec![WorkerLine::new(&worker, WorkerState::Gone)])
        };
        let line =
            "worker web-4:4 since 2026-11-21 08:00:00Z, gone: killed or crashed; see the end of its log";
        assert_eq!(killed(5).to_text(0), format!("No worker is running.\n{line}\n"));
        assert_eq!(killed(5).gone(), [line]);
        assert_eq!(killed(3600).gone(), Vec::<String>::new(), "known by then");
    }

    #[test]
    fn of_many_that_are_gone_the_newest_are_shown() {
        let text = Workers((1..=14).map(gone).collect()).to_text(0);
        assert_eq!(text.lines().count(), 12, "{text}");
        assert!(
            !text.contains("web-4:4 ") && text.contains("web-5:5 ") && text.contains("web-14:14 "),
            "{text}"
        );
        assert!(text.ends_with("and 4 older workers that are silent or gone\n"), "{text}");
    }

    #[test]
    fn json_has_the_same() {
        let troubles = [PROBLEMS, NOTE].concat();
        let mut workers = report_of(vec![worker(1, 0, &troubles), worker(2, 61, "")]);
        workers.0.push(gone(3));
        let json: Vec<_> = workers.to_json().iter().map(|one| serde_json::to_string(one).unwrap()).collect();
        insta::assert_snapshot!(json.join("\n"), @r#"
        {"worker":"web-1:1","started_at":"2026-11-21T08:00:00.250Z","silent_seconds":0,"presence":"at work","troubles":["broker: connection refused","relay: down since 2026-11-21 09:00:00Z, 3 probes failed: 421 [2Jbusy"],"notes":["relay: asks for fewer mails: 48 a second at the moment"]}
        {"worker":"web-2:2","started_at":"2026-11-21T08:00:00.250Z","silent_seconds":61,"presence":"silent","troubles":[],"notes":[]}
        {"worker":"web-3:3","started_at":"2026-11-21T08:00:00.250Z","silent_seconds":5,"presence":"gone","troubles":[],"notes":[]}
        "#);
    }
}
