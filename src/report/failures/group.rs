//! Mails that did not arrive for one reason, and how one of them is shown. Finding them is left to `failures`.

use serde::Serialize;

use crate::domain::ids::NotificationId;
use crate::report::failures::people::ShownPerson;
use crate::store::ledger::undelivered::{Fate, UndeliveredMail};
use crate::text::mask::masked_line;

/// What became of the mails of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FailureSort {
    /// Given up, and trying again cannot help.
    Permanent,
    /// Given up, and trying again may help.
    Temporary,
    /// The relay took it, and it came back.
    Bounced,
    /// It is tried again.
    Deferred,
}

impl FailureSort {
    /// What such a fate is.
    #[must_use]
    pub fn of(fate: Fate) -> Self {
        match fate {
            Fate::Failed { permanent: true } => Self::Permanent,
            Fate::Failed { permanent: false } => Self::Temporary,
            Fate::Bounced => Self::Bounced,
            Fate::Deferred { .. } => Self::Deferred,
        }
    }

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Temporary => "temporary",
            Self::Bounced => "bounced",
            Self::Deferred => "deferred",
        }
    }
}

/// Mails that did not arrive for one reason. Scripts rely on these keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureGroup {
    /// What became of them.
    pub failure: FailureSort,
    /// The relay's reply code.
    pub smtp_code: Option<i32>,
    /// The enhanced status code.
    pub enhanced_code: Option<String>,
    /// What their words have in common.
    pub reason: String,
    /// How many they are.
    pub count: u64,
    /// When the next one is tried again, if they are deferred, RFC 3339.
    pub next_try_at: Option<String>,
    /// The notifications with the most of them, at most ten.
    pub notifications: Vec<InNotification>,
    /// How many other notifications have some.
    pub more_notifications: usize,
    /// Some of them.
    pub examples: Vec<FailureExample>,
}

impl FailureGroup {
    /// The codes and the words: `550 5.1.1 (address): no such user`.
    #[must_use]
    pub fn shown_reason(&self) -> String {
        let code = self.smtp_code.map(|code| code.to_string());
        let parts = [code.as_deref(), self.enhanced_code.as_deref(), Some(self.reason.as_str())];
        let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() { "no reason is recorded".to_owned() } else { parts.join(" ") }
    }
}

/// How many of them a notification has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct InNotification {
    /// Its key.
    pub notification: NotificationId,
    /// How many.
    pub count: u64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureExample {
    /// Its notification.
    pub notification: NotificationId,
    /// Its recipient, with a masked address.
    #[serde(flatten)]
    pub person: ShownPerson,
    /// The words as they are.
    pub reason: String,
}

/// The words of a mail for people: on one line, with the reply code in front.
#[must_use]
pub fn shown_words(mail: &UndeliveredMail) -> String {
    with_code(mail.code, &masked_line(mail.words.as_deref().unwrap_or_default()))
}

/// The relay's words with the code in front, which they mostly begin with.
#[must_use]
pub fn with_code(code: Option<i32>, words: &str) -> String {
    match code.map(|code| code.to_string()) {
        Some(code) if !words.starts_with(&code) => format!("{code} {words}").trim_end().to_owned(),
        _ => words.to_owned(),
    }
}
