//! The ways to reach people, as the ledger names them.

/// A way to reach people. A notification is on one channel; a message for two channels opens two notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelName {
    /// A mail over SMTP.
    Email,
}

impl ChannelName {
    /// Every channel.
    pub const ALL: [Self; 1] = [Self::Email];

    /// The word in the ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
        }
    }

    /// The channel that `word` names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == word)
    }
}
