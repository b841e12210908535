//! Which participant a line without a key is about: the one of its event with its address. Comparing the address itself is left
//! to `store::source::importing`: here are only hashes, so that a million people take 16 MB, and 20 MB while their lines are
//! read.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::comparable_address;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::source::import_rows::ParticipantKey;

/// Hashes of addresses with their participants, in the order of the hashes.
type Addresses = Vec<(u64, ParticipantId)>;

/// The participants of the events so far, and the lines so far.
#[derive(Default)]
pub struct KnownPeople {
    hashes: RandomState,
    events: HashMap<i64, Addresses>,
    lines: HashSet<u64>,
}

impl KnownPeople {
    /// The row that a line is about. `None` when an earlier line has the same event and address. Of several participants with
    /// one address, it is the one with the smallest key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn find(
        &mut self,
        store: &Store,
        event: i64,
        address: &str,
    ) -> Result<Option<ParticipantKey>, StoreError> {
        let address = comparable_address(address);
        if !self.lines.insert(self.hashes.hash_one((event, &address))) {
            return Ok(None);
        }
        if !self.events.contains_key(&event) {
            let addresses = load(store, event, &self.hashes)?;
            self.events.insert(event, addresses);
        }
        let addresses = self.events.get(&event).map(Vec::as_slice).unwrap_or_default();
        let hash = self.hashes.hash_one(address);
        let place = addresses.partition_point(|(other, _)| *other < hash);
        Ok(Some(match addresses.get(place) {
            Some((other, id)) if *other == hash => ParticipantKey::Found(*id),
            _ => ParticipantKey::None,
        }))
    }
}

fn load(store: &Store, event: i64, hashes: &RandomState) -> Result<Addresses, StoreError> {
    let mut addresses = Vec::new();
    let hash = |email: String| hashes.hash_one(comparable_address(&email));
    store.for_each_page(EventId::Number(event), |page| {
        addresses.extend(page.into_iter().filter_map(|person| Some((hash(person.email?), person.id))));
    })?;
    addresses.sort_unstable();
    Ok(addresses)
}
