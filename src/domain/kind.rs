//! The kinds of notifications: the words of the column `kind`, most of which are also those of the JSON field `type`.

use std::fmt;

/// What happened to the event, which is `type` in the message; or that there is none.
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
    /// It is about no event: a text for some people.
    Notice,
    /// A route has made it of a message of any form.
    Routed,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Created, Self::Updated, Self::Cancelled, Self::Reminder, Self::Notice, Self::Routed];

    /// Those that are about an event.
    pub const OF_EVENTS: [Self; 4] = [Self::Created, Self::Updated, Self::Cancelled, Self::Reminder];

    /// The word in the ledger, in logs, and of those about events in messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::Cancelled => "CANCELLED",
            Self::Reminder => "REMINDER",
            Self::Notice => "NOTICE",
            Self::Routed => "ROUTED",
        }
    }

    /// The folder of its built-in templates; a route names one of its own.
    #[must_use]
    pub fn folder(self) -> Option<&'static str> {
        Some(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Cancelled => "cancelled",
            Self::Reminder => "reminder",
            Self::Notice => "notice",
            Self::Routed => return None,
        })
    }

    /// The kind whose built-in templates are in this folder.
    #[must_use]
    pub fn of_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.folder() == Some(folder))
    }

    /// The words of those about events, for error texts and help.
    #[must_use]
    pub fn words() -> String {
        Self::OF_EVENTS.map(Self::as_str).join(", ")
    }

    /// The kind about an event that `word` names, if it is exactly one of the words.
    #[must_use]
    pub fn of_event(word: &str) -> Option<Self> {
        Self::OF_EVENTS.into_iter().find(|kind| kind.as_str() == word)
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
        assert_eq!((Kind::of_folder("updated"), Kind::of_folder("routed")), (Some(Kind::Updated), None));
        assert_eq!((Kind::of_event("REMINDER"), Kind::of_event("NOTICE")), (Some(Kind::Reminder), None));
    }
}
