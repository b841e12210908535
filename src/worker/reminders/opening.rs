//! Opens reminders in the ledger: those that are due, for the dispatcher, and those that were missed, which are not sent.

use std::time::Instant;

use crate::domain::kind::Kind;
use crate::domain::message::Message;
use crate::domain::reminder::Reminder;
use crate::observe::events;
use crate::store::ledger::opening::without_message::Wanted;
use crate::worker::database_retry::Stopped;
use crate::worker::fan_out::context::Context;
use crate::worker::intake::{Place, open_anyway};
use crate::worker::reminders::Reminders;

/// Rows in one transaction.
const AT_ONCE: usize = 200;

impl Reminders {
    /// Opens and hands over those that the ledger does not have, as soon as there are places. Events that are cancelled are left out.
    pub(super) fn send(&mut self, due: Vec<Reminder>) -> Result<(), Stopped> {
        let mut new = self.unknown(due)?.into_iter();
        while !new.as_slice().is_empty() {
            let Context { intake, shutdown, .. } = &*self.context;
            let places = intake.wait_for_places(new.len().min(AT_ONCE), shutdown)?;
            let mut next = Vec::new();
            while next.len() < places.len()
                && let Some(reminder) = new.next()
            {
                if !self.is_cancelled(&reminder)? {
                    next.push(reminder);
                }
            }
            self.open(&next, places)?;
        }
        Ok(())
    }

    /// Writes those into the ledger that it does not have, so that they are not sent at any later time.
    pub(super) fn record_missed(&mut self, missed: Vec<Reminder>) -> Result<(), Stopped> {
        let mut not_cancelled = Vec::new();
        for reminder in self.unknown(missed)? {
            if !self.is_cancelled(&reminder)? {
                not_cancelled.push(reminder);
            }
        }
        let Context { store, database_retry, leases, .. } = &*self.context;
        let mut new = 0;
        for reminders in not_cancelled.chunks(AT_ONCE) {
            let rows: Vec<(Wanted, String)> = reminders
                .iter()
                .map(|reminder| (wanted(reminder, false), events::reminders::too_late(reminder)))
                .collect();
            new += database_retry.until_ok(|| store.record_missed(&rows, leases.lease_request()))?;
        }
        events::reminders::missed(new, &not_cancelled);
        self.known.extend(not_cancelled.iter().map(Reminder::key));
        Ok(())
    }

    /// Those that the ledger does not have.
    fn unknown(&mut self, mut reminders: Vec<Reminder>) -> Result<Vec<Reminder>, Stopped> {
        reminders.retain(|reminder| !self.known.contains(&reminder.key()));
        if reminders.is_empty() {
            return Ok(reminders);
        }
        let keys: Vec<String> = reminders.iter().map(Reminder::key).collect();
        let Context { store, database_retry, .. } = &*self.context;
        self.known.extend(database_retry.until_ok(|| store.find_known_keys(&keys))?);
        reminders.retain(|reminder| !self.known.contains(&reminder.key()));
        Ok(reminders)
    }

    fn is_cancelled(&self, reminder: &Reminder) -> Result<bool, Stopped> {
        let Context { store, database_retry, .. } = &*self.context;
        let is_cancelled = database_retry.until_ok(|| store.is_cancelled(reminder.event_id))?;
        if is_cancelled {
            events::reminders::cancelled(reminder.event_id);
        }
        Ok(is_cancelled)
    }

    /// Opens them with a place each, and hands over those that are this worker's.
    fn open(&mut self, reminders: &[Reminder], places: Vec<Place>) -> Result<(), Stopped> {
        if reminders.is_empty() {
            return Ok(());
        }
        let Context { store, database_retry, leases, intake, .. } = &*self.context;
        let all: Vec<Wanted> = reminders.iter().map(|reminder| wanted(reminder, true)).collect();
        let mut requested_at = Instant::now();
        let opened = open_anyway(database_retry, |audiences| {
            requested_at = Instant::now();
            store.open_wanted(&all, audiences, leases.lease_request())
        })?;
        self.known.extend(all.iter().map(|wanted| wanted.key.clone()));
        let opened =
            all.into_iter().zip(opened).map(|(Wanted { message, key, .. }, opened)| (message, key, opened));
        intake.hand_over_opened(opened, places, requested_at, leases);
        Ok(())
    }
}

fn wanted(reminder: &Reminder, starts_at_once: bool) -> Wanted {
    let message = Message::new(Kind::Reminder, reminder.event_id);
    Wanted { message, key: reminder.key(), starts_at_once }
}
