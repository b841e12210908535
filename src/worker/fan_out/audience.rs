//! Paging: the undecided participants of a notification, a page at a time, in key order. What is read is left to the
//! store.

use crate::domain::audience::Audience;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::worker::database_retry::{DatabaseRetry, Stopped};

/// The pages of one notification, as far as they are read.
#[derive(Debug)]
pub struct Pages {
    notification_id: NotificationId,
    audience: Audience,
    page_size: u32,
    resumed: bool,
    /// The last participant that was read.
    after: ParticipantId,
    ended: bool,
}

impl Pages {
    /// The audience of the notification, from the first page on, in pages of `page_size`. `resumed` when an earlier
    /// run may have decided some participants.
    #[must_use]
    pub fn new(notification: &Notification, page_size: u32, resumed: bool) -> Self {
        Self {
            notification_id: notification.id,
            audience: notification.audience,
            page_size,
            resumed,
            after: ParticipantId(0),
            ended: false,
        }
    }

    /// Whether there is no further page.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// The undecided participants of the next page; possibly none. Two range queries and no join: on PostgreSQL with
    /// stale statistics a join was measured going quadratic (27 s for 500 pages, against 0.1 s).
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub fn next(
        &mut self,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Vec<Participant>, Stopped> {
        let (id, after, limit) = (self.notification_id, self.after, self.page_size);
        let mut page = match self.audience {
            Audience::Event { id: event_id, up_to } => {
                database_retry.until_ok(|| store.read_page(event_id, after, up_to, limit))?
            }
        };
        self.ended = page.len() < limit as usize;
        // A view over a join may return a participant twice.
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
