//! Reads a page of participants of which some cannot be read: its keys first, then its rows in halves (`people`), until each row
//! that cannot be read is alone. What becomes of the row is left to `audience`.
//!
//! A view over a join may return a participant several times. Rows with one key and one address are one participant. Of rows with one
//! key and several addresses, the one with the smallest address is the participant, and the key is told. Where not all rows of a key
//! can be read, none of its addresses is known to be the smallest: the key counts as one that cannot be read.

use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::{Participant, keep_one};
use crate::store::Store;
use crate::store::error::StoreError;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::people::People;

/// Most rows of one key that are looked at behind the end of a page. With more, the key cannot be read.
const DOUBLED_MAX: u32 = 1_000;

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
    /// Keys of rows with several addresses.
    pub doubled: Vec<ParticipantId>,
    /// The last key of all.
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
        let Self { event_id, after, up_to, .. } = self;
        // One row more tells whether the last key goes on behind the page.
        let rows = self.limit.saturating_add(1);
        let read = || store.read_page(event_id, after, up_to, rows);
        if let Ok(people) = read_whole(database_retry, again, read)? {
            return self.without_doubled(people, store, database_retry, again).map(Ok);
        }
        let ids = database_retry.while_readable(|| store.read_page_ids(event_id, after, up_to, rows))?;
        let mut ids = match ids {
            Ok(ids) => ids,
            Err(error) => return Ok(Err(error)),
        };
        let is_all = ids.len() <= self.limit as usize;
        ids.truncate(self.limit as usize);
        let last = ids.last().copied();
        let is_last = is_all || last == Some(up_to);
        ids.dedup();
        let mut doubled = Vec::new();
        let read = |ids: &[ParticipantId]| self.read_ids(ids, &mut doubled, store);
        let People { found, unreadable } = People::read(&ids, false, database_retry, |id| *id, read)?;
        Ok(Ok(ReadPage { people: found, unreadable, doubled, last, is_last }))
    }

    /// A page of these rows, of which one may be too many.
    fn without_doubled(
        self,
        mut people: Vec<Participant>,
        store: &Store,
        database_retry: &DatabaseRetry,
        again: bool,
    ) -> Result<ReadPage, Stopped> {
        let is_all = people.len() <= self.limit as usize;
        let next = people.get(self.limit as usize).map(|next| next.id);
        people.truncate(self.limit as usize);
        let last = people.last().map(|last| last.id);
        // Behind the largest key of all, no page begins.
        let is_last = is_all || last == Some(self.up_to);
        let (mut unreadable, mut doubled) = (Vec::new(), Vec::new());
        if let Some(id) = next.filter(|next| Some(*next) == last) {
            // The next page begins behind this key.
            let of_key = || all_of(DOUBLED_MAX, |rows| store.read_range(self.event_id, id, id, rows));
            match read_whole(database_retry, again, of_key)? {
                Ok(others) => people.extend(others),
                Err(error) => {
                    people.retain(|person| person.id != id);
                    unreadable.push((id, error.reason()));
                }
            }
        }
        keep_one_of_each(&mut people, &mut doubled);
        Ok(ReadPage { people, unreadable, doubled, last, is_last })
    }

    /// Those of the page with these keys, which follow each other.
    fn read_ids(
        self,
        ids: &[ParticipantId],
        doubled: &mut Vec<ParticipantId>,
        store: &Store,
    ) -> Result<Vec<Participant>, StoreError> {
        let (Some(&first), Some(&last)) = (ids.first(), ids.last()) else { return Ok(Vec::new()) };
        // Behind the last key of the page, its other rows may follow.
        let rows = self.limit.saturating_add(DOUBLED_MAX);
        let mut people = all_of(rows, |rows| store.read_range(self.event_id, first, last, rows))?;
        keep_one_of_each(&mut people, doubled);
        Ok(people)
    }
}

/// `again`: whether a failure is tried again first.
fn read_whole<T>(
    database_retry: &DatabaseRetry,
    again: bool,
    read: impl FnMut() -> Result<T, StoreError>,
) -> Result<Result<T, StoreError>, Stopped> {
    if again { database_retry.while_readable(read) } else { database_retry.if_readable(read) }
}

/// All that `read` finds, if these are no more than `most` rows.
fn all_of(
    most: u32,
    read: impl FnOnce(u32) -> Result<Vec<Participant>, StoreError>,
) -> Result<Vec<Participant>, StoreError> {
    let people = read(most.saturating_add(1))?;
    if people.len() <= most as usize {
        return Ok(people);
    }
    let cause = format!("more than {DOUBLED_MAX} rows have one id; one row is one mail");
    Err(StoreError::unreadable("read participants", &cause))
}

/// Keeps one row of each key. If they have several addresses, the key is `doubled`.
fn keep_one_of_each(people: &mut Vec<Participant>, doubled: &mut Vec<ParticipantId>) {
    people.dedup_by(|next, kept| {
        let is_same = next.id == kept.id;
        if is_same && keep_one(kept, next) && !doubled.contains(&kept.id) {
            doubled.push(kept.id);
        }
        is_same
    });
}
