//! How far the participants of a notification are decided or deferred, a page at a time. Completing it is left to `completion`.

use std::collections::BTreeSet;

use crate::domain::audience::{Audience, Listing};
use crate::domain::ids::ParticipantId;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::recipients::numbers_behind;

/// How far all participants of a range are decided or deferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedPage {
    /// One of them is not.
    Undecided,
    /// All up to this one; there are more behind it.
    UpTo(ParticipantId),
    /// All up to the frozen end.
    Last,
}

impl Store {
    /// Whether the first `limit` participants behind `after` are decided or deferred. Range queries and no join, as for the
    /// pages of a fan-out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find_decided_end(
        &self,
        notification: &Notification,
        after: impl Into<Option<ParticipantId>>,
        limit: u32,
    ) -> Result<DecidedPage, StoreError> {
        let after = after.into();
        let page = match notification.audience {
            Audience::Event { id, up_to } => self.read_page_ids(id, after, up_to, limit)?,
            Audience::Recipients { .. } | Audience::Given { .. } => {
                match self.find_listing(notification.id)? {
                    Some(Listing::Frozen(count)) => numbers_behind(after, count, limit),
                    Some(Listing::Reading | Listing::ReadOnce) => return Ok(DecidedPage::Undecided),
                    None => Vec::new(),
                }
            }
        };
        let Some(last) = page.last().copied() else { return Ok(DecidedPage::Last) };
        let mut undecided: BTreeSet<ParticipantId> = page.iter().copied().collect();
        for id in self.decided_between(notification.id, after, last)? {
            undecided.remove(&id);
        }
        if !undecided.is_empty() {
            let deferred = self.deferrals_between(notification.id, after, last)?;
            undecided.retain(|id| !deferred.contains_key(id));
        }
        let is_end = page.len() < limit as usize || last == ParticipantId::MAX;
        Ok(match undecided.is_empty() {
            false => DecidedPage::Undecided,
            true if is_end => DecidedPage::Last,
            true => DecidedPage::UpTo(last),
        })
    }
}
