//! Who is at work: what each worker last said of itself, and whether it can still be believed.

use std::time::Duration;

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::process_id;
use crate::report::{NAMED, rfc3339};
use crate::store::workers::Worker;
use crate::text::clean::one_line;

/// All workers that the database knows.
pub struct Workers(Vec<WorkerLine>);

struct WorkerLine {
    /// `host:pid`.
    worker: String,
    started_at: NaiveDateTime,
    silent_for: Duration,
    presence: WorkerState,
    troubles: Vec<String>,
}

/// Whether a worker is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkerState {
    AtWork,
    /// It ought to have reported: frozen, cut off from the database, or no more.
    Silent,
    /// It has certainly ended, and not by a clean stop.
    Gone,
}

impl Workers {
    /// These workers; one that has said nothing for longer than `patience` is silent.
    pub fn new(workers: Vec<Worker>, patience: Duration) -> Self {
        let member = |worker: Worker| {
            let presence = if process_id::has_exited(&worker.name) {
                WorkerState::Gone
            } else if worker.silent_for > patience {
                WorkerState::Silent
            } else {
                WorkerState::AtWork
            };
            WorkerLine::new(&worker, presence)
        };
        Self(workers.into_iter().map(member).collect())
    }

    /// A line for each and one for each of its troubles. So many notifications are `running`.
    pub fn to_text(&self, running: usize) -> String {
        let (present, absent): (Vec<_>, Vec<_>) =
            self.0.iter().partition(|member| member.presence == WorkerState::AtWork);
        let mut parts: Vec<String> = present.iter().map(|member| member.to_text()).collect();
        if present.is_empty() {
            let is_certain = absent.iter().all(|member| member.presence == WorkerState::Gone);
            let nobody = if is_certain { "No worker is at work" } else { "No worker is known to be at work" };
            parts.push(match running {
                0 => format!("{nobody}.\n"),
                1 => format!("{nobody}, and 1 notification waits for one: start `fanmail worker`.\n"),
                _ => format!("{nobody}, and {running} notifications wait for one: start `fanmail worker`.\n"),
            });
        }
        // One that crashes as soon as it is started again leaves many behind; the newest tell most.
        let left_out = absent.len().saturating_sub(NAMED);
        parts.extend(absent[left_out..].iter().map(|member| member.to_text()));
        if left_out > 0 {
            parts.push(format!("and {left_out} older ones that are silent or gone\n"));
        }
        parts.concat()
    }

    pub fn to_json(&self) -> Vec<JsonWorker<'_>> {
        self.0.iter().map(WorkerLine::to_json).collect()
    }
}

impl WorkerLine {
    fn new(worker: &Worker, presence: WorkerState) -> Self {
        Self {
            worker: process_id::display_name(&worker.name).to_owned(),
            started_at: worker.started_at,
            silent_for: worker.silent_for,
            presence,
            troubles: worker.troubles.lines().map(one_line).collect(),
        }
    }

    fn to_text(&self) -> String {
        let presence = match self.presence {
            WorkerState::AtWork => String::new(),
            WorkerState::Silent => format!(
                ", silent for {} s: frozen, cut off from the database, or killed",
                self.silent_for.as_secs()
            ),
            WorkerState::Gone => ", gone: killed or crashed; look at the end of its log".to_owned(),
        };
        let since = self.started_at.format("%F %TZ");
        let troubles: Vec<String> = self.troubles.iter().map(|trouble| format!("    {trouble}\n")).collect();
        format!("worker {} since {since}{presence}\n{}", self.worker, troubles.concat())
    }

    fn to_json(&self) -> JsonWorker<'_> {
        JsonWorker {
            worker: &self.worker,
            started_at: rfc3339(self.started_at),
            silent_seconds: self.silent_for.as_secs(),
            presence: match self.presence {
                WorkerState::AtWork => "at work",
                WorkerState::Silent => "silent",
                WorkerState::Gone => "gone",
            },
            troubles: &self.troubles,
        }
    }
}

/// What `--workers --format json` prints of a worker.
#[derive(Serialize)]
pub struct JsonWorker<'a> {
    worker: &'a str,
    started_at: String,
    silent_seconds: u64,
    presence: &'static str,
    troubles: &'a [String],
}

#[cfg(test)]
mod tests {
    use super::*;

    const TROUBLES: &str = "broker: connection refused\nrelay: down since 2026-11-21 09:00:00Z, 3 probes failed: 421 \u{1b}[2Jbusy\n";

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
    fn a_worker_without_trouble_is_one_line() {
        let workers = vec![worker(1, 60, ""), worker(2, 61, ""), worker(3, 0, TROUBLES)];
        insta::assert_snapshot!(report_of(workers).to_text(7), @r"
        worker web-1:1 since 2026-11-21 08:00:00Z
        worker web-3:3 since 2026-11-21 08:00:00Z
            broker: connection refused
            relay: down since 2026-11-21 09:00:00Z, 3 probes failed: 421 [2Jbusy
        worker web-2:2 since 2026-11-21 08:00:00Z, silent for 61 s: frozen, cut off from the database, or killed
        ");
    }

    #[test]
    fn nobody_at_work_is_said_in_plain_words() {
        let nobody = report_of(Vec::new());
        let silent = report_of(vec![worker(1, 240, "")]);
        let texts =
            [nobody.to_text(0), nobody.to_text(1), Workers(vec![gone(4)]).to_text(2), silent.to_text(2)];
        insta::assert_snapshot!(texts.join("\n"), @r"
        No worker is at work.

        No worker is at work, and 1 notification waits for one: start `fanmail worker`.

        No worker is at work, and 2 notifications wait for one: start `fanmail worker`.
        worker web-4:4 since 2026-11-21 08:00:00Z, gone: killed or crashed; look at the end of its log

        No worker is known to be at work, and 2 notifications wait for one: start `fanmail worker`.
        worker web-1:1 since 2026-11-21 08:00:00Z, silent for 240 s: frozen, cut off from the database, or killed
        ");
    }

    #[test]
    fn of_many_that_are_gone_the_newest_are_shown() {
        let text = Workers((1..=14).map(gone).collect()).to_text(0);
        assert_eq!(text.lines().count(), 12, "{text}");
        assert!(
            !text.contains("web-4:4 ") && text.contains("web-5:5 ") && text.contains("web-14:14 "),
            "{text}"
        );
        assert!(text.ends_with("and 4 older ones that are silent or gone\n"), "{text}");
    }

    #[test]
    fn programs_read_the_same() {
        let mut workers = report_of(vec![worker(1, 0, TROUBLES), worker(2, 61, "")]);
        workers.0.push(gone(3));
        let json: Vec<_> = workers.to_json().iter().map(|one| serde_json::to_string(one).unwrap()).collect();
        insta::assert_snapshot!(json.join("\n"), @r#"
        {"worker":"web-1:1","started_at":"2026-11-21T08:00:00.250Z","silent_seconds":0,"presence":"at work","troubles":["broker: connection refused","relay: down since 2026-11-21 09:00:00Z, 3 probes failed: 421 [2Jbusy"]}
        {"worker":"web-2:2","started_at":"2026-11-21T08:00:00.250Z","silent_seconds":61,"presence":"silent","troubles":[]}
        {"worker":"web-3:3","started_at":"2026-11-21T08:00:00.250Z","silent_seconds":5,"presence":"gone","troubles":[]}
        "#);
    }
}
