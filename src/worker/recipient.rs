//! A participant to be mailed, with the attempts so far. When the next attempt is due is left to
//! `delivery::retry_policy` and `fan_out::retries`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::channels::{PreparedNotification, SendError};
use crate::domain::outcome::Verdict;
use crate::domain::participant::Participant;
use crate::store::ledger::deferrals::Deferral;
use crate::text::clean::cut;
use crate::worker::delivery::throttles::Throttles;

/// The code of a deferral whose body was transmitted without a reply: the last thing that the relay said was 354.
pub const AMBIGUOUS_CODE: u16 = 354;

/// What the mails of those have in common who are told something else than the others.
#[derive(Debug, Clone)]
pub struct OwnMail(pub Arc<PreparedNotification>);

/// Whether they are made of the same.
impl PartialEq for OwnMail {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for OwnMail {}

/// A participant to be mailed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is about another part of its attempts")]
pub struct Recipient {
    /// The participant.
    pub participant: Participant,
    /// What their mail tells, if that is not what the others of the fan-out are told.
    pub own_mail: Option<OwnMail>,
    /// Attempts that count: submissions to a relay that worked.
    pub attempts: u32,
    /// Submissions over which the relay broke down, and which were not charged as attempts.
    pub uncharged_attempts: u32,
    /// How many times the relay throttled the mail in this fan-out, and in the runs of the sweep before it.
    pub throttles: Throttles,
    /// How many times the mail was deferred before this fan-out.
    pub deferrals: u32,
    /// Whether a deferred mail is tried by hand, perhaps before it is due. That uses up no step of `DEFER_SCHEDULE`.
    pub by_hand: bool,
    /// When the relay last refused the recipient for good, with a refusal that may be about us. Unknown after a crash:
    /// then the relay is asked again.
    pub refused_at: Option<Instant>,
    /// When another mail was last the better probe of a relay that refuses everyone.
    pub passed_over_at: Option<Instant>,
    /// Whether the relay may have accepted the mail already: it was transmitted once, and no reply came.
    pub ambiguous: bool,
    /// Why the last attempt failed. Boxed, because most recipients have no failed attempt.
    pub last_error: Option<Box<SendError>>,
    /// Whether the relay has said that the address does not exist, and is to be believed.
    pub address_refused: bool,
    /// Whether a connection was lost over another mail while this recipient's envelope was pipelined behind it.
    pub lost_while_pipelined: bool,
}

impl Recipient {
    /// A recipient without an attempt.
    #[must_use]
    pub fn new(participant: Participant) -> Self {
        Self {
            participant,
            own_mail: None,
            attempts: 0,
            uncharged_attempts: 0,
            throttles: Throttles::default(),
            deferrals: 0,
            by_hand: false,
            refused_at: None,
            passed_over_at: None,
            ambiguous: false,
            last_error: None,
            address_refused: false,
            lost_while_pipelined: false,
        }
    }

    /// A recipient whose mail was deferred before.
    #[must_use]
    pub fn deferred(participant: Participant, deferral: &Deferral) -> Self {
        let ambiguous = deferral.code == Some(AMBIGUOUS_CODE);
        Self { deferrals: deferral.tries, ambiguous, ..Self::new(participant) }
            .deferred_with(deferral.code, deferral.overdue)
    }

    /// One without an outcome. A deferred participant is tried by hand: only `fanmail retry` tries one before the sweep does.
    #[must_use]
    pub fn undecided(participant: Participant, deferral: Option<&Deferral>) -> Self {
        match deferral {
            Some(deferral) => Self { by_hand: true, ..Self::deferred(participant, deferral) },
            None => Self::new(participant),
        }
    }

    /// How many steps of `DEFER_SCHEDULE` are behind the mail if it is deferred now. That the relay may have accepted it
    /// (`newly_ambiguous`) is noted in any case, and the ledger replaces a deferral only by one with more steps.
    #[must_use]
    pub fn steps(&self, newly_ambiguous: bool) -> u32 {
        let kept = self.by_hand && !newly_ambiguous;
        self.deferrals.saturating_sub(u32::from(kept))
    }

    /// Where the mail goes to; empty if there is no address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.participant.email.as_deref().unwrap_or_default()
    }

    /// Whether the relay was asked about this recipient in this fan-out.
    #[must_use]
    pub fn was_submitted(&self) -> bool {
        self.backoff_step() > 0
    }

    /// Remembers why the attempt failed, for the case that the fan-out defers the recipient later.
    pub fn failed(&mut self, error: &SendError) {
        let detail = cut(error.detail.as_str(), Verdict::DETAIL_MAX);
        self.last_error = Some(Box::new(SendError { detail, ..error.clone() }));
    }

    /// Notes the reply code with which the recipient was deferred, `ago` or longer. After a 5yz, one more refusal is
    /// enough for a failure, if the relay has accepted another mail in between.
    #[must_use]
    pub fn deferred_with(self, code: Option<u16>, ago: Duration) -> Self {
        let refused_at = code.filter(|code| (500..600).contains(code)).and(Instant::now().checked_sub(ago));
        Self { refused_at, ..self }
    }

    /// Whether this recipient's envelope may be pipelined behind another mail's body. Not after a failed attempt: some
    /// relays hold back the reply to a body until they have processed the envelope behind it. Not before a confirmation of a
    /// refusal either: the reply to a pipelined envelope may be older than it seems.
    #[must_use]
    pub fn may_be_pipelined(&self) -> bool {
        self.backoff_step() == 0 && self.deferrals == 0 && !self.lost_while_pipelined
    }

    /// Step of the backoff: the larger of charged and uncharged attempts.
    #[must_use]
    pub fn backoff_step(&self) -> u32 {
        self.attempts.max(self.uncharged_attempts)
    }
}
