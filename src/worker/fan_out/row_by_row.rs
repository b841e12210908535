//! Reads a page of participants of which some cannot be read: its keys first, then its rows in halves (`people`), until each row
//! that cannot be read is alone. What becomes of the row is left to `audience`.

use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::people::People;

/// The participants of an event with `after < id <= up_to`, in key order, up to `limit`.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageRange {
    pub event_id: EventId,
    pub after: Option<ParticipantId>,
    pub up_to: ParticipantId,
    pub limit: u32,
}

/// A page, as far as it can be read.
#[derive(Debug)]
pub(super) struct ReadPage {
    /// Those who can be read, in key order.
    pub people: Vec<Participant>,
    /// Those who cannot, with the reason.
    pub unreadable: Vec<(ParticipantId, String)>,
    /// The last key of both.
    pub last: Option<ParticipantId>,
    /// Whether no other page follows.
    pub is_last: bool,
}

impl PageRange {
    /// Reads the whole page at once, or what can be read of it. An error when not even the keys can. `again`: whether it is
    /// tried again before its rows are read in halves.
    pub fn read(
        self,
        store: &Store,
        database_retry: &DatabaseRetry,
        again: bool,
    ) -> Result<Result<ReadPage, StoreError>, Stopped> {
        let Self { event_id, after, up_to, limit } = self;
        let read = || store.read_page(event_id, after, up_to, limit);
        let whole =
            if again { database_retry.while_readable(read)? } else { database_retry.if_readable(read)? };
        if let Ok(mut people) = whole {
            let (rows, last) = (people.len(), people.last().map(|last| last.id));
            // A view over a join may return a participant twice.
            people.dedup_by_key(|participant| participant.id);
            let is_last = self.is_last(rows, last);
            return Ok(Ok(ReadPage { people, unreadable: Vec::new(), last, is_last }));
        }
        let ids = database_retry.while_readable(|| store.read_page_ids(event_id, after, up_to, limit))?;
        let mut ids = match ids {
            Ok(ids) => ids,
            Err(error) => return Ok(Err(error)),
        };
        let (rows, last) = (ids.len(), ids.last().copied());
        ids.dedup();
        let is_last = self.is_last(rows, last);
        let read = |ids: &[ParticipantId]| self.read_ids(ids, store);
        let People { found, unreadable } = People::read(&ids, false, database_retry, |id| *id, read)?;
        Ok(Ok(ReadPage { people: found, unreadable, last, is_last }))
    }

    fn is_last(self, rows: usize, last: Option<ParticipantId>) -> bool {
        rows < self.limit as usize || last == Some(self.up_to)
    }

    /// Those of the page with these keys, which follow each other.
    fn read_ids(self, ids: &[ParticipantId], store: &Store) -> Result<Vec<Participant>, StoreError> {
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Ok(Vec::new()) };
        let mut people = store.read_range(self.event_id, first, last, self.limit)?;
        people.dedup_by_key(|participant| participant.id);
        Ok(people)
    }
}
