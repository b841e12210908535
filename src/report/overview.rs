//! Reads what `status` shows: the workers, and the notifications with their tallies. What follows from it is left to `advice`.

use std::time::Duration;

use crate::domain::ids::{EventId, NotificationId};
use crate::report::notifications::NotificationLine;
use crate::report::tallies::{Counted, Tallies, count};
use crate::report::workers::Workers;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::live_sessions::LiveSessions;
use crate::store::ledger::row::NotificationRecord;
use crate::store::workers::Worker;

/// Which notifications are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Only those of this event.
    pub event: Option<EventId>,
    /// So many of the newest, and all that are not completed; `None`: all.
    pub newest: Option<u32>,
}

/// The workers and some notifications, as the database had them at one moment.
pub struct Overview {
    /// All workers.
    pub workers: Workers,
    /// The notifications that are wanted, oldest first.
    pub lines: Vec<NotificationLine>,
    /// How many older ones are left out, all of them completed.
    pub hidden: u64,
}

impl Overview {
    /// Reads them. A worker that has not reported for longer than `report_timeout` is silent.
    ///
    /// # Errors
    /// When the database does not answer, or has no such event.
    pub fn read(store: &Store, selection: &Selection, report_timeout: Duration) -> Result<Self, StoreError> {
        Self::read_again(store, selection, report_timeout, &mut Tallies::default())
    }

    /// The same for those who look again and again: what is `known` is not counted anew.
    ///
    /// # Errors
    /// When the database does not answer, or has no such event.
    pub fn read_again(
        store: &Store,
        selection: &Selection,
        report_timeout: Duration,
        known: &mut Tallies,
    ) -> Result<Self, StoreError> {
        let workers = store.list_workers()?;
        let sessions = store.list_live_sessions(report_timeout)?;
        let event = selection.event.map(|event| store.accept_event(event)).transpose()?;
        let (records, hidden) = match selection.newest {
            Some(limit) => store.list_newest_notifications(event, limit)?,
            None => (store.list_notifications(event)?, 0),
        };
        let line = |record| {
            let counted = known.of(store, &record)?;
            read_line(store, record, counted, &workers, &sessions)
        };
        let lines = records.into_iter().map(line).collect::<Result<_, _>>()?;
        Ok(Self { workers: Workers::new(workers, report_timeout), lines, hidden })
    }
}

/// One notification; `None` if there is none with this key.
///
/// # Errors
/// When the database does not answer.
pub fn find_line(
    store: &Store,
    id: NotificationId,
    report_timeout: Duration,
) -> Result<Option<NotificationLine>, StoreError> {
    let Some(record) = store.find_notification(id)? else { return Ok(None) };
    let (workers, sessions) = (store.list_workers()?, store.list_live_sessions(report_timeout)?);
    let counted = count(store, &record)?;
    read_line(store, record, counted, &workers, &sessions).map(Some)
}

fn read_line(
    store: &Store,
    record: NotificationRecord,
    (tally, uncounted): Counted,
    workers: &[Worker],
    sessions: &LiveSessions,
) -> Result<NotificationLine, StoreError> {
    let next_try_at = if tally.deferred > 0 { store.find_next_try(record.notification.id)? } else { None };
    let line = NotificationLine::new(record, tally, next_try_at, workers, sessions);
    let missing_event = missing_event(store, &line)?;
    Ok(NotificationLine { uncounted, missing_event, ..line })
}

/// The event for which a worker that has the notification looks in vain. What it does is in no row, so the event is looked up.
fn missing_event(store: &Store, line: &NotificationLine) -> Result<Option<EventId>, StoreError> {
    let is_worked_on = line.is_unfinished() && line.worker().is_some() && !line.has_lost_holder();
    let Some(event_id) = line.record.notification.event_id.filter(|_| is_worked_on) else { return Ok(None) };
    match store.has_event(event_id) {
        Err(error) if error.is_unreadable() => Ok(None),
        found => found.map(|found| (!found).then_some(event_id)),
    }
}
