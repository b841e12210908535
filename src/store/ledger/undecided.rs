//! The people of a notification whom nothing has become of, a page at a time. Deciding about them is left to the worker.

use crate::domain::audience::{Audience, Listing};
use crate::domain::ids::ParticipantId;
use crate::domain::notification::Notification;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::ledger::deferrals::Deferral;
use crate::store::ledger::recipients::numbers_behind;

/// A page of them, in key order. It may be empty, although further pages follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndecidedPage {
    /// Those with neither an outcome nor a deferral.
    pub undecided: Vec<ParticipantId>,
    /// Those who are deferred, due or not, also if they have left.
    pub deferred: Vec<Deferral>,
    /// The key behind which the next page begins; `None`: this is the last one.
    pub next_behind: Option<ParticipantId>,
}

impl Store {
    /// Those of the first `limit` people of the notification behind `after`. People who are to be listed in the ledger are looked for on
    /// the list. Only keys are read, so that a row with something in it that cannot be read is no obstacle.
    ///
    /// # Errors
    /// When the database does not answer, or the keys cannot be read.
    pub fn read_undecided(
        &self,
        notification: &Notification,
        after: Option<ParticipantId>,
        limit: u32,
    ) -> Result<UndecidedPage, StoreError> {
        let mut undecided = self.read_audience(notification, after, limit)?;
        let full = undecided.len() == limit as usize;
        let next_behind = undecided.last().copied().filter(|last| full && *last < ParticipantId::MAX);
        let up_to = next_behind.unwrap_or(ParticipantId::MAX);
        // In this order: a decision deletes the deferral.
        let deferrals = self.deferrals_between(notification.id, after, up_to)?;
        let decided = self.decided_between(notification.id, after, up_to)?;
        undecided.retain(|id| !decided.contains(id) && !deferrals.contains_key(id));
        undecided.dedup();
        let mut deferred: Vec<Deferral> = deferrals.into_values().collect();
        deferred.retain(|deferral| !decided.contains(&deferral.participant_id));
        deferred.sort_unstable_by_key(|deferral| deferral.participant_id);
        Ok(UndecidedPage { undecided, deferred, next_behind })
    }

    /// The keys of a page of everyone whom the notification is for.
    pub(super) fn read_audience(
        &self,
        notification: &Notification,
        after: Option<ParticipantId>,
        limit: u32,
    ) -> Result<Vec<ParticipantId>, StoreError> {
        match notification.audience {
            Audience::Event { id, up_to } => self.read_page_ids(id, after, up_to, limit),
            Audience::Recipients { .. } | Audience::Given { .. } => {
                Ok(match self.find_listing(notification.id)? {
                    Some(Listing::Frozen(count)) => numbers_behind(after, count, limit),
                    Some(Listing::Reading | Listing::ReadOnce) => {
                        let listed =
                            self.read_recipients(notification.id, after.unwrap_or(ParticipantId(0)), limit)?;
                        listed.into_iter().map(|(id, _)| id).collect()
                    }
                    None => Vec::new(),
                })
            }
        }
    }
}
