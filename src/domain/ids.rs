//! Keys of rows and fencing numbers, each a type of its own, so that the compiler finds an argument in the wrong
//! place. How they become SQL values is the store's.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::Serialize;

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
number! {
    /// Key of a row of `events`. The application chooses it: any whole number, also zero and negative ones.
    EventId
}
number! {
    /// Key of a row of `participants`. The application chooses it: any whole number, also zero and negative ones. Pages are
    /// read in their order.
    ParticipantId
}

impl ParticipantId {
    /// The smallest key behind `after`; without one the smallest of all. Behind the largest key there is none: then this is the
    /// largest key.
    #[must_use]
    pub fn first_after(after: Option<Self>) -> Self {
        after.map_or(Self::MIN, |Self(id)| Self(id.saturating_add(1)))
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
