//! People who were skipped in favour of another one with the same address, who has left the event or has another address since
//! and got no mail there. A fan-out that is resumed and `fanmail retry` make them undecided again; the sweep defers one of them
//! for each address. What the ledger says about them is left to the store, who follows whom in a run of the sweep to `followers`.

use std::collections::HashMap;

use crate::domain::address::comparable;
use crate::domain::ids::ParticipantId;
use crate::domain::lease::Lease;
use crate::domain::message::details::DetailsJson;
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::ledger::deferrals::Deferral;
use crate::store::ledger::same_address::Successor;
use crate::worker::database_retry::{DatabaseRetry, Stopped};
use crate::worker::fan_out::claim::Claim;
use crate::worker::fan_out::followers::{Follower, Followers};
use crate::worker::fan_out::people::People;

/// Those who are read at once.
const PAGE: u32 = 1_000;

/// People who take part, or why they cannot be read.
type Found = HashMap<ParticipantId, Result<Participant, String>>;

/// Those of one claim.
#[derive(Debug)]
pub(super) struct Unserved {
    notification: Notification,
    lease: Lease,
    one_mail_per_address: bool,
    followers: Followers,
    /// Whether some of them could not be read so far.
    has_failed: bool,
}

impl Unserved {
    pub(super) fn new(claim: &Claim) -> Self {
        Self {
            notification: claim.notification,
            lease: claim.held.lease,
            one_mail_per_address: claim.one_mail_per_address,
            followers: Followers::new(claim.notification.id),
            has_failed: false,
        }
    }

    /// Makes them undecided again.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub(super) fn reopen(&mut self, store: &Store, database_retry: &DatabaseRetry) -> Result<(), Stopped> {
        let (id, mut after) = (self.notification.id, None);
        loop {
            let page = database_retry.until_ok(|| store.read_skipped_for_address(id, after, PAGE))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            let unsettled: Vec<Follower> =
                page.iter().filter_map(|one| Some(Follower { id: one.id, first: one.first? })).collect();
            let ids: Vec<ParticipantId> = unsettled.iter().flat_map(|one| [one.id, one.first]).collect();
            let found = self.find_people(ids, store, database_retry)?;
            let unserved =
                unsettled.iter().filter(|one| is_unserved(found.get(&one.id), found.get(&one.first)));
            let ids: Vec<ParticipantId> = unserved.map(|one| one.id).collect();
            if !ids.is_empty() {
                // If the lease is lost, nothing is sent either.
                database_retry.until_ok(|| store.reopen_skipped_for_address(self.lease, &ids))?;
            }
        }
    }

    /// Before it is decided that these deferred people have left: has one participant of each address that they had tried now in
    /// their place. With one mail for each address, also in the place of those who have another address now.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers.
    pub(super) fn defer_instead_of(
        &mut self,
        due: &[Deferral],
        people: &Found,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<(), Stopped> {
        // A worker without the option may sweep what one with it has begun.
        let may_be_first = |id: &ParticipantId| match people.get(id) {
            Some(Ok(_)) => self.one_mail_per_address,
            Some(Err(_)) => false,
            None => true,
        };
        let firsts: Vec<ParticipantId> =
            due.iter().map(|deferral| deferral.participant_id).filter(may_be_first).collect();
        let followers = self.followers.of(&firsts, store, database_retry)?;
        let ids = followers.iter().map(|follower| follower.id).collect();
        let found = self.find_people(ids, store, database_retry)?;
        let successors = successors(&followers, &found, people);
        if !successors.is_empty()
            && database_retry.until_ok(|| store.defer_successors(self.lease, &successors))?
        {
            self.followers.replace(&successors);
        }
        Ok(())
    }

    fn find_people(
        &mut self,
        mut ids: Vec<ParticipantId>,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<Found, Stopped> {
        ids.sort_unstable();
        ids.dedup();
        let mut found = Found::new();
        for ids in ids.chunks(PAGE as usize) {
            let people = People::find(ids, &self.notification, store, database_retry, !self.has_failed)?;
            self.has_failed |= !people.unreadable.is_empty();
            found.extend(people.by_id());
        }
        Ok(found)
    }
}

/// Whether nothing was sent to the address of the participant, and nothing will be, unless it is undecided again. The other one
/// is not settled. If a row cannot be read, its participant waits, and no other: an undecided one is looked at again when it can be.
fn is_unserved(
    participant: Option<&Result<Participant, String>>,
    first: Option<&Result<Participant, String>>,
) -> bool {
    match (participant, first) {
        (None, _) | (Some(_), Some(Err(_))) => false,
        (Some(Err(_)), _) | (Some(Ok(_)), None) => true,
        (Some(Ok(participant)), Some(Ok(first))) => !have_one_address(first, participant),
    }
}

fn have_one_address(first: &Participant, participant: &Participant) -> bool {
    address(first).is_some() && address(first) == address(participant)
}

/// The address, and what the message says to it alone.
fn address(participant: &Participant) -> Option<(String, Option<&DetailsJson>)> {
    Some((comparable(participant.email.as_deref()?)?, participant.details.as_ref()))
}

/// The unserved with the smallest key of each address, and the others with that address. The followers come in key order. One that
/// cannot be read counts as having the address for which it was skipped.
fn successors(followers: &[Follower], found: &Found, firsts: &Found) -> Vec<Successor> {
    let mut successors: Vec<Successor> = Vec::new();
    let (mut by_address, mut by_first) = (HashMap::new(), HashMap::new());
    for &Follower { id, first } in followers {
        let Some(Ok(participant)) = found.get(&id) else { continue };
        if !is_unserved(found.get(&id), firsts.get(&first)) {
            continue;
        }
        let address = address(participant);
        let known = address.as_ref().and_then(|address| by_address.get(address)).copied();
        let index = known.unwrap_or(successors.len());
        match successors.get_mut(index) {
            Some(successor) => successor.others.push(id),
            None => successors.push(Successor { id, others: Vec::new() }),
        }
        by_address.extend(address.map(|address| (address, index)));
        by_first.entry(first).or_insert(index);
    }
    for &Follower { id, first } in followers.iter().filter(|one| matches!(found.get(&one.id), Some(Err(_)))) {
        match by_first.get(&first).copied().and_then(|index| successors.get_mut(index)) {
            Some(successor) => successor.others.push(id),
            None if !firsts.contains_key(&first) => {
                by_first.insert(first, successors.len());
                successors.push(Successor { id, others: Vec::new() });
            }
            None => {}
        }
    }
    successors
}
