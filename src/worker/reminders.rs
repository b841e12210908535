//! Reminders of events that start soon: a thread in each worker, with `REMINDERS`, looks for those that are due, opens them, and hands
//! them to the dispatcher. Nothing is scheduled in advance: each look reads the events as they are.
//!
//! A reminder has a key of its own in the ledger, so that several workers send one, and an event that was moved has another. One that
//! was due after the last look of any worker, and is too late now, was missed. One that was due before that look and is not in the
//! ledger was not there: its event was made or moved later, and people expect no reminder of it.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::reminder::{Reminder, ReminderOffset};
use crate::observe::events;
use crate::observe::health::Health;
use crate::store::error::StoreError;
use crate::store::ledger::reminders::ReminderLook;
use crate::store::source::starting::StartingEvent;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::Context;

mod opening;
mod reading;

/// The longest pause between two looks: an event that was made or moved meanwhile is seen by then.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(1);
/// The shortest one: a clock may be read a moment before a reminder is due.
const SHORTEST_PAUSE: Duration = Duration::from_millis(5);
/// What is longer ago than this is not looked for any more: no worker has sent reminders for a long time.
const LONGEST_AGO: TimeDelta = TimeDelta::days(7);
/// Events are read for so long a time at once, so that memory holds no more than start in it.
const SLICE: TimeDelta = TimeDelta::hours(6);
/// A look takes no more than this part of the time, as long as none comes too late for it.
const SHARE: u32 = 10;
/// How often starts are counted that no look finds.
const COUNT_INTERVAL: Duration = Duration::from_secs(3600);

/// Starts the thread. It ends soon after a shutdown is requested.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    context: &Arc<Context>,
    health: &Health,
    offsets: Vec<ReminderOffset>,
) -> io::Result<JoinHandle<()>> {
    let mut reminders = Reminders::new(context, health, offsets);
    thread::Builder::new().name("reminders".to_owned()).spawn(move || {
        let Stopped = reminders.run();
        log::debug!("no reminder is opened any more");
    })
}

/// What the thread knows.
pub(super) struct Reminders {
    context: Arc<Context>,
    health: Health,
    /// The longest first.
    offsets: Vec<ReminderOffset>,
    /// Keys of those in reach of a look that the ledger has.
    known: HashSet<String>,
    /// When starts are counted again that no look finds.
    count_at: Instant,
    /// What is said of those.
    odd_starts: Option<String>,
    /// Keys of events that this look cannot read, each with the reason.
    unreadable: BTreeMap<String, String>,
}

/// What one look has found.
#[derive(Default)]
struct Found {
    due: Vec<Reminder>,
    missed: Vec<Reminder>,
    /// The time to the next one.
    next: Option<TimeDelta>,
}

/// Why a look has ended early.
enum End {
    Stopping,
    Unreadable(StoreError),
}

impl From<Stopped> for End {
    fn from(_: Stopped) -> Self {
        Self::Stopping
    }
}

impl Reminders {
    pub(super) fn new(context: &Arc<Context>, health: &Health, offsets: Vec<ReminderOffset>) -> Self {
        Self {
            context: Arc::clone(context),
            health: health.clone(),
            offsets,
            known: HashSet::new(),
            count_at: Instant::now(),
            odd_starts: None,
            unreadable: BTreeMap::new(),
        }
    }

    /// Works until a shutdown is requested.
    fn run(&mut self) -> Stopped {
        loop {
            let started_at = Instant::now();
            let pause = match self.look() {
                Ok(pause) => pause,
                Err(stopped) => return stopped,
            };
            let (lasted, longest) = (started_at.elapsed(), self.longest_pause().to_std().unwrap_or_default());
            let shortest = (lasted * (SHARE - 1)).clamp(SHORTEST_PAUSE, longest.max(SHORTEST_PAUSE));
            if self.context.shutdown.wait(pause.saturating_sub(lasted).max(shortest)) {
                return Stopped;
            }
        }
    }

    /// Opens what is due, and returns the time from its begin to the next look. Data that cannot be read are told; it is tried again.
    pub(super) fn look(&mut self) -> Result<Duration, Stopped> {
        let unreadable_before = std::mem::take(&mut self.unreadable);
        match self.look_at_all() {
            Ok(pause) => {
                if self.unreadable != unreadable_before {
                    events::reminders::unreadable_events(&self.unreadable);
                }
                events::reminders::readable(&self.health, self.odd_starts.as_deref(), &self.unreadable);
                Ok(pause.to_std().unwrap_or_default())
            }
            Err(End::Stopping) => Err(Stopped),
            Err(End::Unreadable(error)) => {
                events::reminders::unreadable(&self.health, &error.reason());
                Ok(self.longest_pause().to_std().unwrap_or_default())
            }
        }
    }

    fn look_at_all(&mut self) -> Result<TimeDelta, End> {
        let (store, database_retry) = (self.context.store.clone(), self.context.database_retry.clone());
        self.count_odd_starts()?;
        let look = database_retry.until_ok(|| store.begin_reminder_look())?;
        let mut next = self.longest_pause();
        let mut in_reach = HashSet::new();
        for offset in self.offsets.clone() {
            for slice in slices(self.starts_in_reach(offset, look)) {
                let starting = self.read(&slice)?;
                let found = find(offset, look, &starting);
                next = found.next.unwrap_or(next).min(next);
                in_reach.extend(found.due.iter().chain(&found.missed).map(Reminder::key));
                self.record_missed(found.missed)?;
                self.send(found.due)?;
            }
        }
        self.known.retain(|key| in_reach.contains(key));
        database_retry.until_ok(|| store.end_reminder_look(look.clock))?;
        Ok(next)
    }

    /// A reminder of an event that appears at the last moment is not too late at the next look.
    fn longest_pause(&self) -> TimeDelta {
        let tolerances = self.offsets.iter().map(|offset| offset.tolerance() / 2);
        tolerances.min().unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE)
    }

    /// The starts of events whose reminders are due, soon due, or may have been missed.
    fn starts_in_reach(&self, offset: ReminderOffset, look: ReminderLook) -> Range<DateTime<Utc>> {
        let last = last_look(look);
        let first_due = last.min(look.clock - offset.tolerance());
        // The last look has seen what was due then.
        let last_due = look.clock + self.longest_pause();
        first_due + offset.before_start()..last_due + offset.before_start()
    }

    /// Tells of starts that no look finds. If they cannot be counted because of one row, the others are reminded of.
    fn count_odd_starts(&mut self) -> Result<(), Stopped> {
        if self.count_at > Instant::now() {
            return Ok(());
        }
        let Context { store, database_retry, .. } = &*self.context;
        let counted = database_retry.while_readable(|| store.count_odd_starts())?;
        let interval = if counted.is_ok() { COUNT_INTERVAL } else { COUNT_INTERVAL / 12 };
        self.count_at = Instant::now() + interval;
        self.odd_starts = match counted {
            Ok(odd) => odd.map(|odd| odd.to_string()),
            Err(error) => Some(events::reminders::uncounted(&error.reason())),
        };
        if let Some(sentence) = &self.odd_starts {
            events::reminders::odd_starts(sentence);
        }
        Ok(())
    }
}

/// The last look that counts. Without one, this is the first.
fn last_look(look: ReminderLook) -> DateTime<Utc> {
    look.last.unwrap_or(look.clock).clamp(look.clock - LONGEST_AGO, look.clock)
}

/// The range in parts that are read one after another.
fn slices(range: Range<DateTime<Utc>>) -> impl Iterator<Item = Range<DateTime<Utc>>> {
    let mut from = range.start;
    std::iter::from_fn(move || {
        let slice = from..(from + SLICE).min(range.end);
        from = slice.end;
        (!slice.is_empty()).then_some(slice)
    })
}

/// Which reminders of these events are due, and which were missed.
fn find(offset: ReminderOffset, look: ReminderLook, events: &[StartingEvent]) -> Found {
    let (now, last) = (look.clock, last_look(look));
    let mut found = Found::default();
    for StartingEvent { event_id, starts_at } in events.iter().copied() {
        let due_at = offset.due_at(starts_at);
        let reminder = Reminder { event_id, offset, starts_at };
        if due_at > now {
            found.next.get_or_insert(due_at - now);
        } else if !reminder.is_too_late(now) {
            found.due.push(reminder);
        } else if due_at > last {
            found.missed.push(reminder);
        }
    }
    found
}
