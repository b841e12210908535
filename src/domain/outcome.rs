//! What became of one mail: the words of the ledger.

use std::fmt;

use super::notification::Lease;

/// What became of one mail. No outcome in the ledger means: not decided yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The relay took responsibility for it (250 after the dot).
    Sent,
    /// It will not be sent unless somebody asks for it by hand.
    Failed,
    /// There was nothing to send: the participant has no address.
    Skipped,
}

impl Status {
    /// The word in the ledger, in `status` and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row of the ledger to be: what became of the mail to one participant, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which notification the mail belongs to, and by what right it was sent.
    pub lease: Lease,
    /// Whom it was for.
    pub participant_id: i64,
    /// What became of it.
    pub status: Status,
    /// How many times it was put to the relay; 0 when it was decided without the relay.
    pub attempts: u32,
    /// For `failed`: trying again cannot help (a 5yz for this recipient, an impossible address).
    pub permanent: bool,
    /// The relay's last reply code, when there was one.
    pub smtp_code: Option<u16>,
    /// The relay's words or ours, without addresses, cut to [`Outcome::DETAIL_MAX`] characters.
    pub detail: Option<String>,
}

impl Outcome {
    /// Longest `detail` that is kept, in characters: enough for any relay's sentence.
    pub const DETAIL_MAX: usize = 200;
}

/// How the people of one notification add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Everyone the notification is for.
    pub participants: u64,
    /// Outcomes `sent`.
    pub sent: u64,
    /// Outcomes `failed`.
    pub failed: u64,
    /// Those of `failed` that trying again cannot help.
    pub failed_permanent: u64,
    /// Outcomes `skipped`.
    pub skipped: u64,
    /// Without an outcome yet.
    pub pending: u64,
}

impl Tally {
    /// Whether everyone is accounted for exactly once.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.participants == self.sent + self.failed + self.skipped + self.pending
    }
}
