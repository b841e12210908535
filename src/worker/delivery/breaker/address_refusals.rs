//! Addresses of which the relay says in a row that they do not exist. A system that looks its people up in a directory says so of everyone
//! while the directory is empty. What a refusal that is believed leads to is left to the recorder.

use crate::worker::delivery::breaker::acceptances::Acceptances;
use crate::worker::delivery::breaker::state::MAX_REFUSED_PEOPLE;

/// The refusals since the last acceptance.
#[derive(Debug, Default)]
pub struct AddressRefusals {
    number: usize,
    /// What the relay had accepted before them.
    before: Acceptances,
}

impl AddressRefusals {
    /// Counts one more, when the relay has accepted so much. Whether it is believed: not once as many have come in a row as
    /// make the breaker doubt a relay.
    pub fn add(&mut self, acceptances: Acceptances) -> bool {
        if self.before != acceptances {
            *self = Self { number: 0, before: acceptances };
        }
        self.number += 1;
        self.number <= MAX_REFUSED_PEOPLE
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn twenty_in_a_row_are_believed_and_more_once_a_mail_is_accepted() {
        let mut refusals = AddressRefusals::default();
        let mut acceptances = Acceptances::default();
        for round in 1..=3 {
            let believed = (0..30).filter(|_| refusals.add(acceptances)).count();
            assert_eq!(believed, MAX_REFUSED_PEOPLE);
            acceptances.add(Instant::now() + Duration::from_secs(round));
        }
    }
}
