//! What the acceptances of the relay prove about an earlier refusal. What is done about a refusal is left to the lane.

use std::time::Instant;

/// The acceptances of the relay since the last outage. A copy of it shows what was known at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acceptances {
    /// When the last outage ended.
    outage_ended: Option<Instant>,
    /// The latest time at which the envelope of an accepted mail went out, at the earliest.
    last_envelope: Option<Instant>,
}

impl Acceptances {
    /// A mail was accepted. Its envelope went out at `envelope_at`, or later.
    pub fn add(&mut self, envelope_at: Instant) {
        self.last_envelope = self.last_envelope.max(Some(envelope_at));
    }

    /// An outage has ended. What was accepted before it proves nothing about later refusals.
    pub fn outage_ended(&mut self, now: Instant) {
        self.outage_ended = Some(now);
    }

    /// Whether a mail was accepted whose envelope went out after `refused_at`. A mail whose envelope was on its way at
    /// that time proves nothing: the relay may have begun to refuse everyone behind it.
    #[must_use]
    pub fn any_after(&self, refused_at: Instant) -> bool {
        self.last_envelope > Some(refused_at)
    }

    /// Whether a refusal at `refused_at` was about its recipient: a mail was accepted after it, and no outage lies
    /// between.
    #[must_use]
    pub fn confirm(&self, refused_at: Instant) -> bool {
        self.any_after(refused_at) && self.ended_no_outage_since(refused_at)
    }

    /// Whether no outage has ended since `at`.
    #[must_use]
    pub fn ended_no_outage_since(&self, at: Instant) -> bool {
        self.outage_ended <= Some(at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_an_envelope_after_the_refusal_confirms_it() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut acceptances = Acceptances::default();
        assert!(!acceptances.confirm(at(0)), "nothing was accepted");
        acceptances.add(at(10));
        assert!(acceptances.confirm(at(9)) && !acceptances.confirm(at(10)) && !acceptances.confirm(at(11)));
        acceptances.add(at(5));
        assert!(acceptances.confirm(at(9)), "an envelope that went out earlier takes nothing back");
    }

    #[test]
    fn after_an_outage_earlier_refusals_are_asked_again_and_later_ones_count() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut acceptances = Acceptances::default();
        acceptances.outage_ended(at(20));
        acceptances.add(at(21));
        assert!(!acceptances.confirm(at(10)) && acceptances.any_after(at(10)));
        assert!(acceptances.confirm(at(20)), "refused after the outage");
    }
}
