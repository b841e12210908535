//! What a mail to the bounce address, or a provider's report, may be. Reading them is left to `reader` and `providers`.

use crate::bounces::status_code::{Severity, StatusCode, choose, classify, spares_address};

/// What a mail to the bounce address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The mail was not delivered, for good.
    Bounce(Bounce),
    /// The recipient called the mail spam, or a filter did so for them. With the type of the feedback: `abuse`.
    Complaint(String),
    /// A notice about a mail that is delayed, delivered, relayed or read: no bounce.
    Notice,
    /// A program answered: an absence, a mailbox that confirms, a calendar.
    AutoReply,
    /// Something else, such as a mail that a person has written.
    Other,
}

/// A mail that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// The enhanced status code, if one was found.
    pub code: Option<StatusCode>,
    /// What it says about the address.
    pub severity: Severity,
    /// The words of the server that refused it. They may have addresses.
    pub words: String,
}

impl Bounce {
    /// A bounce with what the report says of it.
    pub fn new(status: Option<StatusCode>, words: String) -> Self {
        let code = choose(status, &words);
        Self { code, severity: classify(code, &words), words }
    }

    /// A bounce of which a provider has an opinion. What the receiving server says counts more: the opinion decides only if its code and
    /// its words leave that open.
    pub fn with_opinion(status: Option<StatusCode>, words: String, opinion: Severity) -> Self {
        let bounce = Self::new(status, words);
        let is_open = bounce.severity == Severity::Soft && bounce.code.is_none_or(StatusCode::says_nothing);
        let is_spared = opinion == Severity::Hard && spares_address(bounce.code, &bounce.words);
        if is_open && !is_spared { Self { severity: opinion, ..bounce } } else { bounce }
    }

    /// A bounce of a mail that the provider has sent to no server, because it knows the address.
    pub fn decided(status: Option<StatusCode>, words: String, severity: Severity) -> Self {
        Self { code: choose(status, &words), severity, words }
    }
}
