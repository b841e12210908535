//! Paging: the undecided people of a notification, a page at a time, in key order.

use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::worker::database_retry::{DatabaseRetry, Stopped};

/// Where the reading of one notification's people stands.
#[derive(Debug)]
pub struct Pages {
    notification: Notification,
    event_id: EventId,
    batch_size: u32,
    /// Some people may have been decided by an earlier run.
    resumed: bool,
    after: ParticipantId,
    ended: bool,
}

impl Pages {
    /// The participants of the event, from the first page on. `resumed` when an earlier run may have decided some.
    #[must_use]
    pub fn new(notification: Notification, event_id: EventId, batch_size: u32, resumed: bool) -> Self {
        Self { notification, event_id, batch_size, resumed, after: ParticipantId(0), ended: false }
    }

    /// Whether there is no further page.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The undecided people of the next page; possibly none. Two range queries and no join: on PostgreSQL with
    /// stale statistics a join was measured going quadratic (27 s for 500 pages, against 0.1 s).
    ///
    /// # Errors
    /// When the worker is to stop before the database answers.
    pub fn next(
        &mut self,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Vec<Participant>, Stopped> {
        let Notification { id, max_participant_id: max, .. } = self.notification;
        let (event_id, after) = (self.event_id, self.after);
        let mut page = database_retry.until_ok(|| store.read_page(event_id, after, max, self.batch_size))?;
        self.ended = page.len() < self.batch_size as usize;
        // A view over a join may have somebody twice; they are one participant all the same.
        page.dedup_by_key(|participant| participant.id);
        let Some(last) = page.last() else { return Ok(page) };
        self.after = last.id;
        if self.resumed {
            let decided = database_retry.until_ok(|| store.decided_between(id, after, self.after))?;
            page.retain(|participant| !decided.contains(&participant.id));
        }
        Ok(page)
    }
}
