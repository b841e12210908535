//! Keys that several rows of an event have: a note if the rows have one address, and a problem if they have several.

use std::collections::BTreeSet;

use crate::commands::check::data::summary::{Summary, shown_key};
use crate::domain::ids::{EventId, ParticipantId};
use crate::domain::participant::{Participant, comparable_address};
use crate::store::source::sample::{DoubledKeys, SomeKeys};
use crate::text::count::count;

impl Summary {
    /// Adds the keys of several rows among those that were looked at.
    pub(super) fn add_doubled_rows(&mut self, event: EventId, people: &[Participant]) {
        self.doubled.extend(doubled_keys(people).map(|keys| (event, keys)));
    }

    /// Rows of one key with one address are one participant.
    pub(super) fn doubled_rows(&self) -> Option<String> {
        let with_one_address = |keys: &&DoubledKeys| keys.differing.is_none();
        let (event, keys) = self.doubled.iter().find(|(_, keys)| with_one_address(keys))?;
        let number: u64 = self.doubled.values().filter(with_one_address).map(|keys| keys.all.count).sum();
        Some(format!(
            "more than one row of an event has the same participants.id, with one address ({}, such as {} in event {event}); \
             they are one participant, who gets one mail",
            count(number, "key"),
            shown_key(&keys.all.first)
        ))
    }

    /// Of rows of one key with several addresses, one gets the mail.
    pub(super) fn several_addresses(&self) -> Option<String> {
        let differing =
            || self.doubled.iter().filter_map(|(event, keys)| Some((event, keys.differing.as_ref()?)));
        let (event, keys) = differing().next()?;
        let number: u64 = differing().map(|(_, keys)| keys.count).sum();
        Some(format!(
            "more than one row of an event has the same participants.id, with several addresses ({}, such as {} in event \
             {event}), and only one of them would be mailed; every person needs an id of their own: a JOIN or a UNION in a view \
             may repeat an id, which GROUP BY makes one row again; a CAST of text may make the same id of several",
            count(number, "key"),
            shown_key(&keys.first)
        ))
    }
}

/// The keys of several rows, which come in key order.
fn doubled_keys(people: &[Participant]) -> Option<DoubledKeys> {
    let rows_of_keys = people.chunk_by(|one, next| one.id == next.id);
    let doubled: Vec<&[Participant]> = rows_of_keys.filter(|rows| rows.len() > 1).collect();
    let have_addresses = |rows: &&&[Participant]| {
        let addresses = rows.iter().filter_map(|row| row.email.as_deref()).map(comparable_address);
        addresses.collect::<BTreeSet<_>>().len() > 1
    };
    let some = |keys: Vec<ParticipantId>| SomeKeys::of(&keys);
    let all = some(doubled.iter().map(|rows| rows[0].id).collect())?;
    let differing = some(doubled.iter().filter(have_addresses).map(|rows| rows[0].id).collect());
    Some(DoubledKeys { all, differing })
}
