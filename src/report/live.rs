//! What happens now, again and again: the workers, the queues, and how fast each fan-out gets on. For `status --watch`, which draws it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::NaiveDateTime;

use crate::domain::ids::{EventId, NotificationId};
use crate::domain::outcome::Tally;
use crate::report::advice;
use crate::report::notifications::NotificationLine;
use crate::report::overview::{Overview, Selection};
use crate::report::progress::{Progress, ProgressTracker};
use crate::report::tallies::Tallies;
use crate::report::workers::Workers;
use crate::store::Store;
use crate::store::error::StoreError;

/// Those that have ended and are shown.
const NEWEST: u32 = 5;

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
    tallies: Tallies,
}

impl LiveReader {
    /// What happens now. A worker that has not reported for longer than `report_timeout` is silent.
    ///
    /// # Errors
    /// When the database does not answer, or has no such event.
    pub fn read(
        &mut self,
        store: &Store,
        event: Option<EventId>,
        report_timeout: Duration,
    ) -> Result<LiveView, StoreError> {
        let selection = Selection { event, newest: Some(NEWEST) };
        let Overview { workers, lines, .. } =
            Overview::read_again(store, &selection, report_timeout, &mut self.tallies)?;
        let progress = self.progress.observe(&lines, Instant::now());
        let progress = progress.into_iter().map(|progress| (progress.notification, progress)).collect();
        Ok(LiveView { workers, lines, progress })
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
