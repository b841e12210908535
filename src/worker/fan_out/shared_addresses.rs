//! Which participants of an event have one address, and which of them has its mail; or which recipients of a notice that says the same to
//! them. Exact for addresses as they are written to the relay; the database only says which addresses may occur more than once. What
//! follows is left to `one_mail_per_address`.
//!
//! Memory grows with the addresses that occur more than once, and not with the audience: for each a hash of 8 bytes, and for each
//! way to write it 24 bytes. Only if the database cannot say which these are, each address takes 24 bytes, in a map that is up to
//! half empty. 128 random bits make it impossible in practice that two addresses are taken for one.

use std::collections::HashMap;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::domain::address::comparable;
use crate::domain::ids::ParticipantId;
use crate::domain::participant::Participant;

/// The addresses of one audience.
#[derive(Debug, Default)]
pub struct SharedAddresses {
    hashers: [RandomState; 2],
    /// In small letters: those that may occur more than once. `None`: any may.
    repeated: Option<HashSet<u64>>,
    /// Who has the mail of each address that was looked at.
    mailed: HashMap<AddressKey, ParticipantId>,
}

/// Stands for one address, and what the message says to it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressKey([u64; 2]);

impl SharedAddresses {
    /// Any address may occur more than once: of an audience that is in one page, or of which the database cannot say more.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Only those that [`Self::add_repeated`] gets may.
    #[must_use]
    pub fn only_repeated() -> Self {
        Self { repeated: Some(HashSet::new()), ..Self::default() }
    }

    /// Adds an address that may occur more than once, in any capitals.
    pub fn add_repeated(&mut self, address: &str) {
        if let (Some(repeated), Some(address)) = (&mut self.repeated, comparable(address)) {
            repeated.insert(self.hashers[0].hash_one(address.to_lowercase()));
        }
    }

    /// The address of the participant, if it may occur more than once. An address to which no mail can be sent does not count:
    /// each of its participants is `failed`, as without this.
    #[must_use]
    pub fn key(&self, participant: &Participant) -> Option<AddressKey> {
        if self.repeated.as_ref().is_some_and(HashSet::is_empty) {
            return None;
        }
        let address = comparable(participant.email.as_deref()?)?;
        let may_be_repeated =
            |repeated: &HashSet<u64>| repeated.contains(&self.hashers[0].hash_one(address.to_lowercase()));
        self.repeated.as_ref().is_none_or(may_be_repeated).then(|| self.hash(&address, participant))
    }

    /// Notes who has the mail of an address, unless that is known.
    pub fn note(&mut self, key: AddressKey, participant_id: ParticipantId) {
        self.mailed.entry(key).or_insert(participant_id);
    }

    /// Who gets the mail in the place of the participant, if that is another one. If none has it yet, the participant gets it.
    pub fn other_with_mail(&mut self, participant: &Participant) -> Option<ParticipantId> {
        let key = self.key(participant)?;
        let first = *self.mailed.entry(key).or_insert(participant.id);
        (first != participant.id).then_some(first)
    }

    fn hash(&self, address: &str, participant: &Participant) -> AddressKey {
        let hash = |hasher: &RandomState| hasher.hash_one((address, &participant.details));
        AddressKey([&self.hashers[0], &self.hashers[1]].map(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(id: i64, email: &str) -> Participant {
        Participant {
            id: ParticipantId(id),
            key: None,
            email: Some(email.to_owned()),
            name: String::new(),
            locale: None,
            timezone: None,
            details: None,
        }
    }

    fn first(addresses: &mut SharedAddresses, id: i64, email: &str) -> Option<i64> {
        addresses.other_with_mail(&person(id, email)).map(|first| first.0)
    }

    #[test]
    fn the_first_has_the_mail_and_capitals_matter_before_the_at_only() {
        let mut addresses = SharedAddresses::any();
        for (id, email, other) in [
            (1, "ann@example.org", None),
            (2, " ann@EXAMPLE.org", Some(1)),
            (3, "Ann@example.org", None),
            (4, "Ann@Example.org", Some(3)),
            (5, "jo@b\u{fc}cher.example", None),
            (6, "jo@xn--bcher-kva.example", Some(5)),
            (7, "no address", None),
            (8, "no address", None),
            (1, "ann@example.org", None),
        ] {
            assert_eq!(first(&mut addresses, id, email), other, "{id}: {email}");
        }
        let without = Participant { email: None, ..person(9, "") };
        assert_eq!(addresses.other_with_mail(&without), None);
        assert_eq!(addresses.other_with_mail(&Participant { id: ParticipantId(10), ..without }), None);
    }

    #[test]
    fn only_addresses_that_may_be_repeated_take_memory() {
        let mut addresses = SharedAddresses::only_repeated();
        assert_eq!([first(&mut addresses, 1, "a@x.org"), first(&mut addresses, 2, "a@x.org")], [None, None]);
        for repeated in ["ANN@x.org", "jo@b\u{fc}cher.example", "not one"] {
            addresses.add_repeated(repeated);
        }
        let people = [
            (3, "Ann@x.org"),
            (4, "ann@x.org"),
            (5, "Ann@X.org"),
            (6, "jo@xn--bcher-kva.example"),
            (7, "a@x.org"),
        ];
        let others = people.map(|(id, email)| first(&mut addresses, id, email));
        assert_eq!(others, [None, None, Some(3), None, None]);
        assert_eq!(addresses.mailed.len(), 3);
    }

    #[test]
    fn who_is_noted_first_has_the_mail() {
        let mut addresses = SharedAddresses::any();
        let key = addresses.key(&person(1, "a@x.org")).unwrap();
        addresses.note(key, ParticipantId(5));
        addresses.note(key, ParticipantId(7));
        assert_eq!(
            [first(&mut addresses, 1, "a@x.org"), first(&mut addresses, 5, "a@x.org")],
            [Some(5), None]
        );
    }
}
