//! Keys of rows and fencing numbers, each a type of its own, so that the compiler finds an argument in the wrong
//! place. How they become SQL values is the store's.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::Serialize;

use crate::domain::event_key::{BadEventKey, TextKey};

/// A whole number of the database with a name of its own.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl $name {
            /// The smallest number that a database can hold.
            pub const MIN: Self = Self(i64::MIN);
            /// The largest number that a database can hold.
            pub const MAX: Self = Self(i64::MAX);
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Key of a row of `notifications`, given by the database. Keys grow: a newer notification has a larger one.
    NotificationId
}

impl NotificationId {
    /// The revision of its event that its mails tell, as iCalendar counts them (`SEQUENCE`, RFC 5545 section 3.8.7.4): larger than that
    /// of every earlier notification of the event, also after a purge, as the ledger gives no key again. Of equal ones, beyond what
    /// iCalendar can count, the later time counts (`DTSTAMP`, RFC 5546 section 2.1.5).
    #[must_use]
    pub fn sequence(self) -> u32 {
        i32::try_from(self.0.max(0)).unwrap_or(i32::MAX).unsigned_abs()
    }
}

/// Key of a row of `events`. The application chooses it: any whole number, also zero and negative ones, or a text. A text that
/// is a number as fanmail writes it is that number, so that a key is the same however the application stores it and the
/// publisher writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum EventId {
    /// A whole number.
    Number(i64),
    /// Any other text.
    Text(TextKey),
}

impl EventId {
    /// The key that is written so.
    ///
    /// # Errors
    /// When no event can have it.
    pub fn from_text(text: &str) -> Result<Self, BadEventKey> {
        match text.parse().map(Self::Number) {
            Ok(number) if number.to_string() == text => Ok(number),
            _ => TextKey::new(text).map(Self::Text),
        }
    }

    /// The number, if the key is one.
    #[must_use]
    pub fn number(self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(_) => None,
        }
    }
}

impl FromStr for EventId {
    type Err = BadEventKey;

    fn from_str(text: &str) -> Result<Self, BadEventKey> {
        Self::from_text(text)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

number! {
    /// Key of a row of `participants`. The application chooses it: any whole number, also zero and negative ones. Pages are
    /// read in their order.
    ParticipantId
}

impl ParticipantId {
    /// The smallest key behind `after`; without one the smallest of all. `None` behind the largest key.
    #[must_use]
    pub fn first_behind(after: Option<Self>) -> Option<Self> {
        after.map_or(Some(Self::MIN), |Self(id)| id.checked_add(1).map(Self))
    }

    /// The same, but behind the largest key that key itself, for callers that it may come to again or that look for it themselves.
    #[must_use]
    pub fn first_after(after: Option<Self>) -> Self {
        Self::first_behind(after).unwrap_or(Self::MAX)
    }
}
number! {
    /// The number of a lease of a notification, larger with every new holder: a fencing token. A write that names an older epoch than the
    /// notification has is refused.
    Epoch
}

impl Epoch {
    /// Of the worker that opens a notification, with a random number: a lease of a row that has vanished must not fit a row
    /// that gets the same key later, in a copy of the database that was restored.
    #[must_use]
    pub fn random() -> Self {
        Self(fastrand::i64(1..1 << 62))
    }

    /// Of the worker that opens the notification again.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Of the worker that takes the notification over, with a random number: if the reply to the commit is lost, the call that is
    /// repeated finds out by it that the lease is its own, and not that of another part of the worker. The number is small
    /// against [`Self::random`]: a row with a distant epoch counts as another row.
    #[must_use]
    pub fn of_take_over(self) -> Self {
        Self(self.0 + fastrand::i64(1..=1 << 20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_a_number_is_that_number() {
        for number in [0, -1, 123, i64::MIN, i64::MAX] {
            assert_eq!(EventId::from_text(&number.to_string()), Ok(EventId::Number(number)));
        }
        for text in ["0123", "+5", "-0", "1.0", "1e3", " 1", "1 ", "9223372036854775808", "١"] {
            let key = EventId::from_text(text).unwrap();
            assert!(matches!(key, EventId::Text(key) if key.as_str() == text), "{text}");
        }
    }

    #[test]
    fn a_key_is_json_as_it_is() {
        let json = |text| serde_json::to_string(&EventId::from_text(text).unwrap()).unwrap();
        assert_eq!([json("-7"), json("a\"b")], ["-7", "\"a\\\"b\""]);
    }
}
