//! Whom the relay has refused. Whether a refusal may be about us is left to `refusal_check`, and what follows to `state`.

use std::hash::{DefaultHasher, Hash, Hasher};

/// One person, over all notifications: hashes of the address and of its domain, both in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    address: u64,
    /// The domain of the address.
    pub domain: Domain,
}

/// The hash of a domain in lower case.
pub type Domain = u64;

impl Person {
    /// The person with this address.
    #[must_use]
    pub fn new(address: &str) -> Self {
        let address = address.to_lowercase();
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        Self { address: hash(&address), domain: hash(domain) }
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_in_capitals_make_no_other_person_and_no_other_domain() {
        let [ann, ann_again, bob, eve] =
            ["ann@example.com", "Ann@Example.COM", "bob@EXAMPLE.com", "ann@example.org"].map(Person::new);
        assert_eq!(ann, ann_again);
        assert!(ann != bob && ann.domain == bob.domain);
        assert!(ann != eve && ann.domain != eve.domain);
    }
}
