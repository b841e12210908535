//! Who was skipped in favour of people whose deferred mails a run of the sweep tries: read once for a run, because it takes a look at all
//! outcomes of the notification. What becomes of them is left to `unserved`.

use std::collections::{HashMap, HashSet};

use crate::domain::ids::{NotificationId, ParticipantId};
use crate::store::Store;
use crate::store::ledger::same_address::Successor;
use crate::worker::database_retry::{DatabaseRetry, Stopped};

/// People whose followers are read at once: as many as a run has.
const READ_AT_ONCE: u32 = 1_000;

/// A participant who was skipped in favour of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Follower {
    /// Its key.
    pub id: ParticipantId,
    /// The one that is to get the mail.
    pub first: ParticipantId,
}

/// The followers that are known by now.
#[derive(Debug)]
pub(super) struct Followers {
    notification_id: NotificationId,
    /// Of each participant whose followers were read.
    by_first: HashMap<ParticipantId, Vec<ParticipantId>>,
}

impl Followers {
    /// Those of one notification, whose outcomes nothing else changes meanwhile.
    pub(super) fn new(notification_id: NotificationId) -> Self {
        Self { notification_id, by_first: HashMap::new() }
    }

    /// Those of these people, in key order. The first time, those of everyone who is due are read.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub(super) fn of(
        &mut self,
        firsts: &[ParticipantId],
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Vec<Follower>, Stopped> {
        if firsts.iter().any(|first| !self.by_first.contains_key(first)) {
            self.read(firsts, store, database_retry)?;
        }
        Ok(self.known(firsts))
    }

    fn known(&self, firsts: &[ParticipantId]) -> Vec<Follower> {
        let of_first = |first: &ParticipantId| {
            let first = *first;
            self.by_first.get(&first).into_iter().flatten().map(move |id| Follower { id: *id, first })
        };
        let mut followers: Vec<Follower> = firsts.iter().flat_map(of_first).collect();
        followers.sort_unstable();
        followers
    }

    fn read(
        &mut self,
        firsts: &[ParticipantId],
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<(), Stopped> {
        let id = self.notification_id;
        let due = database_retry.until_ok(|| store.find_due_participants(id, READ_AT_ONCE))?;
        let unknown: HashSet<ParticipantId> =
            firsts.iter().copied().chain(due).filter(|first| !self.by_first.contains_key(first)).collect();
        let unknown: Vec<ParticipantId> = unknown.into_iter().collect();
        let found = database_retry.until_ok(|| store.find_skipped_for(id, &unknown))?;
        self.by_first.extend(unknown.into_iter().map(|first| (first, Vec::new())));
        for one in found {
            if let Some(followers) = one.first.and_then(|first| self.by_first.get_mut(&first)) {
                followers.push(one.id);
            }
        }
        Ok(())
    }

    /// Notes whom the ledger has tried now, and who follows these.
    pub(super) fn replace(&mut self, successors: &[Successor]) {
        let moved: HashSet<ParticipantId> =
            successors.iter().flat_map(|one| one.others.iter().chain([&one.id])).copied().collect();
        for followers in self.by_first.values_mut() {
            followers.retain(|id| !moved.contains(id));
        }
        self.by_first.extend(successors.iter().map(|one| (one.id, one.others.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[i64]) -> Vec<ParticipantId> {
        ids.iter().copied().map(ParticipantId).collect()
    }

    fn known(followers: &Followers, firsts: &[i64]) -> Vec<(i64, i64)> {
        followers.known(&ids(firsts)).iter().map(|one| (one.id.0, one.first.0)).collect()
    }

    /// A successor is due at once, perhaps on a later page of the same run.
    #[test]
    fn those_who_were_replaced_are_followed_by_the_others() {
        let mut followers = Followers::new(NotificationId(1));
        followers.by_first.extend(
            [(1, vec![3, 4, 7]), (2, vec![]), (5, vec![6])]
                .map(|(first, of_first)| (ParticipantId(first), ids(&of_first))),
        );
        assert_eq!(known(&followers, &[5, 1, 2, 9]), [(3, 1), (4, 1), (6, 5), (7, 1)]);
        followers.replace(&[
            Successor { id: ParticipantId(3), others: ids(&[7]) },
            Successor { id: ParticipantId(6), others: ids(&[]) },
        ]);
        assert_eq!(known(&followers, &[1, 5]), [(4, 1)]);
        assert_eq!(known(&followers, &[3, 6]), [(7, 3)]);
        assert!(followers.by_first.contains_key(&ParticipantId(6)), "it is not asked about again");
    }
}
