//! What becomes of a mail to the bounce address, in the words of the table `bounce_counts`, of metrics and of `fanmail bounces`.

/// What became of a mail to the bounce address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BounceResult {
    /// The outcome is `bounced` now.
    Bounced,
    /// The same, and the reason is policy or reputation, not the address.
    Infrastructure,
    /// The outcome is `complained` now.
    Complained,
    /// The outcome was that already.
    Repeated,
    /// A notice about a mail that is delayed or was delivered.
    Notice,
    /// A program has answered.
    AutoReply,
    /// No report: a person has written, for example.
    Other,
    /// The outcome is not `sent`, or is gone.
    Refused,
    /// The address has a code that is not ours.
    Forged,
    /// It is about no mail of ours.
    Foreign,
    /// The outcome of the mail is not recorded yet: it is to be read again later, and not counted.
    NotYet,
}

impl BounceResult {
    /// Those that are counted.
    pub const COUNTED: [Self; 10] = [
        Self::Bounced,
        Self::Infrastructure,
        Self::Complained,
        Self::Repeated,
        Self::Notice,
        Self::AutoReply,
        Self::Other,
        Self::Refused,
        Self::Forged,
        Self::Foreign,
    ];

    /// The one that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::COUNTED.into_iter().find(|result| result.as_str() == word)
    }

    /// The word in the ledger and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Infrastructure => "infrastructure",
            Self::Complained => "complained",
            Self::Repeated => "repeated",
            Self::Notice => "notice",
            Self::AutoReply => "auto-reply",
            Self::Other => "other",
            Self::Refused => "refused",
            Self::Forged => "forged",
            Self::Foreign => "foreign",
            Self::NotYet => "not yet",
        }
    }
}
