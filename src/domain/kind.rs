//! The kinds of notifications: the words of the JSON field `type` and of the column `kind`.

use std::fmt;

/// What happened to the event; `type` in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The event is new.
    Created,
    /// The event changed.
    Updated,
    /// The event will not take place.
    Cancelled,
    /// The event begins soon.
    Reminder,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Created, Self::Updated, Self::Cancelled, Self::Reminder];

    /// The word in messages, in the ledger and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::Cancelled => "CANCELLED",
            Self::Reminder => "REMINDER",
        }
    }

    /// All words, for error texts and help.
    #[must_use]
    pub fn words() -> String {
        Self::ALL.map(Self::as_str).join(", ")
    }

    /// The kind that `word` names, if it is exactly one of the words.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_word_and_is_found_by_it() {
        assert_eq!(Kind::words(), "CREATED, UPDATED, CANCELLED, REMINDER");
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(Kind::from_word("updated"), None);
    }
}
