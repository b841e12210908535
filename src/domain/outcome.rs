//! What became of one mail, in the words of the ledger. How outcomes are stored is left to `store::ledger`.

use std::fmt;
use std::time::Duration;

use crate::domain::acceptance::Acceptance;
use crate::domain::ids::{NotificationId, ParticipantId};
use crate::domain::lease::Lease;
use crate::domain::suppression::SuppressionReason;
use crate::text::clean::cut;

mod adding;

/// The word for a [`Verdict`]. A participant without one in the ledger is not decided yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// [`Verdict::Sent`] and [`Verdict::DryRun`].
    Sent,
    /// [`Verdict::Failed`].
    Failed,
    /// [`Verdict::Skipped`].
    Skipped,
    /// It was `sent`, and came back: no mailbox has it.
    Bounced,
    /// It was `sent`, and its recipient called it spam.
    Complained,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Sent, Self::Failed, Self::Skipped, Self::Bounced, Self::Complained];

    /// The word in the ledger, in `status` and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }

    /// The status that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What became of one mail, and why. Texts hold no addresses and at most [`Verdict::DETAIL_MAX`] characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The relay took responsibility for the mail (250 after the dot). With what it said, if that is known.
    Sent(Option<Acceptance>),
    /// Dry-run mode: no mail was sent, and the ledger says `sent` with [`Self::DRY_RUN`] as detail.
    DryRun,
    /// There was nothing to send, for this reason.
    Skipped(String),
    /// The mail is given up. Only `fanmail retry` sends it again.
    Failed {
        /// Whether another try may help.
        permanence: Permanence,
        /// The relay's last reply code; `None` when the relay was not asked or did not reply.
        code: Option<u16>,
        /// The relay's words, or ours.
        detail: String,
    },
    /// Tried in vain for a transient reason, and to be tried again after `pause`. A row in `deferrals`, and none in
    /// `deliveries`.
    Deferred {
        /// Time until the next attempt.
        pause: Duration,
        /// The relay's last reply code. 354 when the body was transmitted and no reply came: the relay may have accepted
        /// it, and the next attempt is the last one.
        code: Option<u16>,
        /// The relay's words, or ours.
        detail: String,
    },
}

/// Whether a failure may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permanence {
    /// It may: a 4yz reply, a lost connection, a template that can be repaired.
    Transient,
    /// It cannot: a 5yz reply for this recipient, an address that cannot be written.
    Permanent,
}

impl Verdict {
    /// The detail of [`Self::DryRun`], without a reply code: a relay that says the same has one.
    pub const DRY_RUN: &str = "dry run: no mail was sent";

    /// The detail of [`Self::same_address`], before the key.
    pub const SAME_ADDRESS: &str = "same address as ";

    /// The detail of participants for whom the application has no address.
    pub const NO_ADDRESS: &str = "the participant has no address";

    /// The detail of participants whose addresses are in none of the domains to which mails may go.
    pub const NOT_ALLOWED: &str = "not in EMAIL_ALLOW_DOMAINS";

    /// The detail of participants who were deferred until their event was cancelled.
    pub const CANCELLED: &str = "the event was cancelled meanwhile";

    /// The detail of [`Self::superseded_by`], before the key.
    pub const SUPERSEDED_BY: &str = "superseded by ";

    /// Why a deferred reminder is not sent any more.
    pub const HAS_BEGUN: &str = "the event has begun meanwhile";

    /// Why somebody who has got the last mail of an event gets none that would say the same.
    pub const NOTHING_CHANGED: &str = "nothing changed";

    /// Longest text that is kept, in characters: enough for any relay's sentence.
    pub const DETAIL_MAX: usize = 200;

    /// Skipped, for `reason`.
    #[must_use]
    pub fn skipped(reason: &str) -> Self {
        Self::Skipped(cut(reason, Self::DETAIL_MAX))
    }

    /// Skipped, because the participant `first` has the same address and gets the mail.
    #[must_use]
    pub fn same_address(first: ParticipantId) -> Self {
        Self::Skipped(format!("{}{first}", Self::SAME_ADDRESS))
    }

    /// Skipped, because the address gets no such mail.
    #[must_use]
    pub fn suppressed(reason: SuppressionReason) -> Self {
        Self::Skipped(reason.as_str().to_owned())
    }

    /// Skipped, because the notification `newer` says what there is to say now.
    #[must_use]
    pub fn superseded_by(newer: NotificationId) -> Self {
        Self::Skipped(format!("{}{newer}", Self::SUPERSEDED_BY))
    }

    /// The participant whom the detail of such an outcome names.
    #[must_use]
    pub fn first_with_address(detail: &str) -> Option<ParticipantId> {
        detail.strip_prefix(Self::SAME_ADDRESS)?.parse().ok()
    }

    /// Failed, with the relay's reply code, for the reason `detail`.
    #[must_use]
    pub fn failed(permanence: Permanence, code: Option<u16>, detail: &str) -> Self {
        Self::Failed { permanence, code, detail: cut(detail, Self::DETAIL_MAX) }
    }

    /// Deferred for `pause`, with the relay's reply code, for the reason `detail`.
    #[must_use]
    pub fn deferred(pause: Duration, code: Option<u16>, detail: &str) -> Self {
        Self::Deferred { pause, code, detail: cut(detail, Self::DETAIL_MAX) }
    }

    /// Whether the relay took the mail.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        matches!(self, Self::Sent(_))
    }

    /// The word for it in `deliveries`; `None` while it is deferred.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::Sent(_) | Self::DryRun => Some(Status::Sent),
            Self::Skipped(_) => Some(Status::Skipped),
            Self::Failed { .. } => Some(Status::Failed),
            Self::Deferred { .. } => None,
        }
    }
}

/// The verdict about the mail to one participant: a row of `deliveries` or `deferrals` to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The notification, and the fencing token of the lease under which the mail was sent.
    pub lease: Lease,
    /// The participant.
    pub participant_id: ParticipantId,
    /// How many times the mail was submitted to the relay; 0 when the relay was not asked. Of a mail that was deferred:
    /// the attempts of the last round, and one for each time that it was deferred (the retries before the first deferral
    /// are not counted).
    pub attempts: u32,
    /// How many times the mail was deferred before. If it was, its row in `deferrals` is replaced by this outcome.
    pub deferrals: u32,
    /// What became of the mail.
    pub verdict: Verdict,
}

/// How the people of one notification add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Everyone the notification is for.
    pub participants: u64,
    /// Outcomes `sent`.
    pub sent: u64,
    /// Those of `sent` that are of dry-run mode: no mail was sent.
    pub dry_run: u64,
    /// Outcomes `bounced`: they were sent, and came back.
    pub bounced: u64,
    /// Outcomes `complained`: they were sent, and called spam.
    pub complained: u64,
    /// Outcomes `failed`.
    pub failed: u64,
    /// Those of `failed` that trying again cannot help.
    pub failed_permanent: u64,
    /// Outcomes `skipped`.
    pub skipped: u64,
    /// Those of `skipped` whose address another participant has, who gets the mail.
    pub same_address: u64,
    /// Those of `skipped` who had no address.
    pub no_address: u64,
    /// Deferred: tried again later.
    pub deferred: u64,
    /// Without an outcome, and not deferred.
    pub pending: u64,
}

impl Tally {
    /// Everyone who has an outcome.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.sent + self.bounced + self.complained + self.failed + self.skipped
    }

    /// Whether everyone is accounted for exactly once.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.participants == self.decided() + self.deferred + self.pending
    }
}

/// How many outcomes there are of each status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Outcomes `sent`.
    pub sent: u64,
    /// Those of `sent` that are of dry-run mode: no mail was sent.
    pub dry_run: u64,
    /// Outcomes `failed`.
    pub failed: u64,
    /// Those of `failed` that trying again cannot help.
    pub failed_permanent: u64,
    /// Outcomes `skipped`.
    pub skipped: u64,
    /// Mails that were deferred.
    pub deferred: u64,
}

impl Counts {
    /// Counts one outcome with this verdict.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Sent(_) => self.sent += 1,
            Verdict::DryRun => {
                self.sent += 1;
                self.dry_run += 1;
            }
            Verdict::Failed { permanence, .. } => {
                self.failed += 1;
                self.failed_permanent += u64::from(*permanence == Permanence::Permanent);
            }
            Verdict::Skipped(_) => self.skipped += 1,
            Verdict::Deferred { .. } => self.deferred += 1,
        }
    }

    /// The sum.
    #[must_use]
    pub fn total(self) -> u64 {
        self.sent + self.failed + self.skipped + self.deferred
    }
}
