//! What a mail to the bounce address may be. Reading it is left to `reader`.

use crate::bounces::status_code::{Severity, StatusCode, choose, classify};

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
}
