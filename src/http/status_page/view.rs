//! What the templates show: numbers and times as people read them. Programs get what `report` has instead.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Serialize;

use crate::domain::ids::NotificationId;
use crate::http::access::Visitor;
use crate::http::status_page::dead_letters::DeadLettersView;
use crate::http::status_page::process::ProcessView;
use crate::http::status_page::reading::Snapshot;
use crate::http::status_page::sentence::{Piece, pieces};
use crate::report::advice;
use crate::report::failures::group::FailureGroup;
use crate::report::notifications::NotificationLine;
use crate::report::progress::Progress;
use crate::report::verdict::{Level, Verdict};
use crate::text::count::grouped;
use crate::text::duration::at_most;
use crate::text::timestamp::{rfc3339, short, to_the_second};

/// Groups of failures that are shown; the first ones have the most mails.
pub(super) const GROUPS: usize = 8;

/// What is around each page.
#[derive(Debug, Serialize)]
pub(super) struct Frame {
    version: &'static str,
    path: String,
    /// Whether the page is read again by itself; `None` where that makes no sense.
    refreshes: Option<bool>,
    is_signed_in: bool,
}

impl Frame {
    pub(super) fn new(visitor: &Visitor, refreshes: bool, path: &str) -> Self {
        let is_signed_in = matches!(visitor, Visitor::Person(_));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            path: path.to_owned(),
            refreshes: Some(refreshes),
            is_signed_in,
        }
    }

    /// Of a page with a form.
    pub(super) fn still() -> Self {
        let (version, path) = (env!("CARGO_PKG_VERSION"), String::new());
        Self { version, path, refreshes: None, is_signed_in: false }
    }

    /// The same for a visitor who may have signed in.
    pub(super) fn still_of(visitor: &Visitor) -> Self {
        Self { is_signed_in: matches!(visitor, Visitor::Person(_)), ..Self::still() }
    }

    pub(super) fn is_signed_in(&self) -> bool {
        self.is_signed_in
    }

    pub(super) fn refreshes(&self) -> bool {
        self.refreshes == Some(true)
    }
}

#[derive(Serialize)]
pub(super) struct Time {
    machine: String,
    people: String,
}

impl Time {
    pub(super) fn new(time: DateTime<Utc>, people: String) -> Self {
        Self { machine: rfc3339(time), people }
    }

    fn short(time: NaiveDateTime, now: DateTime<Utc>) -> Self {
        Self::new(time.and_utc(), short(time.and_utc(), now))
    }
}

#[derive(Serialize)]
struct VerdictView {
    level: Level,
    headline: String,
    problems: Vec<Vec<Piece>>,
    notes: Vec<Vec<Piece>>,
}

impl VerdictView {
    fn new(verdict: Verdict) -> Self {
        let marked = |sentences: Vec<String>| sentences.iter().map(|sentence| pieces(sentence)).collect();
        let Verdict { level, headline, problems, notes } = verdict;
        Self { level, headline, problems: marked(problems), notes: marked(notes) }
    }
}

/// One notification.
#[derive(Serialize)]
pub(super) struct Row {
    id: NotificationId,
    event: Option<String>,
    kind: &'static str,
    state: String,
    is_unfinished: bool,
    received: Time,
    people: Option<String>,
    sent: String,
    failed: Option<String>,
    skipped: Option<String>,
    deferred: Option<String>,
    pending: Option<String>,
    worker: Option<String>,
}

impl Row {
    pub(super) fn new(line: &NotificationLine, now: DateTime<Utc>) -> Self {
        let tally = &line.tally;
        let some = |number: u64| (number > 0).then(|| grouped(number));
        let is_counted = line.uncounted.is_none();
        Self {
            id: line.id(),
            event: line.record.notification.event_id.map(|id| id.to_string()),
            kind: line.record.notification.kind.as_str(),
            state: line.state(),
            is_unfinished: line.is_unfinished(),
            received: Time::short(line.record.received_at, now),
            people: is_counted.then(|| grouped(tally.participants)),
            sent: grouped(tally.sent),
            failed: some(tally.failed + tally.bounced + tally.complained),
            skipped: some(tally.skipped),
            deferred: some(tally.deferred),
            pending: some(tally.pending).filter(|_| is_counted),
            worker: line.worker().map(str::to_owned),
        }
    }
}

/// How far an unfinished notification is.
#[derive(Serialize)]
pub(super) struct ProgressView {
    done: u64,
    of: u64,
    percent: u64,
    in_words: String,
}

impl ProgressView {
    pub(super) fn new(progress: &Progress) -> Self {
        let Progress { done, pending, .. } = *progress;
        let of = done + pending;
        let percent = (done * 100).checked_div(of).unwrap_or(100);
        let mut words = vec![format!("{} of {} ({percent} %)", grouped(done), grouped(of))];
        words.extend(progress.per_second.map(|rate| format!("{rate} a second")));
        let left = progress.seconds_left.map(|seconds| at_most(Duration::from_secs(seconds)));
        words.extend(left.map(|left| format!("{left} left")));
        Self { done, of, percent, in_words: words.join(", ") }
    }
}

#[derive(Serialize)]
struct Running {
    #[serde(flatten)]
    row: Row,
    progress: Option<ProgressView>,
}

#[derive(Serialize)]
struct WorkerView {
    name: Vec<Piece>,
    lines: Vec<Vec<Piece>>,
}

/// The status page.
#[derive(Serialize)]
pub(super) struct StatusView<'a> {
    at: Time,
    verdict: VerdictView,
    process: ProcessView,
    dead_letters: Option<DeadLettersView>,
    /// `None` while the database is away.
    totals: Option<Totals>,
    running: Vec<Running>,
    failures: &'a [FailureGroup],
    more_failures: usize,
    workers: Vec<WorkerView>,
    notifications: Vec<Row>,
    hidden: Option<String>,
}

/// Of the notifications on the page.
#[derive(Serialize)]
struct Totals {
    running: String,
    pending: String,
    deferred: String,
    failed: String,
}

impl Totals {
    fn new(lines: &[NotificationLine]) -> Self {
        let sum = |of: fn(&NotificationLine) -> u64| grouped(lines.iter().map(of).sum());
        Self {
            running: sum(|line| u64::from(line.is_unfinished())),
            pending: sum(|line| line.tally.pending),
            deferred: sum(|line| line.tally.deferred),
            failed: sum(|line| line.tally.failed),
        }
    }
}

impl<'a> StatusView<'a> {
    pub(super) fn new(
        snapshot: &Snapshot,
        verdict: Verdict,
        failures: &'a [FailureGroup],
        process: ProcessView,
        dead_letters: Option<DeadLettersView>,
    ) -> Self {
        let (now, lines) = (snapshot.at, &snapshot.overview.lines);
        let running = lines.iter().filter(|line| line.is_unfinished()).map(|line| {
            let progress = snapshot.progress.iter().find(|progress| progress.notification == line.id());
            Running { row: Row::new(line, now), progress: progress.map(ProgressView::new) }
        });
        let unfinished = lines.iter().filter(|line| line.is_unfinished()).count();
        let hidden = snapshot.overview.hidden;
        Self {
            at: Time::new(now, to_the_second(now)),
            verdict: VerdictView::new(verdict),
            process,
            dead_letters,
            totals: Some(Totals::new(lines)),
            running: running.collect(),
            failures: &failures[..failures.len().min(GROUPS)],
            more_failures: failures.len().saturating_sub(GROUPS),
            workers: workers(&snapshot.overview.workers.to_text(unfinished)),
            notifications: lines.iter().rev().map(|line| Row::new(line, now)).collect(),
            hidden: (hidden > 0).then(|| advice::hidden(hidden)),
        }
    }

    pub(super) fn without_database(verdict: Verdict, process: ProcessView) -> Self {
        let now = Utc::now();
        Self {
            at: Time::new(now, to_the_second(now)),
            verdict: VerdictView::new(verdict),
            process,
            dead_letters: None,
            totals: None,
            running: Vec::new(),
            failures: &[],
            more_failures: 0,
            workers: Vec::new(),
            notifications: Vec::new(),
            hidden: None,
        }
    }
}

/// A line without an indent begins a worker; what follows with one is about it.
fn workers(text: &str) -> Vec<WorkerView> {
    let mut workers: Vec<WorkerView> = Vec::new();
    for line in text.lines() {
        match workers.last_mut() {
            Some(worker) if line.starts_with(' ') => worker.lines.push(pieces(line.trim())),
            _ => workers.push(WorkerView { name: pieces(line), lines: Vec::new() }),
        }
    }
    workers
}
