//! One page of a fan-out: those who get a mail, and those about whom something is decided without one. How it is read is left to
//! `audience` and `due`.

use crate::domain::ids::ParticipantId;
use crate::domain::lease::Lease;
use crate::domain::outcome::{Outcome, Verdict};
use crate::store::ledger::deferrals::Deferral;
use crate::worker::recipient::Recipient;

/// One page. It may be empty, although further pages follow.
#[derive(Debug, Default)]
pub struct Page {
    /// Those who get a mail.
    pub recipients: Vec<Recipient>,
    /// Those who get none, or not now.
    pub decided: Vec<Decided>,
    /// Undecided people who cannot be read, with the reason.
    pub unreadable: Vec<(ParticipantId, String)>,
    /// Keys of rows with several addresses.
    pub doubled: Vec<ParticipantId>,
}

impl Page {
    /// The same, and those who would get a mail, and were not deferred, are skipped for this reason. They need not be read for that.
    #[must_use]
    pub fn without_recipients(mut self, reason: &str) -> Self {
        let readable = self.recipients.drain(..).map(|recipient| recipient.participant.id);
        let ids = readable.chain(self.unreadable.drain(..).map(|(id, _)| id));
        let skipped =
            |participant_id| Decided { participant_id, tries: 0, verdict: Verdict::skipped(reason) };
        self.decided.extend(ids.map(skipped));
        self
    }
}

/// A participant about whom the relay is not asked, with the verdict.
#[derive(Debug, PartialEq, Eq)]
pub struct Decided {
    /// The participant.
    pub participant_id: ParticipantId,
    /// How many times a mail to them was deferred before.
    pub tries: u32,
    /// Why they get no mail.
    pub verdict: Verdict,
}

impl Decided {
    /// About a participant whose mail was deferred.
    #[must_use]
    pub fn of(deferral: &Deferral, verdict: Verdict) -> Self {
        Self { participant_id: deferral.participant_id, tries: deferral.tries, verdict }
    }

    /// The outcome under this lease.
    #[must_use]
    pub fn outcome(self, lease: Lease) -> Outcome {
        let Self { participant_id, tries, verdict } = self;
        Outcome { lease, participant_id, attempts: tries, deferrals: tries, verdict }
    }
}
