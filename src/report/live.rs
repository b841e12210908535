//! What happens now, again and again: the workers, the queues, and how fast each fan-out gets on. For `status --watch`, which draws it.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;

use crate::domain::ids::{EventId, NotificationId};
use crate::domain::outcome::Tally;
use crate::report::advice;
use crate::report::notifications::NotificationLine;
use crate::report::overview::find_line;
use crate::report::progress::{Progress, ProgressTracker};
use crate::report::workers::Workers;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::row::NotificationRecord;

/// Those that have ended and are shown.
const NEWEST: u32 = 5;

/// After this time, all is counted again. In between only outcomes are, which is faster: people that leave the event change little.
const RECOUNT: Duration = Duration::from_secs(60);

/// What is happening.
pub struct LiveView {
    /// All workers, with their problems and notes.
    pub workers: Workers,
    /// Those that are not completed, and the newest that are, oldest first.
    pub lines: Vec<NotificationLine>,
    /// How far those are that wait or are being sent.
    pub progress: HashMap<NotificationId, Progress>,
}

/// Reads it again and again.
#[derive(Default)]
pub struct LiveReader {
    progress: ProgressTracker,
    counted: HashMap<NotificationId, Counted>,
}

/// What was counted before.
struct Counted {
    record: NotificationRecord,
    tally: Tally,
    at: Instant,
}

impl LiveReader {
    /// What happens now. A worker that has not reported for longer than `report_timeout` is silent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn read(
        &mut self,
        store: &Store,
        event: Option<EventId>,
        report_timeout: Duration,
    ) -> Result<LiveView, StoreError> {
        let workers = Workers::new(store.list_workers()?, report_timeout);
        let (records, _) = store.list_newest_notifications(event, NEWEST)?;
        let ids: HashSet<NotificationId> = records.iter().map(|record| record.notification.id).collect();
        let mut lines = Vec::new();
        for record in records {
            let Some(line) = self.read_line(store, record, report_timeout)? else { continue };
            lines.push(line);
        }
        self.counted.retain(|id, _| ids.contains(id));
        let progress = self.progress.observe(&lines, Instant::now());
        let progress = progress.into_iter().map(|progress| (progress.notification, progress)).collect();
        Ok(LiveView { workers, lines, progress })
    }

    /// Counts all of it if it is new or something but its outcomes has changed.
    fn read_line(
        &mut self,
        store: &Store,
        record: NotificationRecord,
        report_timeout: Duration,
    ) -> Result<Option<NotificationLine>, StoreError> {
        let id = record.notification.id;
        let before = self.counted.get(&id).filter(|before| {
            let NotificationRecord { state, notification, .. } = &before.record;
            *state == record.state && *notification == record.notification && before.at.elapsed() < RECOUNT
        });
        let Some(before) = before else {
            let Some(line) = find_line(store, id, report_timeout)? else { return Ok(None) };
            self.counted.insert(id, Counted { record, tally: line.tally, at: Instant::now() });
            return Ok(Some(line));
        };
        let counted = store.tally_without_participants(id)?;
        let participants = before.tally.participants.max(counted.participants);
        let pending = participants - counted.participants;
        let tally = Tally { participants, pending, ..counted };
        let (workers, sessions) = (store.list_workers()?, store.list_live_sessions(report_timeout)?);
        let next_try_at = if tally.deferred > 0 { store.find_next_try(id)? } else { None };
        Ok(Some(NotificationLine::new(record, tally, next_try_at, &workers, &sessions)))
    }
}

impl LiveView {
    /// The lines of a screen: workers and what `queues` says, then a line for each notification, and what needs attention.
    #[must_use]
    pub fn to_text(&self, queues: &str, now: NaiveDateTime) -> String {
        let mut text = format!("{}{queues}\n", self.workers.to_text(self.progress.len()));
        if self.lines.is_empty() {
            text.push_str("No notifications.\n");
        }
        text.extend(self.sentences().map(|line| line + "\n"));
        let mut advice = advice::problems(&self.lines);
        advice.extend(advice::advice(&self.lines, now, self.workers.are_running()));
        if !advice.is_empty() {
            text.push('\n');
        }
        text.extend(advice.into_iter().map(|line| line + "\n"));
        text
    }

    /// What a log of it has, a line each: the workers' problems and the notifications.
    #[must_use]
    pub fn to_lines(&self, queues: &str) -> Vec<String> {
        let workers = self.workers.to_text(self.progress.len());
        let others = workers.lines().chain(queues.lines()).map(|line| line.trim().to_owned());
        others.chain(self.sentences()).collect()
    }

    fn sentences(&self) -> impl Iterator<Item = String> {
        self.lines.iter().map(|line| sentence(line, self.progress.get(&line.id()).copied()))
    }
}

/// `notification 72, UPDATED of event 123: running, 1000 of 250000 (0 %), 1234/s, 4 min left; 3 failed`
fn sentence(line: &NotificationLine, progress: Option<Progress>) -> String {
    let Tally { participants, sent, failed, skipped, deferred, pending, bounced, complained, .. } =
        line.tally;
    let how = match progress {
        Some(progress) => format!(", {}", progress.to_text()),
        None => format!(", {sent} sent of {participants}"),
    };
    let others = [
        (failed, "failed"),
        (deferred, "deferred"),
        (skipped, "skipped"),
        (bounced, "bounced"),
        (complained, "complained"),
    ];
    let mut others: Vec<String> = others
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    if progress.is_none() && pending > 0 {
        others.push(format!("{pending} pending"));
    }
    let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
    format!("notification {}, {}: {}{how}{others}", line.id(), line.record.notification, line.state())
}
