//! People who were skipped in favour of another one with the same address, who has left the event or has another address since
//! and got no mail there. A fan-out that is resumed and `fanmail retry` make them undecided again; the sweep defers one of them
//! for each address. What the ledger says about them is left to the store.

use std::collections::HashMap;

use crate::channels::email::address::comparable;
use crate::domain::ids::ParticipantId;
use crate::domain::lease::Lease;
use crate::domain::notification::Notification;
use crate::domain::participant::Participant;
use crate::store::Store;
use crate::store::ledger::deferrals::Deferral;
use crate::store::ledger::same_address::{SkippedForAddress, Successor};
use crate::worker::database_retry::DatabaseRetry;
use crate::worker::fan_out::claim::Claim;
use crate::worker::fan_out::context::{Halt, PARTICIPANTS, read_data};

/// Those who are read at once.
const PAGE: u32 = 1_000;

/// Those of one claim.
#[derive(Debug)]
pub(super) struct Unserved {
    notification: Notification,
    lease: Lease,
    one_mail_per_address: bool,
}

impl Unserved {
    pub(super) fn new(claim: &Claim) -> Self {
        let (lease, one_mail_per_address) = (claim.held.lease, claim.one_mail_per_address);
        Self { notification: claim.notification, lease, one_mail_per_address }
    }

    /// Makes them undecided again.
    ///
    /// # Errors
    /// When a shutdown is requested before the database answers, or they cannot be read.
    pub(super) fn reopen(&self, store: &Store, database_retry: &DatabaseRetry) -> Result<(), Halt> {
        let mut after = None;
        loop {
            let read = || store.read_skipped_for_address(&self.notification, after, PAGE);
            let page = read_data(database_retry, PARTICIPANTS, read)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            let ids: Vec<ParticipantId> =
                page.iter().filter(|one| is_unserved(one)).map(|one| one.id).collect();
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
    /// When a shutdown is requested before the database answers, or participants cannot be read.
    pub(super) fn defer_instead_of(
        &self,
        due: &[Deferral],
        people: &HashMap<ParticipantId, Result<Participant, String>>,
        store: &Store,
        database_retry: &DatabaseRetry,
    ) -> Result<(), Halt> {
        // A worker without the option may sweep what one with it has begun.
        let may_be_first = |id: &ParticipantId| match people.get(id) {
            Some(Ok(_)) => self.one_mail_per_address,
            Some(Err(_)) => false,
            None => true,
        };
        let firsts: Vec<ParticipantId> =
            due.iter().map(|deferral| deferral.participant_id).filter(may_be_first).collect();
        if firsts.is_empty() {
            return Ok(());
        }
        let find = || store.find_skipped_for(&self.notification, &firsts);
        let successors = successors(&read_data(database_retry, PARTICIPANTS, find)?);
        if !successors.is_empty() {
            database_retry.until_ok(|| store.defer_successors(self.lease, &successors))?;
        }
        Ok(())
    }
}

/// Whether nothing was sent to the address of the participant, and nothing will be.
fn is_unserved(skipped: &SkippedForAddress) -> bool {
    let Some(participant) = &skipped.participant else { return false };
    let has_address =
        |first: &Participant| address(first).is_some() && address(first) == address(participant);
    !skipped.is_settled && !skipped.first.as_ref().is_some_and(has_address)
}

fn address(participant: &Participant) -> Option<String> {
    participant.email.as_deref().and_then(comparable)
}

/// The unserved with the smallest key of each address, and the others with that address. They come in key order.
fn successors(skipped: &[SkippedForAddress]) -> Vec<Successor> {
    let mut successors: Vec<Successor> = Vec::new();
    let mut by_address: HashMap<String, usize> = HashMap::new();
    for SkippedForAddress { id, participant, .. } in skipped.iter().filter(|one| is_unserved(one)) {
        let address = participant.as_ref().and_then(address);
        if let Some(&index) = address.as_ref().and_then(|address| by_address.get(address)) {
            successors[index].others.push(*id);
            continue;
        }
        by_address.extend(address.map(|address| (address, successors.len())));
        successors.push(Successor { id: *id, others: Vec::new() });
    }
    successors
}
