//! Domains of which the relay refuses people while it accepts mails to others. What follows from a refusal is left to `state`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::worker::delivery::breaker::acceptances::Acceptances;
use crate::worker::delivery::breaker::person::{Domain, Person};

/// Most domains that are remembered. Beyond that all are forgotten, and learned again.
const MAX_DOMAINS: usize = 10_000;

/// How long a refusal is remembered: what the relay did before tells nothing about the account and the sender of today.
const MAX_AGE: Duration = Duration::from_secs(15 * 60);

/// The domains of which a person was refused, and none accepted since then: when the first one was refused.
#[derive(Debug, Default)]
pub struct RefusedDomains(HashMap<Domain, Instant>);

impl RefusedDomains {
    /// The relay refused this person at `now`. Says whether it refuses the domain and not everyone: it refused a person of the
    /// domain before, and has accepted mails to other domains alone since then.
    pub fn refused(&mut self, now: Instant, person: Person, acceptances: Acceptances) -> bool {
        if self.0.len() >= MAX_DOMAINS {
            self.0.clear();
        }
        let first_refused_at = self.0.entry(person.domain).or_insert(now);
        if now - *first_refused_at > MAX_AGE {
            *first_refused_at = now;
        }
        acceptances.any_after(*first_refused_at)
    }

    /// The relay accepted a mail to this address.
    pub fn accepted(&mut self, address: &str) {
        if !self.0.is_empty() {
            self.0.remove(&Person::new(address).domain);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_refused_alone_if_only_others_were_accepted_since() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (ann, bob) = (Person::new("ann@example.com"), Person::new("bob@example.com"));
        let (mut domains, mut acceptances) = (RefusedDomains::default(), Acceptances::default());
        assert!(!domains.refused(at(1), ann, acceptances));
        assert!(!domains.refused(at(2), bob, acceptances), "nothing was accepted");
        acceptances.add(at(3));
        domains.accepted("eve@example.org");
        assert!(domains.refused(at(4), ann, acceptances) && domains.refused(at(4), bob, acceptances));
        acceptances.add(at(5));
        domains.accepted("Zoe@Example.com");
        assert!(!domains.refused(at(6), ann, acceptances), "somebody of the domain was accepted");
        acceptances.outage_ended(at(7));
        acceptances.add(at(8));
        assert!(domains.refused(at(9), ann, acceptances), "an outage in between changes nothing");
        let later = at(6) + MAX_AGE;
        assert!(domains.refused(later, bob, acceptances));
        assert!(!domains.refused(later + Duration::from_secs(1), bob, acceptances), "that is too long ago");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (now, acceptances) = (Instant::now(), Acceptances::default());
        let mut domains = RefusedDomains::default();
        for number in 0..3 * MAX_DOMAINS {
            domains.refused(now, Person::new(&format!("ann@{number}.example.com")), acceptances);
            assert!(domains.0.len() <= MAX_DOMAINS);
        }
    }
}
