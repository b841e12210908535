//! Decides whether a refusal that may be about us is about its recipient. A relay that begins to refuse everyone must
//! cost no recipient the mail; a recipient whom the relay refuses for good fails alone, and soon. What follows from the
//! decision is left to the lane, and the count of people refused in a row to the breaker.

use std::time::Instant;

use crate::channels::Decision;
use crate::domain::outcome::Permanence;
use crate::observe::events::relay::RelayWords;
use crate::worker::delivery::breaker::Admission;
use crate::worker::delivery::breaker::person::Person;
use crate::worker::recipient::Recipient;

/// What one lane remembers for that.
#[derive(Debug, Default)]
pub struct RefusalCheck {
    /// The latest time at which the envelope of a mail went out that this lane had accepted, at the earliest.
    accepted_envelope: Option<Instant>,
    /// Whether this lane was refused since, for a reason that may be ours.
    refused_since: bool,
}

impl RefusalCheck {
    /// A mail of this lane was accepted. Its envelope went out at `envelope_at`, or later.
    pub fn accepted(&mut self, envelope_at: Instant) {
        self.accepted_envelope = Some(envelope_at);
        self.refused_since = false;
    }

    /// What follows from a refusal that may be about us, of a mail whose envelope went out at `envelope_at`, or later: a permanent
    /// one fails the recipient once it is confirmed. Until then, it is retried like a transient one, and charged unless the relay
    /// refuses everyone.
    pub fn decide(
        &mut self,
        admission: Admission<'_>,
        envelope_at: Instant,
        recipient: &mut Recipient,
        permanence: Permanence,
        words: RelayWords<'_>,
    ) -> Decision {
        if admission.outage_ended_since(envelope_at) {
            // The relay may have replied during the outage: this thread may have waited for a CPU since.
            admission.nothing();
            return Decision::RetryUncharged;
        }
        let mut charged = true;
        if permanence == Permanence::Permanent {
            if let Some(refused_at) = recipient.refused_at.filter(|at| admission.confirms(*at)) {
                if self.is_served_since(refused_at) {
                    admission.works();
                    return Decision::Fail;
                }
                // Another lane decides.
                charged = false;
            }
            recipient.refused_at = Some(Instant::now());
        }
        self.refused_since = true;
        let person = Person::new(recipient.address());
        charged &= admission.refused(person, words);
        if charged { Decision::Retry } else { Decision::RetryUncharged }
    }

    /// Whether a refusal by this lane shows anything about a recipient who was refused before at `refused_at`: not if
    /// the lane itself was only refused since then. Behind one name there may be several machines, one of which refuses
    /// everyone.
    fn is_served_since(&self, refused_at: Instant) -> bool {
        !self.refused_since || self.accepted_envelope > Some(refused_at)
    }
}

#[cfg(test)]
mod tests;
