//! A participant to be mailed, with the attempts so far. When the next attempt is due is left to
//! `delivery::retry_policy` and `fan_out::retries`.

use crate::domain::participant::Participant;

/// A participant to be mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The participant.
    pub participant: Participant,
    /// Attempts that count: submissions to a relay that worked.
    pub attempts: u32,
    /// Submissions over which the relay broke down, and which were not charged as attempts.
    pub uncharged_attempts: u32,
    /// How many times the mail was deferred before this fan-out.
    pub deferrals: u32,
    /// Whether the relay may have accepted the mail already: it was transmitted once, and no reply came.
    pub ambiguous: bool,
    /// Whether a connection was lost over another mail while this recipient's envelope was pipelined behind it.
    pub lost_while_pipelined: bool,
}

impl Recipient {
    /// A recipient without an attempt.
    #[must_use]
    pub fn new(participant: Participant) -> Self {
        Self {
            participant,
            attempts: 0,
            uncharged_attempts: 0,
            deferrals: 0,
            ambiguous: false,
            lost_while_pipelined: false,
        }
    }

    /// Whether this recipient's envelope may be pipelined behind another mail's body. Not after a failed attempt: some
    /// relays hold back the reply to a body until they have processed the envelope behind it.
    #[must_use]
    pub fn may_be_pipelined(&self) -> bool {
        self.backoff_step() == 0 && !self.lost_while_pipelined
    }

    /// Step of the backoff: the larger of charged and uncharged attempts.
    #[must_use]
    pub fn backoff_step(&self) -> u32 {
        self.attempts.max(self.uncharged_attempts)
    }
}
