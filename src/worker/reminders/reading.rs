//! Reads the events that start in a slice of time. If some of them cannot be read, the others are read in halves of all events, until
//! each of those is alone.

use std::ops::Range;

use chrono::{DateTime, Utc};

use crate::store::error::StoreError;
use crate::store::source::starting::StartingEvent;
use crate::store::source::starting::parts::{EventPart, Halves};
use crate::worker::reminders::{End, Reminders};

/// So many events that cannot be read are looked for one by one. With more of them, something is wrong with all.
const MOST_UNREADABLE: usize = 20;

impl Reminders {
    /// The events that start in the slice, the first one first, without those that cannot be read.
    pub(super) fn read(&mut self, slice: &Range<DateTime<Utc>>) -> Result<Vec<StartingEvent>, End> {
        let (store, database_retry) = (self.context.store.clone(), self.context.database_retry.clone());
        let mut starting = Vec::new();
        match database_retry.while_readable(|| store.find_starting(slice))? {
            Ok(found) => return Ok(found),
            Err(error) => self.read_halves(&EventPart::default(), slice, error, &mut starting)?,
        }
        starting.sort_unstable();
        starting.dedup();
        Ok(starting)
    }

    /// Adds those of the part that can be read. It has failed as a whole.
    fn read_halves(
        &mut self,
        part: &EventPart,
        slice: &Range<DateTime<Utc>>,
        error: StoreError,
        starting: &mut Vec<StartingEvent>,
    ) -> Result<(), End> {
        let (store, database_retry) = (self.context.store.clone(), self.context.database_retry.clone());
        let halves = match database_retry.if_readable(|| store.halve_events(part))? {
            Ok(Halves::Two(halves)) => halves,
            // Each slice of each offset finds the same ones again.
            Ok(Halves::One(key))
                if self.unreadable.len() < MOST_UNREADABLE || self.unreadable.contains_key(&key) =>
            {
                self.unreadable.insert(key, error.reason());
                return Ok(());
            }
            Ok(Halves::One(_)) | Err(_) => return Err(End::Unreadable(error)),
        };
        for half in halves {
            match database_retry.if_readable(|| store.find_starting_in(&half, slice))? {
                Ok(mut found) => starting.append(&mut found),
                Err(error) => self.read_halves(&half, slice, error, starting)?,
            }
        }
        Ok(())
    }
}
